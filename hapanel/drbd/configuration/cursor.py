"""Going through the tokens of one file, with what was found wrong on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hapanel.drbd.configuration.findings import Finding, Phrase
from hapanel.drbd.configuration.rules import syntax
from hapanel.drbd.configuration.tokens import (
    LONGEST_QUOTED,
    LONGEST_WORD,
    Kind,
    Token,
)
from hapanel.kernel.refusal import gettext_noop

OF_KIND = {
    Kind.OPEN: Phrase(gettext_noop("a text without its closing quote")),
    Kind.QUOTED: Phrase(gettext_noop("a quoted text")),
    Kind.END: Phrase(gettext_noop("the end of the file")),
}


class Cursor:
    """Looks at the next token and takes it; never moves past the end."""

    def __init__(self, tokens: Iterable[Token], findings: list[Finding]) -> None:
        self._tokens = list(tokens)
        self._at = 0
        self.findings = findings

    def peek(self, ahead: int = 0) -> Token:
        """The next token, or one further ahead; the last one stays END."""
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)]

    def take(self) -> Token:
        """The next token, which is then behind us."""
        token = self.peek()
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def next_is(self, *marks: str) -> bool:
        """Whether the next token is one of these marks."""
        return self.peek().kind is Kind.MARK and self.peek().text in marks

    def stops(self) -> bool:
        """Whether a statement cannot go on here."""
        return self.peek().kind is Kind.END or self.next_is(";", "{", "}")

    def take_value(self) -> Token | None:
        """The next token if it can be a value; one that is too long is reported."""
        if not self.peek().is_value:
            return None
        token = self.take()
        longest = LONGEST_QUOTED if token.kind is Kind.QUOTED else LONGEST_WORD
        if len(token.text) > longest:
            self.findings.append(syntax.TOO_LONG(token.place, longest=longest))
        return token

    def expect(self, what: Phrase) -> None:
        """Report that `what` should stand here; a quoted text may be secret and is not repeated."""
        got = self.peek()
        shown = OF_KIND.get(got.kind, got.shown)
        self.findings.append(syntax.SYNTAX(got.place, expected=what, got=shown))

    def skip_statement(self, begins: Callable[[Token], bool]) -> None:
        """Go on behind the next `;` or block, or before `}` or a token with which one `begins`."""
        line = self.peek().place.line
        while not self.next_is("}") and self.peek().kind is not Kind.END:
            if self.peek().place.line != line and begins(self.peek()):
                return
            if self.next_is("{"):
                self.skip_block()
                return
            if self.take().is_mark(";"):
                return

    def skip_block(self) -> None:
        """Go on behind the block that begins here, whatever is in it."""
        depth = 0
        while self.peek().kind is not Kind.END:
            token = self.take()
            depth += token.is_mark("{") - token.is_mark("}")
            if depth <= 0:
                return
