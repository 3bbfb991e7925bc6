"""What was read: statements with their blocks, and back to text again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hapanel.drbd.configuration.findings import Finding
from hapanel.drbd.configuration.grammar import Keyword, Section
from hapanel.drbd.configuration.tokens import Kind, Place, Token

_BARE = re.compile(r"[A-Za-z0-9/._-]{1,128}\Z")
_MARKS_WITHOUT_SPACE_BEFORE = ("[", "]", ":")


@dataclass(frozen=True, slots=True)
class Statement:
    """A keyword with its arguments and, where it opened one, its block.

    `known` is the keyword it is, or the one it is taken for when `guessed`; None when it means
    nothing where it stands.
    """

    keyword: Token
    arguments: tuple[Token, ...] = ()
    block: tuple[Statement, ...] | None = None
    known: Keyword | None = None
    guessed: bool = False

    @property
    def name(self) -> str:
        """The keyword that it is or is taken for; "" when it is none."""
        return self.known.name if self.known else ""

    @property
    def place(self) -> Place:
        """Where the keyword stands."""
        return self.keyword.place

    @property
    def value(self) -> Token | None:
        """The first argument, if there is one."""
        return self.arguments[0] if self.arguments else None

    @property
    def section(self) -> Section | None:
        """The kind of its block; None when it has none."""
        return self.known.opens if self.known and self.block is not None else None

    def inside(self) -> tuple[Statement, ...]:
        """The statements of its block; nothing when it has none."""
        return self.block or ()


@dataclass(frozen=True, slots=True)
class Document:
    """One configuration with everything it includes, in the order in which DRBD reads it."""

    file: str
    statements: tuple[Statement, ...]
    findings: tuple[Finding, ...]
    files: tuple[str, ...]

    def walk(self) -> Iterator[tuple[Section, Statement]]:
        """Every statement with the section it stands in, outer ones first."""
        return _walked(Section.FILE, self.statements)


def _walked(
    section: Section, statements: Iterable[Statement]
) -> Iterator[tuple[Section, Statement]]:
    for statement in statements:
        yield section, statement
        yield from _walked(statement.section or Section.SKIPPED, statement.inside())


def rendered(statements: Iterable[Statement], depth: int = 0) -> str:
    """The statements as text that reads back to the same values; secrets are written hidden."""
    indent = "    " * depth
    lines = []
    for statement in statements:
        head = indent + statement.keyword.text + _arguments(statement.arguments)
        if statement.block is None:
            lines.append(f"{head};\n")
        else:
            lines.append(f"{head} {{\n{rendered(statement.block, depth + 1)}{indent}}}\n")
    return "".join(lines)


def _arguments(arguments: Iterable[Token]) -> str:
    text, glued = "", False
    for token in arguments:
        if token.kind is Kind.MARK and token.text in _MARKS_WITHOUT_SPACE_BEFORE:
            opens_ipv6 = token.text == "[" and text.endswith("ipv6")
            text += " [" if opens_ipv6 else token.text
            glued = token.text != "]"
            continue
        text += ("" if glued else " ") + quoted(token)
        glued = False
    return text


def quoted(token: Token) -> str:
    """A value as it is written: quoted where it must be, hidden where it is a secret."""
    text = token.shown if token.secret else token.text
    if token.kind is Kind.WORD and (_BARE.match(text) or ":" in text):
        return text
    return '"' + re.sub(r'([\\"])', r"\\\1", text) + '"'
