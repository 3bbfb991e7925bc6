"""Reading HAPANEL_* variables strictly: a wrong or misspelt one stops the start with a remedy."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

PREFIX = "HAPANEL_"
_RATE = re.compile(r"[1-9][0-9]*/(?:sec|min|hour|day)")
# Read by other programs of the project (./panel, the command line), not by the settings.
ELSEWHERE = frozenset({"HAPANEL_TOKEN_SECRET"})


class SettingRefused(SystemExit):
    """A setting that cannot be used; ends the program with cause and remedy."""

    def __init__(self, name: str, because: str, remedy: str) -> None:
        super().__init__(f"{name}: {because} {remedy} (docs/settings.md)")


class Environment:
    """The HAPANEL_* part of the process's environment. Remembers which names were declared."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self._variables = os.environ if variables is None else variables
        self.declared: set[str] = set()

    def _read(self, name: str) -> str | None:
        self.declared.add(name)
        return self._variables.get(name)

    def text(self, name: str, default: str) -> str:
        return self._read(name) or default

    def choice(self, name: str, default: str, allowed: Sequence[str]) -> str:
        value = self.text(name, default)
        if value not in allowed:
            raise SettingRefused(name, f"{value!r} is not known.", f"Use one of {allowed}.")
        return value

    def folder(self, name: str, default: Path) -> Path:
        """An absolute path; a relative one counts from where the program was started."""
        return Path(self.text(name, str(default))).absolute()

    def rate(self, name: str, default: str) -> str:
        """So many a time: 1200/min."""
        value = self.text(name, default)
        if not _RATE.fullmatch(value):
            raise SettingRefused(name, f"{value!r} is no rate.", "Write it as 1200/min.")
        return value

    def time_zone(self, name: str, default: str) -> str:
        """A zone of the IANA database, such as Asia/Jakarta."""
        value = self.text(name, default)
        try:
            zoneinfo.ZoneInfo(value)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise SettingRefused(
                name, f"there is no time zone {value!r}.", "Use a name such as Asia/Jakarta."
            ) from None
        return value

    def flag(self, name: str, default: bool) -> bool:
        value = self._read(name)
        if value is None or value == "":
            return default
        if value.lower() not in {"1", "0", "true", "false", "yes", "no", "on", "off"}:
            raise SettingRefused(name, f"{value!r} is neither yes nor no.", "Use 1 or 0.")
        return value.lower() in {"1", "true", "yes", "on"}

    def number(self, name: str, default: int, *, least: int) -> int:
        value = self._read(name)
        if value is None or value == "":
            return default
        if not (value.isascii() and value.isdigit()) or int(value) < least:
            raise SettingRefused(
                name, f"{value!r} will not do.", f"Use a whole number from {least} on."
            )
        return int(value)

    def words(self, name: str, default: list[str]) -> list[str]:
        value = self._read(name)
        if value is None:
            return default
        return [word.strip() for word in value.split(",") if word.strip()]

    def secret_text(self, name: str, default: str) -> str:
        """A value that may hold a password: from NAME, or from the file that NAME_FILE names."""
        value, file = self._read(name), self._read(f"{name}_FILE")
        if value and file:
            raise SettingRefused(name, f"{name} and {name}_FILE are both set.", "Keep one of them.")
        if file:
            content = _content(f"{name}_FILE", Path(file))
            if not content:
                raise SettingRefused(f"{name}_FILE", f"{file} is empty.", "Write the secret in it.")
            return content
        return value or default

    def secret(self, name: str, *, generated_in: Path) -> str:
        """A secret; when none is given, one is made once and kept in a file only we can read."""
        value = self.secret_text(name, "")
        return value or _generated(name, generated_in)

    def secrets(self, name: str, *, generated_in: Path) -> list[str]:
        """Comma-separated secrets, the first one is the current one."""
        value = self.secret(name, generated_in=generated_in)
        found = [word.strip() for word in value.split(",") if word.strip()]
        short = [word for word in found if len(word) < 32]
        if short or not found:
            raise SettingRefused(
                name, "a key is shorter than 32 characters.", "Make keys with: openssl rand -hex 32"
            )
        return found

    def refuse_unknown(self) -> None:
        """A misspelt variable would silently do nothing; better to stop."""
        known = self.declared | ELSEWHERE
        for name in sorted(self._variables):
            if name.startswith(PREFIX) and name not in known:
                raise SettingRefused(name, "no such setting.", "Correct the name or remove it.")


