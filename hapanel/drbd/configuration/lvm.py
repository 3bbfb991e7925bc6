"""Whether LVM would open a device, by the filters of lvm.conf.

Facts of lvm.conf(5): a filter is a list of patterns, each `a` (accept) or `r` (reject) and a
regular expression between two equal delimiters; the first that matches decides, and what nothing
matches is accepted. global_filter is asked first, then filter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_COMMENT = re.compile(r"(?m)^[ \t]*#.*$")
_FILTER = re.compile(r"\b(global_filter|filter)[ \t]*=[ \t]*(\[[^\]]*\]|\"[^\"]*\")")
_DEVICES_FILE = re.compile(r"\buse_devicesfile[ \t]*=[ \t]*1\b")
_PATTERN = re.compile(r'"((?:[^"\\]|\\.)*)"')
_CLOSING = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class Told:
    """The verdict, and the line of the filter that gave it; None when nothing matched."""

    accepted: bool
    line: int | None = None


def accepted_by(text: str, path: str) -> Told | None:
    """Whether LVM accepts `path`; None when a devices file decides, which is not known here."""
    # Comments are blanked, not cut: lines keep their numbers. A `#` may stand in a pattern.
    text = _COMMENT.sub("", text)
    if _DEVICES_FILE.search(text):
        return None
    for found in sorted(_FILTER.finditer(text), key=lambda each: each[1] != "global_filter"):
        verdict = _verdict(found[2], path)
        line = text.count("\n", 0, found.start()) + 1
        if verdict is False:
            return Told(False, line)
        if verdict and found[1] == "filter":
            return Told(True, line)
    return Told(True)


def _verdict(patterns: str, path: str) -> bool | None:
    for found in _PATTERN.finditer(patterns):
        rule = found[1].replace("\\\\", "\\")
        if len(rule) < 3 or rule[0] not in "ar":
            continue
        closing = _CLOSING.get(rule[1], rule[1])
        if rule[-1] == closing and _matches(rule[2:-1], path):
            return rule[0] == "a"
    return None


def _matches(expression: str, path: str) -> bool:
    try:
        return re.search(expression, path) is not None
    except re.error:
        return False
