"""The logs of the set: one file per program, and the lines among them that a person must see."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

LARGEST_LOG_BYTES = 20 * 1024 * 1024
SHOWN_PER_LOOK = 5
# The same error again and again is shown once in this time; the log has every one.
SHOWN_AGAIN_AFTER_SECONDS = 60.0
# Log lines of these levels, and the last line of a traceback.
_WORTH_SHOWING = re.compile(rb"\b(?:ERROR|CRITICAL)\b|^[\w.]+(?:Error|Exception|Refused)\b")
# Two lines that differ only in these (times, task ids, ports) say the same.
_NUMBERS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+")


class Journal:
    """One program's log file, read from where it was left at the last look."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.path = path
        path.touch(mode=0o600)
        self._keep_small()
        self._read_up_to = path.stat().st_size
        self._shown_at: dict[str, float] = {}

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
        errors = [line for line in errors if self._is_news(line)]
        if len(errors) > SHOWN_PER_LOOK:
            more = len(errors) - SHOWN_PER_LOOK
            errors = [*errors[:SHOWN_PER_LOOK], f"... and {more} more lines in {self.path}"]
        self._keep_small()
        return errors

    def _is_news(self, line: str) -> bool:
        shape = _NUMBERS.sub("#", line)
        now = time.monotonic()
        if now - self._shown_at.get(shape, -SHOWN_AGAIN_AFTER_SECONDS) < SHOWN_AGAIN_AFTER_SECONDS:
            return False
        self._shown_at[shape] = now
        return True

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
