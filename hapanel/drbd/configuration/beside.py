"""Two nodes' files side by side, line by line, with findings and differences in place.

What a page shows: equal lines stand beside each other, changed and missing ones are marked, and
each finding is at the side and line that it is about. Secrets are masked before anything else.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest

from hapanel.drbd.configuration.findings import Finding
from hapanel.drbd.configuration.masking import masked
from hapanel.drbd.configuration.reader import Source


class Marked(StrEnum):
    """How the two sides of a row compare, as text."""

    SAME = "same"
    CHANGED = "changed"
    LEFT_ONLY = "left only"
    RIGHT_ONLY = "right only"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file: its number from 1, its text without secrets, what is said about it."""

    number: int
    text: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A line of either side, or of both."""

    marked: Marked
    left: Line | None
    right: Line | None


def side_by_side(left: Source, right: Source, findings: Iterable[Finding]) -> tuple[Row, ...]:
    """The rows of two files. Findings are placed by their file's name and line.

    A finding about both sides (a difference) stands at each of its places.
    """
    said = _by_place(findings)
    here, there = _lines(left, said), _lines(right, said)
    told = [[" ".join(line.text.split()) for line in side] for side in (here, there)]
    # Lines that stand everywhere, such as braces, are no anchors in long files (autojunk): with
    # them two files of 2,000 lines take seconds.
    matcher = difflib.SequenceMatcher(a=told[0], b=told[1])
    return tuple(
        row
        for tag, a1, a2, b1, b2 in matcher.get_opcodes()
        for row in _rows(tag == "equal", here[a1:a2], there[b1:b2])
    )


def _by_place(findings: Iterable[Finding]) -> Mapping[tuple[str, int], list[Finding]]:
    said: dict[tuple[str, int], list[Finding]] = defaultdict(list)
    for finding in findings:
        said[finding.place.file, finding.place.line].append(finding)
        for place in finding.related:
            if place.file != finding.place.file:
                said[place.file, place.line].append(finding)
    return said


def _lines(source: Source, said: Mapping[tuple[str, int], list[Finding]]) -> list[Line]:
    text = masked(source.text or "").removesuffix("\n")
    return [
        Line(number, line, tuple(said.get((source.name, number), ())))
        for number, line in enumerate(text.split("\n") if text else [], start=1)
    ]


def _rows(same: bool, left: list[Line], right: list[Line]) -> Iterator[Row]:
    for one, other in zip_longest(left, right):
        if one is None:
            yield Row(Marked.RIGHT_ONLY, None, other)
        elif other is None:
            yield Row(Marked.LEFT_ONLY, one, None)
        else:
            yield Row(Marked.SAME if same else Marked.CHANGED, one, other)
