"""Makes and keeps .venv: the exact packages of a lock file, and nothing twice.

A bare Debian has no pip and no ensurepip, so the environment is made without them and pip is run
straight from its own wheel, which is fetched by name and hash. What was installed is stamped with
the lock file's hash: an unchanged lock file costs one comparison at the next start.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hapanel.bootstrap.pip_settings import read_pip_settings
from hapanel.bootstrap.wheel_source import Wheel, WheelSource
from hapanel.kernel.refusal import Refused, gettext_noop, refusal_kind

PIP = Wheel(
    project="pip",
    filename="pip-26.3-py3-none-any.whl",
    sha256="f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13",
)
RUNTIME_LOCK = "requirements.lock"
DEVELOPMENT_LOCK = "requirements-dev.lock"
NEEDED_MIB = {RUNTIME_LOCK: 300, DEVELOPMENT_LOCK: 900}
MIB = 1024 * 1024

DISK_FULL = refusal_kind(
    "setup-disk-full",
    gettext_noop("The set-up needs about %(needed)s MiB in %(folder)s; %(free)s MiB are free."),
    gettext_noop("Make room there and start again; what is installed already is kept."),
)
NOT_WRITABLE = refusal_kind(
    "setup-not-writable",
    gettext_noop("%(folder)s cannot be written: %(reason)s."),
    gettext_noop("Start ./panel as the owner of this folder, or copy it to where you may write."),
)
NO_VENV = refusal_kind(
    "setup-no-venv",
    gettext_noop("Python could not make the environment .venv: %(reason)s."),
    gettext_noop("Install the rest of Python (Debian: apt-get install python3) and start again."),
)
INSTALL_FAILED = refusal_kind(
    "setup-install-failed",
    gettext_noop("The packages of %(lock)s could not be installed: %(reason)s"),
    gettext_noop(
        "Mend what pip names above (most often the network, a proxy or an index that lacks a"
        " file) and start ./panel again: it goes on where it stopped."
    ),
)


class Environment:
    """The project's .venv under `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / ".venv"
        self.python = self.folder / "bin" / "python"
        self._stamp = self.folder / "panel-stamp.json"

    def ensure(self, lock: str) -> None:
        """Make the packages of `lock` importable by `self.python`. Raises Refused."""
        if not self._holds(lock):
            with self._only_one_at_a_time():
                if not self._holds(lock):
                    self._install(lock)
        self._compile_translations()

    def _holds(self, lock: str) -> bool:
        stamp = self._read_stamp()
        return (
            self.python.exists()
            and self._identity().items() <= stamp.items()
            and (stamp.get(lock) == self._digest(lock))
        )

    def _identity(self) -> dict[str, str]:
        """What an upgrade of Python or a move of the folder changes."""
        return {"python": str(self.python.resolve()), "folder": str(self.folder)}

    def _install(self, lock: str) -> None:
        started = time.monotonic()
        self._refuse_without_room(lock)
        if not self._is_usable():
            _say(f"Making .venv with Python {sys.version.split()[0]} ({sys.executable})")
            self._make()
        pip = self._pip()
        count = (self.root / lock).read_text().count("==")
        _say(f"Installing {count} packages of {lock}; this is needed once and takes a while")
        self._run_pip(pip, lock)
        self._write_stamp(lock)
        _say(f"Set up in {time.monotonic() - started:.0f} s")

    def _is_usable(self) -> bool:
        """Whether .venv is whole, lies where it was made and has a suitable Python that starts."""
        if self._read_stamp().get("folder", str(self.folder)) != str(self.folder):
            return False  # the checkout was moved, and the scripts in bin/ name the old place
        probe = (
            "import sys; suits = (3, 11) <= sys.version_info[:2] <= (3, 13);"
            "sys.exit(not suits or sys.prefix == sys.base_prefix)"
        )
        try:
            return subprocess.run([self.python, "-c", probe], check=False).returncode == 0
        except OSError:
            return False

    def _make(self) -> None:
        """A new, empty .venv. A link is dropped and not followed: its target is somebody else's."""
        try:
            if self.folder.is_symlink():
                self.folder.unlink()
            venv.EnvBuilder(clear=True, symlinks=True, with_pip=False).create(self.folder)
        except (OSError, subprocess.SubprocessError) as error:
            raise Refused(NO_VENV(reason=error)) from error

    def _pip(self) -> Path:
        """pip's own wheel, which Python can run as it is."""
        path = self.folder / PIP.filename
        if not path.exists():
            body = WheelSource(read_pip_settings(os.environ, Path.home())).fetch(PIP)
            path.with_suffix(".part").write_bytes(body)
            path.with_suffix(".part").rename(path)
        return path

    def _run_pip(self, pip: Path, lock: str) -> None:
        scratch = self.folder / "tmp"  # not /tmp, which is often a small file system
        scratch.mkdir(exist_ok=True)
        # PIP_USER and its like in the environment or a pip.conf would install elsewhere.
        elsewhere = {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
        environ = {**os.environ, **elsewhere, "TMPDIR": str(scratch)}
        for name in ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PYTHONPATH", "PYTHONHOME"):
            environ.pop(name, None)
        exactly = ("--no-deps", "--only-binary=:all:", "--require-hashes", "-r", self.root / lock)
        quietly = ("--quiet", "--no-input", "--disable-pip-version-check", "--no-compile")
        command: list[str | Path] = [self.python, pip / "pip", "install", *quietly, *exactly]
        outcome = subprocess.run(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        shutil.rmtree(scratch, ignore_errors=True)
        if outcome.returncode != 0:
            sys.stderr.write(outcome.stderr)
            self._refuse_without_room(lock, at_least=20)
            lines = [line for line in outcome.stderr.splitlines() if "ERROR" in line]
            reason = lines[-1] if lines else f"pip ended with {outcome.returncode}"
            raise Refused(INSTALL_FAILED(lock=lock, reason=reason))
        self._compile_packages()

    def _compile_packages(self) -> None:
        """pip compiles one file after the other; this uses every processor, where it may."""
        for processes in ("-j0", "-j1"):  # without /dev/shm there are no semaphores to share
            compiling = ("-m", "compileall", "-q", processes)
            command: tuple[str | Path, ...] = (self.python, *compiling, self.folder / "lib")
            if subprocess.run(command, capture_output=True, check=False).returncode == 0:
                return

    def _refuse_without_room(self, lock: str, at_least: int | None = None) -> None:
        needed = at_least or (NEEDED_MIB[lock] if not self._stamp.exists() else 50)
        free = shutil.disk_usage(self.root).free // MIB
        if free < needed:
            raise Refused(DISK_FULL(needed=NEEDED_MIB[lock], folder=self.root, free=free))

    def _compile_translations(self) -> None:
        """Turn each catalogue that people edit (.po) into the one that is read (.mo)."""
        catalogues = sorted(self.root.glob("locale/*/LC_MESSAGES/*.po"))
        stale = [path for path in catalogues if _is_older(path.with_suffix(".mo"), path)]
        if stale:
            module = "hapanel.bootstrap.catalogues"
            subprocess.run([self.python, "-m", module, *stale], cwd=self.root, check=True)

    @contextmanager
    def _only_one_at_a_time(self) -> Iterator[None]:
        """Two set-ups in one checkout: the second waits and then finds everything done."""
        path = self.root / "var" / "setup.lock"
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            handle = path.open("w")
        except OSError as error:
            raise Refused(NOT_WRITABLE(folder=self.root, reason=error.strerror)) from error
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _say("Another ./panel is setting up here; waiting for it")
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _digest(self, lock: str) -> str:
        return hashlib.sha256((self.root / lock).read_bytes()).hexdigest()

    def _read_stamp(self) -> dict[str, str]:
        try:
            stamp = json.loads(self._stamp.read_text())
        except (OSError, ValueError):
            return {}
        return stamp if isinstance(stamp, dict) else {}

    def _write_stamp(self, lock: str) -> None:
        stamp = {**self._identity(), lock: self._digest(lock)}
        if lock == DEVELOPMENT_LOCK:  # it contains every line of the other
            stamp[RUNTIME_LOCK] = self._digest(RUNTIME_LOCK)
        self._stamp.write_text(json.dumps({**self._read_stamp(), **stamp}, indent=1))


def _is_older(product: Path, source: Path) -> bool:
    return not product.exists() or product.stat().st_mtime < source.stat().st_mtime


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
