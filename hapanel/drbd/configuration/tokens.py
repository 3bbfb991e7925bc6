"""The words of a DRBD configuration, each with the place where it stands.

Facts from drbdadm's own scanner: a bare word is made of letters, digits and `/._-` and has at most
128 characters, a quoted one at most 255 and no line break; `#` begins a comment; `{};[]:` stand for
themselves.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

LONGEST_WORD, LONGEST_QUOTED, LONGEST_SHOWN = 128, 255, 255
HIDDEN = "(hidden)"
SECRETS = ("shared-secret",)

_PIECE = re.compile(
    r"""(?P<space>[ \t\r]+|\#.*)
    |(?P<mark>[{};\[\]:])
    |(?P<quoted>"(?:[^"\\]|\\.)*")
    |(?P<open>"(?:[^"\\]|\\.)*\\?)
    |(?P<word>[A-Za-z0-9/._-]+)
    |(?P<strange>[^ \t\r\#{};\[\]:"A-Za-z0-9/._-]+)""",
    re.VERBOSE | re.DOTALL,
)
_IPV6 = re.compile(r"[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*(?:%[A-Za-z0-9/._-]+)?(?=[ \t]*\])")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@lru_cache(maxsize=4096)
def looks_secret(word: str) -> bool:
    """Whether what stands behind this word, perhaps misspelled, is better not shown."""
    if re.search("secr|sekr|passw", word, re.IGNORECASE):
        return True
    return bool(difflib.get_close_matches(word[:LONGEST_WORD].lower(), SECRETS, n=1, cutoff=0.75))


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands: the file as it was named, line and column from 1."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Kind(Enum):
    """What a token is."""

    WORD = "word"
    QUOTED = "quoted"
    MARK = "mark"
    OPEN = "unterminated string"
    STRANGE = "strange character"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """One word or mark. `text` is its meaning (unquoted); a secret's is never shown."""

    kind: Kind
    text: str
    place: Place
    secret: bool = False

    @property
    def shown(self) -> str:
        """The text as it may be printed: no secret, no control characters, not endless."""
        if self.secret:
            return HIDDEN
        text = self.text if len(self.text) <= LONGEST_SHOWN else f"{self.text[:LONGEST_SHOWN]}..."
        return text if text.isprintable() else text.encode("unicode_escape").decode()

    @property
    def is_value(self) -> bool:
        """Whether it can be the value of an option."""
        return self.kind in (Kind.WORD, Kind.QUOTED)

    def hidden(self) -> Token:
        """The same token as one that must not be shown."""
        return Token(self.kind, self.text, self.place, secret=True)

    def is_mark(self, mark: str) -> bool:
        """Whether it is this mark and not a quoted text that looks like it."""
        return self.kind is Kind.MARK and self.text == mark

    def __repr__(self) -> str:
        return f"Token({self.kind.name}, {self.shown!r}, {self.place}:{self.place.column})"


def tokens(text: str, file: str) -> Iterator[Token]:
    """All tokens of a file's text; the last one is END. Never raises."""
    last_line = 0
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        for token in _of_line(line, file, number):
            last_line = number
            yield token
    yield Token(Kind.END, "", Place(file, min(last_line + 1, len(lines))))


def _of_line(line: str, file: str, number: int) -> Iterator[Token]:
    column, after_bracket = 0, False
    while column < len(line):
        found = (_IPV6.match(line, column) if after_bracket else None) or _PIECE.match(line, column)
        assert found is not None  # the pieces together match every character
        place = Place(file, number, column + 1)
        column = found.end()
        group = found.lastgroup if found.re is _PIECE else "word"
        if group == "space":
            continue
        token = _token(group or "", found.group(), place)
        after_bracket = token.is_mark("[")
        yield token


def _token(group: str, text: str, place: Place) -> Token:
    match group:
        case "mark":
            return Token(Kind.MARK, text, place)
        case "quoted":
            return Token(Kind.QUOTED, _ESCAPED.sub(r"\1", text[1:-1]), place)
        case "open":
            return Token(Kind.OPEN, text[1:], place, secret=True)
        case "word":
            return Token(Kind.WORD, text, place)
    return Token(Kind.STRANGE, text, place)
