"""What could not be read of an answer, collected while the rest is."""

from __future__ import annotations

from dataclasses import dataclass, field

from hapanel.ports.replication import NotUnderstood

MOST_KEPT = 20
LONGEST_KEPT = 160
# 200 resources of three nodes take 0.3 MB; what is larger by an order is no status.
MOST_READ = 8 * 1024 * 1024


@dataclass(slots=True)
class Gaps:
    """Places that were not understood: the first ones are kept, all make the answer incomplete."""

    found: list[NotUnderstood] = field(default_factory=list)
    complete: bool = True

    def note(self, line: int, text: str) -> None:
        """The text in this line (from 1) was not understood."""
        self.complete = False
        if len(self.found) < MOST_KEPT:
            self.found.append(NotUnderstood(line=line, text=printable(text)))


def printable(text: str) -> str:
    """A piece of foreign text that is safe to show: short, without control characters."""
    return "".join(sign if sign.isprintable() else "?" for sign in text[:LONGEST_KEPT])


def bounded(text: str, gaps: Gaps) -> str:
    """`text`, or as much of it as a status can be; the cut is noted."""
    if len(text) <= MOST_READ:
        return text
    gaps.note(text.count("\n", 0, MOST_READ) + 1, "too much: the rest was not read")
    return text[:MOST_READ]


def without_torn_end(text: str, gaps: Gaps) -> str:
    """`text` without a last word that may be half of one: every answer ends with a newline.

    Half of `out-of-sync:2048` would read as a smaller number, half of `UpToDate` as nothing.
    """
    if not text or text.endswith("\n"):
        return text
    start = max(text.rfind(" "), text.rfind("\n"), text.rfind("\t")) + 1
    gaps.note(text.count("\n") + 1, text[start:])
    return text[:start]
