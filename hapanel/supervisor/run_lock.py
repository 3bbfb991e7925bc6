"""One set per folder: a lock that the kernel drops when its holder dies, with the holder's pid."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

from hapanel.kernel.refusal import Refused, gettext_noop, refusal_kind

ALREADY_RUNNING = refusal_kind(
    "setup-already-running",
    gettext_noop("The panel already runs from %(folder)s (process %(pid)s)."),
    gettext_noop("Use that one, or end it with ./panel stop, or Ctrl-C where it was started."),
)


class RunLock:
    """Held for as long as the set runs."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "panel.lock"
        self._handle: IO[str] | None = None

    def take(self, pid: int) -> None:
        """Hold the lock for `pid`. Raises Refused when somebody else does."""
        handle = self._path.open("a+")
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
        """The pid of the set that runs from this folder, None when none does."""
        try:
            handle = self._path.open("r+")
        except FileNotFoundError:
            return None
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                text = handle.read().strip()
                return int(text) if text.isdigit() else None
            return None
