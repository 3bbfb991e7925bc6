"""A configuration's text with its secrets hidden, for whoever shows or stores it.

What is masked: every value that reading takes for a secret, and what stands behind a word that
looks like one wherever it is, in comments too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from hapanel.drbd.configuration.reader import Source, read
from hapanel.drbd.configuration.tokens import HIDDEN, Token, looks_secret
from hapanel.drbd.configuration.tree import Statement

_WORD = re.compile(r"[A-Za-z][\w-]*")
_VALUE = re.compile(
    r"""(?x) ([ \t=:]+) (?: "(?:[^"\\\n]|\\.)*"? | [^;"\n] )+  # up to a semicolon or the line's end
    | (\s+) "(?:[^"\\\n]|\\.)*"?                              # a quoted text on the next line"""
)
_LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"?|[^\s;{}"]+')


def masked(text: str) -> str:
    """The text with each secret replaced, line by line and otherwise unchanged. Never raises."""
    lines = text.split("\n")
    for token in _secrets(read(Source("", text)).statements):
        at, column = token.place.line - 1, token.place.column - 1
        rest = _LITERAL.sub(f'"{HIDDEN}"', lines[at][column:], count=1)
        lines[at] = lines[at][:column] + rest
    return "".join(_without_lookalikes("\n".join(lines)))


def _without_lookalikes(text: str) -> Iterator[str]:
    """The text in pieces, without what stands behind words that look like a secret's."""
    done = 0
    for word in _WORD.finditer(text):
        if word.start() >= done and looks_secret(word[0]):
            value = _VALUE.match(text, word.end())
            if value is not None:
                space = value[1] or value[2]
                yield f'{text[done : word.end()]}{space}"{HIDDEN}"'
                done = value.end()
    yield text[done:]


def _secrets(statements: Sequence[Statement]) -> Iterator[Token]:
    """Secret tokens, the last one of a line first, so that columns hold while lines change."""
    found = list(_tokens(statements))
    yield from sorted(found, key=lambda token: token.place, reverse=True)


def _tokens(statements: Sequence[Statement]) -> Iterator[Token]:
    for statement in statements:
        yield from (token for token in statement.arguments if token.secret)
        yield from _tokens(statement.inside())
