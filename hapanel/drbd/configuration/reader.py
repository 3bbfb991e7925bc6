"""From text to a document, with every fault of the text named in one run.

drbdadm stops at its first fault; this reader reports it at the same line, guesses what was meant
and goes on. What it guesses with: a word of a surrounding section that begins a block ends the
sections that do not know it (a brace is missing), a keyword on a new line ends the statement
before it (a semicolon is missing), an unknown word is taken for the nearest known one.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from hapanel.drbd.configuration.cursor import Cursor
from hapanel.drbd.configuration.findings import Finding, Phrase
from hapanel.drbd.configuration.grammar import (
    KEYWORDS,
    Keyword,
    Section,
    Shape,
    homes,
    lookup,
)
from hapanel.drbd.configuration.rules import syntax
from hapanel.drbd.configuration.shapes import SHAPES
from hapanel.drbd.configuration.tokens import LONGEST_WORD, Kind, Place, Token, looks_secret, tokens
from hapanel.drbd.configuration.tree import Document, Statement
from hapanel.drbd.configuration.values import Boolean
from hapanel.kernel.refusal import gettext_noop

NEAR = 0.6
DEEPEST, DEEPEST_INCLUDE = 40, 10
MAY_END_OPEN = (Section.RESOURCE, Section.COMMON)
AN_OPENING_BRACE = Phrase(gettext_noop("an opening brace"))
A_KEYWORD = Phrase(gettext_noop("a keyword"))


@dataclass(frozen=True, slots=True)
class Source:
    """One file: the name that findings give it, and its text; None when it cannot be read."""

    name: str
    text: str | None


Loader = Callable[[str, str], Sequence[Source]]
"""Gives the files that a pattern names, in order; the second argument is the including file."""


def includes_nothing(_pattern: str, _including: str) -> Sequence[Source]:
    """A loader for text that is looked at alone: what it includes is passed over in silence."""
    return (Source("", ""),)


def read(source: Source, load: Loader = includes_nothing) -> Document:
    """Read a configuration and what it includes. Never raises; the document names all faults."""
    library = _Library(load)
    statements = library.statements_of(source)
    findings = tuple(sorted(library.findings, key=lambda each: each.place))
    return Document(source.name, statements, findings, tuple(library.seen))


class _Library:
    """The files that were read so far: each is read once, as drbdadm does."""

    def __init__(self, load: Loader) -> None:
        self.load = load
        self.findings: list[Finding] = []
        self.seen: list[str] = []

    def statements_of(self, source: Source, depth: int = 0) -> tuple[Statement, ...]:
        self.seen.append(source.name)
        found = _Reader(source, self.findings).file()
        return tuple(each for statement in found for each in self._included(statement, depth))

    def _included(self, statement: Statement, depth: int) -> Sequence[Statement]:
        if statement.name != "include" or statement.value is None:
            return (statement,)
        if depth >= DEEPEST_INCLUDE:
            self.findings.append(syntax.INCLUDE_TOO_DEEP(statement.place, deepest=DEEPEST_INCLUDE))
            return ()
        pattern, place = statement.value.text, statement.place
        sources = self.load(pattern, place.file)
        if not sources and not any(mark in pattern for mark in "*?["):
            self.findings.append(syntax.INCLUDE_MISSING(place, name=pattern))
        inside: list[Statement] = []
        for source in sources:
            if source.text is None:
                self.findings.append(syntax.INCLUDE_MISSING(place, name=source.name))
            elif source.name not in self.seen:
                inside += self.statements_of(source, depth + 1)
        return inside


@dataclass(frozen=True, slots=True)
class _Open:
    """The sections around a statement, innermost last, and where each began."""

    sections: tuple[Section, ...]
    begins: tuple[Place, ...]

    @property
    def section(self) -> Section:
        return self.sections[-1]

    def deeper(self, section: Section, begins: Place) -> _Open:
        return _Open((*self.sections, section), (*self.begins, begins))


class _Reader:
    """One file's reader."""

    def __init__(self, source: Source, findings: list[Finding]) -> None:
        self._cursor = Cursor(tokens(source.text or "", source.name), findings)
        self._findings = findings
        self._file = source.name
        self._end_reported = False

    def file(self) -> tuple[Statement, ...]:
        """All statements of the file."""
        around = _Open((Section.FILE,), (Place(self._file, 1),))
        found: list[Statement] = []
        while self._cursor.peek().kind is not Kind.END:
            found += self._statements(around)
            if self._cursor.next_is("}"):
                self._findings.append(syntax.STRAY_BRACE(self._cursor.take().place))
        return tuple(found)

    def _statements(self, around: _Open) -> tuple[Statement, ...]:
        """The statements up to a closing brace, the end, or a sign that the brace was forgotten."""
        found: list[Statement] = []
        while self._cursor.peek().kind is not Kind.END and not self._cursor.next_is("}"):
            if self._brace_was_forgotten(around):
                break
            statement = self._statement(around)
            if statement is not None:
                found.append(statement)
        return tuple(found)

    def _statement(self, around: _Open) -> Statement | None:
        token = self._cursor.peek()
        if token.kind is not Kind.WORD:
            self._cursor.expect(A_KEYWORD)
            if token.is_mark(";"):
                self._cursor.take()
            else:
                self._cursor.skip_statement(_begins_in(around.section))
            return None
        known = lookup(around.section, token.text)
        if known is not None:
            return self._known(self._cursor.take(), known, around, guessed=False)
        return self._unknown(self._cursor.take(), around)

    def _unknown(self, word: Token, around: _Open) -> Statement | None:
        section = around.section
        elsewhere = homes(word.text)
        nearest = _nearest(word.text, section)
        if elsewhere:
            found = syntax.MISPLACED_KEYWORD(
                word.place, word=word.shown, section=str(section), home=str(elsewhere[0])
            )
        elif nearest:
            found = syntax.UNKNOWN_KEYWORD(
                word.place, word=word.shown, section=str(section), nearest=nearest
            )
        else:
            found = syntax.UNKNOWN_WORD(word.place, word=word.shown, section=str(section))
        self._findings.append(found)
        if nearest and not elsewhere:
            return self._known(word, KEYWORDS[section][nearest], around, guessed=True)
        self._cursor.skip_statement(_begins_in(section))
        return None

    def _known(self, word: Token, known: Keyword, around: _Open, guessed: bool) -> Statement:
        if known.shape is Shape.OPTION:
            arguments = self._option_value(word, known, around.section)
        else:
            inner = known.opens or Section.SKIPPED
            begins = _begins_in(around.section, inner)
            arguments = SHAPES[known.shape](self._cursor, begins)
        block = self._block(word, known, around)
        if block is None:
            self._semicolon(word, known, around.section)
        return Statement(word, arguments, block, known, guessed)

    def _option_value(self, word: Token, known: Keyword, section: Section) -> tuple[Token, ...]:
        token = self._cursor.peek()
        on_next_line = token.place.line != word.place.line
        if token.kind is Kind.OPEN:
            self._cursor.expect(Phrase(";"))
            return (self._cursor.take(),)
        is_flag = known.option is not None and isinstance(known.option.value, Boolean)
        if token.kind is Kind.WORD and (on_next_line or is_flag) and lookup(section, token.text):
            return ()
        value = self._cursor.take_value()
        if value is None:
            return ()
        hides = known.is_secret or looks_secret(word.text)
        return (value.hidden() if hides else value,)

    def _block(self, word: Token, known: Keyword, around: _Open) -> tuple[Statement, ...] | None:
        """The block, if one follows or must follow; None when the statement has none."""
        if known.opens is None or (known.closes and not self._cursor.next_is("{")):
            return None
        if not self._cursor.next_is("{"):
            self._cursor.expect(AN_OPENING_BRACE)
            if self._cursor.next_is(";"):
                self._cursor.take()
                return ()
        elif known.opens is Section.SKIPPED or len(around.sections) > DEEPEST:
            self._cursor.skip_block()
            return ()
        else:
            self._cursor.take()
        inner = around.deeper(known.opens, word.place)
        found = self._statements(inner)
        self._close(inner)
        return found

    def _close(self, inner: _Open) -> None:
        if self._cursor.next_is("}"):
            self._cursor.take()
            return
        place, begun = self._cursor.peek().place, inner.begins[-1]
        names = {"section": str(inner.section), "line": begun.line}
        if self._cursor.peek().kind is not Kind.END:
            self._findings.append(syntax.MISSING_BRACE(place, begun, **names))
        elif not self._end_reported:
            self._end_reported = True
            forgiven = inner.section in MAY_END_OPEN
            rule = syntax.MISSING_LAST_BRACE if forgiven else syntax.MISSING_BRACE
            self._findings.append(rule(place, begun, **names))

    def _semicolon(self, word: Token, known: Keyword, section: Section) -> None:
        cursor = self._cursor
        if cursor.next_is(";"):
            cursor.take()
            return
        got = cursor.peek()
        params = {"statement": word.shown, "line": word.place.line}
        on_same_line = got.place.line == word.place.line
        if got.is_value and on_same_line and not lookup(section, got.text):
            rule = syntax.TOO_MANY_VALUES if known.shape is Shape.OPTION else None
            if rule:
                self._findings.append(rule(got.place, **params))
            else:
                cursor.expect(Phrase(";"))
            cursor.skip_statement(_begins_in(section))
        elif got.is_value or got.is_mark("}") or got.kind is Kind.END:
            self._findings.append(syntax.MISSING_SEMICOLON(got.place, word.place, **params))
        else:
            if not self._already_at(got.place):
                cursor.expect(Phrase(";"))
            cursor.skip_statement(_begins_in(section))

    def _already_at(self, place: Place) -> bool:
        return bool(self._findings) and self._findings[-1].place == place

    def _brace_was_forgotten(self, around: _Open) -> bool:
        """Whether what comes next belongs to a section further out and cannot stand here."""
        word = self._cursor.peek()
        if word.kind is not Kind.WORD or lookup(around.section, word.text):
            return False
        for section in reversed(around.sections[:-1]):
            known = lookup(section, word.text)
            if known is not None and known.option is None:
                plain = known.opens is None or known.closes
                return (plain and section is not Section.FILE) or self._block_follows()
        return False

    def _block_follows(self) -> bool:
        ahead = 1
        while self._cursor.peek(ahead).is_value:
            ahead += 1
        return self._cursor.peek(ahead).is_mark("{")


def _begins_in(*sections: Section) -> Callable[[Token], bool]:
    def begins(token: Token) -> bool:
        is_word = token.kind is Kind.WORD
        return is_word and any(lookup(section, token.text) for section in sections)

    return begins


@lru_cache(maxsize=1024)
def _nearest(word: str, section: Section) -> str | None:
    found = difflib.get_close_matches(word[:LONGEST_WORD], KEYWORDS[section], n=1, cutoff=NEAR)
    return found[0] if found else None
