"""The logs of the set: one file per program, and the lines among them that a person must see."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

LARGEST_LOG_BYTES = 20 * 1024 * 1024
SHOWN_PER_LOOK = 5
# Log lines of these levels, and the last line of a traceback.
_WORTH_SHOWING = re.compile(rb"\b(?:ERROR|CRITICAL)\b|^[\w.]+(?:Error|Exception|Refused)\b")


class Journal:
    """One program's log file, read from where it was left at the last look."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.path = path
        path.touch(mode=0o600)
        self._keep_small()
        self._read_up_to = path.stat().st_size

    def new_errors(self) -> list[str]:
        """Lines that speak of an error and were written since the last look, a few of them."""
        size = self.path.stat().st_size
        if size == self._read_up_to:
            return []
        with self.path.open("rb") as log:
            log.seek(min(self._read_up_to, size))
            lines = log.read().splitlines()
        self._read_up_to = size
        errors = [_readable(line) for line in lines if _WORTH_SHOWING.search(line)]
        if len(errors) > SHOWN_PER_LOOK:
            more = len(errors) - SHOWN_PER_LOOK
            errors = [*errors[:SHOWN_PER_LOOK], f"... and {more} more lines in {self.path}"]
        self._keep_small()
        return errors

    def last_lines(self, count: int = 15) -> list[str]:
        """The end of the log."""
        with self.path.open("rb") as log:
            log.seek(max(0, self.path.stat().st_size - 8192))
            return [_readable(line) for line in log.read().splitlines()[-count:]]

    def _keep_small(self) -> None:
        # The writers append, so the file can be emptied under them; one older part is kept.
        if self.path.stat().st_size > LARGEST_LOG_BYTES:
            shutil.copyfile(self.path, self.path.with_suffix(".log.1"))
            with self.path.open("r+b") as log:
                log.truncate(0)
            self._read_up_to = 0


def _readable(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip()
