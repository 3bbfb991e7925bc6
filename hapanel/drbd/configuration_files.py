"""Configuration files from a disk, for the command line: the one place here that opens files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hapanel.drbd.configuration.reader import Source


def source(path: Path, name: str | None = None) -> Source:
    """A file as a source, named as the caller named it; what is no UTF-8 in it is replaced."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return Source(name or str(path), None)
    return Source(name or str(path), text)


def load(pattern: str, including: str) -> Sequence[Source]:
    """The files that an `include` names, relative to the file that includes, in order of name."""
    directory = Path(including).parent
    if Path(pattern).is_absolute():
        directory, pattern = Path("/"), str(Path(pattern).relative_to("/"))
    try:
        found = sorted(each for each in directory.glob(pattern) if each.is_file())
    except (ValueError, NotImplementedError, OSError):
        return ()
    return [source(each) for each in found]
