"""A No that carries its remedy: one shape at start-up, in preflight, in forms and in the API.

A kind of refusal is declared once, next to the code that judges, and is called with the names
that belong into its sentences:

    TARGET_IS_SOURCE = refusal_kind(
        "target-is-source",
        gettext_noop("%(guest)s already runs on %(node)s."),
        gettext_noop("Choose another node as the target."),
    )
    raise Refused(TARGET_IS_SOURCE(guest="100 siakad", node="master"))

The sentences are English templates. They are translated at the edge (page, API), where the
language of the reader is known, by handing a translating function to `because` and `remedy`;
so a refusal that is recorded today reads well in every language tomorrow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Translate = Callable[[str], str]

KINDS: dict[str, RefusalKind] = {}


def gettext_noop(message: str) -> str:
    """Mark a sentence for translation without translating it here (this room is pure)."""
    return message


def untranslated(message: str) -> str:
    """The translation used where no reader is known, such as a log line."""
    return message


@dataclass(frozen=True, slots=True)
class Refusal:
    """One No. `status` is the HTTP status it has in the API, `field` the input that it is about."""

    code: str
    because_template: str
    remedy_template: str
    params: Mapping[str, Any] = field(default_factory=dict)
    status: int = 409
    field: str | None = None

    def because(self, translate: Translate = untranslated) -> str:
        """What hinders, as one sentence in the language of `translate`."""
        return translate(self.because_template) % self.params

    def remedy(self, translate: Translate = untranslated) -> str:
        """What to do about it, as one sentence in the language of `translate`."""
        return translate(self.remedy_template) % self.params

    def as_record(self) -> dict[str, Any]:
        """The refusal as plain values that survive a database (see `from_record`)."""
        return {
            "code": self.code,
            "because": self.because_template,
            "remedy": self.remedy_template,
            "params": dict(self.params),
            "status": self.status,
            "field": self.field,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Refusal:
        """The inverse of `as_record`. Raises KeyError when the record is not one."""
        return cls(
            code=record["code"],
            because_template=record["because"],
            remedy_template=record["remedy"],
            params=record.get("params", {}),
            status=record.get("status", 409),
            field=record.get("field"),
        )

    def __str__(self) -> str:
        return f"{self.code}: {self.because()} {self.remedy()}"


@dataclass(frozen=True, slots=True)
class RefusalKind:
    """A declared kind of refusal; calling it with the template's names gives a Refusal."""

    code: str
    because: str
    remedy: str
    status: int = 409
    field: str | None = None

    def __call__(self, **params: Any) -> Refusal:
        return Refusal(self.code, self.because, self.remedy, params, self.status, self.field)

    def about(self, field: str | None, **params: Any) -> Refusal:
        """A refusal of this kind about an input that is known only when it happens."""
        return Refusal(self.code, self.because, self.remedy, params, self.status, field)


def refusal_kind(
    code: str, because: str, remedy: str, *, status: int = 409, field: str | None = None
) -> RefusalKind:
    """Declare a kind. Every code has a paragraph in docs/refusals.md, and a test says so."""
    if code in KINDS:
        raise ValueError(f"the refusal {code} is declared twice")
    kind = RefusalKind(code, because, remedy, status, field)
    KINDS[code] = kind
    return kind


class Refused(Exception):
    """Raised when something asked for is refused; carries one or more refusals."""

    def __init__(self, *refusals: Refusal) -> None:
        super().__init__("; ".join(str(refusal) for refusal in refusals))
        self.refusals = refusals