def _content(name: str, file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError as error:
        raise SettingRefused(
            name, f"{file} cannot be read ({error.strerror}).", "Correct the path or its rights."
        ) from None


def _generated(name: str, file: Path) -> str:
    """Put in place by link(2), which never replaces: processes that start together agree on it."""
    if not file.exists():
        try:
            _make_secret(file)
        except OSError as error:
            raise SettingRefused(
                name,
                f"not set, and {file} cannot be written ({error.strerror}).",
                f"Set {name}.",
            ) from None
    return _content(name, file)


def _make_secret(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    # Readable by us alone, under a name that no other process has, in another container neither.
    with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=f"{file.name}.") as draft:
        draft.write(secrets.token_hex(32))
        draft.flush()
        try:
            os.link(draft.name, file)
        except FileExistsError:
            return


def _parts_of(name: str, url: str) -> SplitResult:
    """The parts of an address. A refusal does not repeat it, for it may hold a password."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # judged only when it is asked for
    except ValueError:
        raise SettingRefused(
            name, "it is no address.", "Percent-encode the special characters of its password."
        ) from None
    return parts


def database_from_url(url: str) -> dict[str, Any]:
    """Django's database settings from sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME."""
    parts = _parts_of("HAPANEL_DATABASE_URL", url)
    if parts.scheme == "sqlite" and not parts.netloc and parts.path.strip("/"):
        return _sqlite(Path(parts.path))
    if parts.scheme in {"postgres", "postgresql"}:
        return _postgresql(parts)
    raise SettingRefused(
        "HAPANEL_DATABASE_URL",
        "it names no database that the panel can use.",
        "Use sqlite:////path/to/file or postgresql://user:password@host/name.",
    )


def _postgresql(parts: SplitResult) -> dict[str, Any]:
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    host = options.pop("host", None) or unquote(parts.hostname or "")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
    }


def _sqlite(file: Path) -> dict[str, Any]:
    # sqlite:///var/x is /var/x; Django creates the file, but not the folder.
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingRefused(
            "HAPANEL_DATABASE_URL",
            f"the folder of {file} cannot be made ({error.strerror}).",
            "Correct the path or its rights.",
        ) from None
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(file),
        "OPTIONS": {
            # Without these, writers that upgrade a read lock fail at once: "database is locked".
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }


@dataclass(frozen=True)
class RedisLocations:
    """One Redis in the spelling of each of its clients, which differ for unix sockets."""

    client_url: str  # redis-py, the cache and redbeat
    celery_url: str


def redis_locations(url: str) -> RedisLocations:
    """From redis://[:password@]host:port/db or unix:///path/to/socket?db=0."""
    parts = _parts_of("HAPANEL_REDIS_URL", url)
    if parts.scheme == "unix" and not parts.netloc:
        db = dict(parse_qsl(parts.query)).get("db", "0")
        return RedisLocations(
            client_url=f"unix://{parts.path}?db={db}",
            celery_url=f"redis+socket://{parts.path}?virtual_host={db}",
        )
    if parts.scheme in {"redis", "rediss"}:
        return RedisLocations(client_url=url, celery_url=url)
    raise SettingRefused(
        "HAPANEL_REDIS_URL",
        "it names no Redis that the panel can use.",
        "Use redis://host:6379/0 or unix:///path/to/socket.",
    )
