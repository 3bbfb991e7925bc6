"""One set per folder: a lock that the kernel drops when its holder dies, with the holder's pid."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from hapanel.kernel.refusal import Refused, gettext_noop, refusal_kind

ALREADY_RUNNING = refusal_kind(
    "setup-already-running",
    gettext_noop("The panel already runs from %(folder)s (process %(pid)s)."),
    gettext_noop("Use that one, or end it with ./panel stop, or Ctrl-C where it was started."),
)
FOLDER_FORBIDDEN = refusal_kind(
    "setup-folder-forbidden",
    gettext_noop("%(folder)s cannot be used: %(reason)s."),
    gettext_noop("Name a folder that you may write to, --var FOLDER, or act as its owner."),
)
NOT_YOURS = refusal_kind(
    "setup-not-yours",
    gettext_noop("Process %(pid)s, which runs from %(folder)s, belongs to somebody else."),
    gettext_noop("Let its owner, or root, end it with ./panel stop."),
)


def make_folder(folder: Path) -> None:
    """The folder of everything which is not code, private when it is new. Raises Refused."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise forbidden(folder, error) from error


def forbidden(folder: Path, error: OSError) -> Refused:
    """The refusal for a folder in which the kernel does not let us do what we have to."""
    return Refused(FOLDER_FORBIDDEN(folder=folder, reason=os.strerror(error.errno or 0)))


class RunLock:
    """Held for as long as the set runs."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "panel.lock"
        self._handle: IO[str] | None = None

    def take(self, pid: int) -> None:
        """Hold the lock for `pid`. Raises Refused when somebody else does, or for the folder."""
        try:
            handle = self._path.open("a+")
        except OSError as error:
            raise forbidden(self._path.parent, error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.close()
            holder = self.holder() or "?"
            raise Refused(ALREADY_RUNNING(folder=self._path.parent, pid=holder)) from None
        handle.truncate(0)
        handle.write(str(pid))
        handle.flush()
        self._handle = handle

    def holder(self) -> int | None:
        """The pid of the set that runs from this folder, None when none does. Raises Refused."""
        try:
            handle = self._path.open("r")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise forbidden(self._path.parent, error) from error
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                text = handle.read().strip()
                return int(text) if text.isdigit() else None
            return None
