"""The package index that this machine is configured for, read the way pip reads it.

The first wheel (pip's own) is fetched before there is a pip that could read its configuration,
so the part of it that decides *where from* and *through what* is read here: the pip.conf files
in their usual places, then the PIP_* variables, each overruling the ones before
(https://pip.pypa.io/en/stable/topics/configuration/).
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_INDEX = "https://pypi.org/simple"
SECTIONS = ("global", "install")


@dataclass(frozen=True, slots=True)
class PipSettings:
    """Where packages come from: index URLs, further links, and the way to them."""

    indexes: tuple[str, ...]
    find_links: tuple[str, ...]
    certificate_file: str | None
    proxy: str | None
    trusted_hosts: tuple[str, ...]
    timeout_seconds: float


def configuration_files(environ: Mapping[str, str], home: Path) -> Iterator[Path]:
    """pip's configuration files, weakest first; those that do not exist are skipped by the reader.

    A PIP_CONFIG_FILE that exists replaces the user's own files; os.devnull switches all off.
    """
    chosen = environ.get("PIP_CONFIG_FILE")
    if chosen == os.devnull:
        return
    for folder in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(os.pathsep):
        yield Path(folder) / "pip" / "pip.conf"
    yield Path("/etc/pip.conf")
    if chosen and Path(chosen).exists():
        yield Path(chosen)
        return
    yield home / ".pip" / "pip.conf"
    yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"


def read_pip_settings(environ: Mapping[str, str], home: Path) -> PipSettings:
    """The settings that hold for `environ` and the user whose home is `home`."""
    values: dict[str, str] = {}
    for path in configuration_files(environ, home):
        values.update(_values_of(path))
    for name, value in environ.items():
        if name.startswith("PIP_") and value:
            values[name[4:].lower().replace("_", "-")] = value
    indexes: list[str] = []
    if values.get("no-index", "").lower() not in {"1", "true", "yes", "on"}:
        indexes = [
            values.get("index-url", DEFAULT_INDEX),
            *values.get("extra-index-url", "").split(),
        ]
    bundle = environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE")
    return PipSettings(
        indexes=tuple(indexes),
        find_links=tuple(values.get("find-links", "").split()),
        certificate_file=values.get("cert") or bundle or None,
        proxy=values.get("proxy"),
        trusted_hosts=tuple(values.get("trusted-host", "").split()),
        timeout_seconds=_seconds(values.get("timeout") or values.get("default-timeout")),
    )


def _values_of(path: Path) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (OSError, configparser.Error, UnicodeDecodeError):
        return {}  # pip itself will name a broken file, with its line
    found: dict[str, str] = {}
    for section in SECTIONS:
        if parser.has_section(section):
            found.update({name.replace("_", "-"): value for name, value in parser.items(section)})
    return found


def _seconds(text: str | None) -> float:
    try:
        return max(float(text or 30), 5.0)
    except ValueError:
        return 30.0
