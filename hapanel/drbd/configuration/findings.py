"""What lint says: declared once per rule, at a place, with what hinders and what to do.

Like refusals, sentences are English templates that are translated at the edge. Every rule has a
paragraph in docs/drbd-lint.md, and a test says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from hapanel.drbd.configuration.tokens import Place
from hapanel.kernel.refusal import Translate, untranslated

RULES: dict[str, Rule] = {}


class Phrase(str):
    """A parameter that is itself a sentence's part and is translated with it."""

    __slots__ = ()


class Severity(StrEnum):
    """ERROR: DRBD refuses it or cannot work. WARNING: it works until the day it matters."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend. `related` are other places it is about, such as the first use."""

    code: str
    severity: Severity
    place: Place
    because_template: str
    remedy_template: str
    params: Mapping[str, Any] = field(default_factory=dict)
    related: tuple[Place, ...] = ()

    def because(self, translate: Translate = untranslated) -> str:
        """What is wrong, in the language of `translate`, without a full stop."""
        return translate(self.because_template) % self._said(translate)

    def remedy(self, translate: Translate = untranslated) -> str:
        """What to do about it, in the language of `translate`, without a full stop."""
        return translate(self.remedy_template) % self._said(translate)

    def _said(self, translate: Translate) -> dict[str, Any]:
        return {
            name: translate(value) if isinstance(value, Phrase) else value
            for name, value in self.params.items()
        }

    def __str__(self) -> str:
        head = f"{self.place}: {self.severity} {self.code}"
        remedy = self.remedy()
        return f"{head}: {self.because()}; {remedy[:1].lower()}{remedy[1:]}"

    def as_record(self) -> dict[str, Any]:
        """Plain values, English, without any secret: for JSON and for other programs."""
        return {
            "file": self.place.file,
            "line": self.place.line,
            "column": self.place.column,
            "severity": str(self.severity),
            "code": self.code,
            "because": self.because(),
            "remedy": self.remedy(),
            "related": [{"file": place.file, "line": place.line} for place in self.related],
        }


@dataclass(frozen=True, slots=True)
class Rule:
    """A declared rule; calling it with a place and the templates' names gives a Finding."""

    code: str
    severity: Severity
    because: str
    remedy: str

    def __call__(self, place: Place, *related: Place, **params: Any) -> Finding:
        return Finding(self.code, self.severity, place, self.because, self.remedy, params, related)

    def only_warns(self, place: Place, *related: Place, **params: Any) -> Finding:
        """The same where DRBD puts up with it."""
        return Finding(
            self.code, Severity.WARNING, place, self.because, self.remedy, params, related
        )


def error(code: str, because: str, remedy: str) -> Rule:
    """Declare a rule about what DRBD refuses or what cannot work."""
    return _declared(Rule(code, Severity.ERROR, because, remedy))


def warning(code: str, because: str, remedy: str) -> Rule:
    """Declare a rule about what works until the day it matters."""
    return _declared(Rule(code, Severity.WARNING, because, remedy))


def _declared(rule: Rule) -> Rule:
    if rule.code in RULES:
        raise ValueError(f"the rule {rule.code} is declared twice")
    RULES[rule.code] = rule
    return rule
