"""What can be said of a replicated resource: stable codes, severities and what they rest on.

Sentences are English templates that are translated at the edge, where the reader's language is
known (see hapanel.kernel.refusal). Every code has a paragraph in docs/drbd.md, and a test says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from hapanel.kernel.refusal import Translate, untranslated


class Severity(StrEnum):
    """How bad it is, in the words of the style sheet; the worst comes first."""

    DANGER = "danger"
    WARN = "warn"
    UNKNOWN = "unknown"
    OK = "ok"


class Code(StrEnum):
    """What a finding says; the earlier one names a resource that has several equally bad."""

    SPLIT_BRAIN = "split-brain"
    DIVERGING = "diverging"
    NO_CURRENT_COPY = "no-current-copy"
    INCONSISTENT_PRIMARY = "inconsistent-primary"
    DUAL_PRIMARY_UNEXPLAINED = "dual-primary-unexplained"
    IO_SUSPENDED = "io-suspended"
    NO_QUORUM = "no-quorum"
    NOT_UP = "not-up"
    DISKLESS = "diskless"
    DEGRADED = "degraded"
    DISCONNECTED = "disconnected"
    STALE = "stale"
    VERIFY_DIFFERENCES = "verify-differences"
    SYNC_PAUSED = "sync-paused"
    SYNCING = "syncing"
    DUAL_PRIMARY_CONFIGURED = "dual-primary-configured"
    DUAL_PRIMARY = "dual-primary"
    LINK_TOO_THIN = "link-too-thin"
    CONTRADICTION = "contradiction"
    CHANGING = "changing"
    NOT_OBSERVED = "not-observed"
    NOT_UNDERSTOOD = "not-understood"
    DUAL_PRIMARY_TEMPORARY = "dual-primary-temporary"
    VERIFYING = "verifying"
    HEALTHY = "healthy"


# What is a danger whenever it is said; the others are one in some cases, or never.
ALWAYS_DANGER = frozenset(
    {
        Code.SPLIT_BRAIN,
        Code.DIVERGING,
        Code.NO_CURRENT_COPY,
        Code.INCONSISTENT_PRIMARY,
        Code.DUAL_PRIMARY_UNEXPLAINED,
        Code.IO_SUSPENDED,
    }
)
CODES = [code.value for code in Code]
SEVERITIES = [severity.value for severity in Severity]


class Fact(StrEnum):
    """What a piece of evidence is about; pages have a word for each."""

    ROLE = "role"
    DISK = "disk_state"
    CONNECTION = "connection_state"
    REPLICATION = "replication_state"
    OUT_OF_SYNC = "out_of_sync"
    GENERATION = "generation"
    RELATION = "relation"
    HELPER = "split_brain_helper"
    LAST_PRIMARY = "last_primary"
    APART_SINCE = "apart_since"
    GUESTS = "guests"
    AGE = "age_seconds"
    BOTH_PRIMARY = "both_primary_seconds"
    WORD = "unknown_word"
    WRITE_RATE = "write_rate"
    SENT_RATE = "sent_rate"
    LINK_FULL = "link_full"
    MEASURED_OVER = "measured_seconds"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact that a finding rests on: whose word it is and what it says.

    Sizes are bytes, rates bytes a second, times ISO 8601.
    """

    node: str
    fact: Fact
    value: str | int | float
    volume: int | None = None

    def as_record(self) -> dict[str, Any]:
        """The fact as plain values."""
        return {
            "node": self.node,
            "fact": self.fact.value,
            "value": self.value,
            "volume": self.volume,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Evidence:
        """The inverse of `as_record`."""
        return cls(record["node"], Fact(record["fact"]), record["value"], record["volume"])


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is so about `nodes`, what it rests on and what to do about it."""

    code: Code
    severity: Severity
    because_template: str
    remedy_template: str
    nodes: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()

    def because(self, translate: Translate = untranslated) -> str:
        """What is so, in one sentence or two in the language of `translate`."""
        return translate(self.because_template) % self.params

    def remedy(self, translate: Translate = untranslated) -> str:
        """What to do about it; empty when there is nothing to do."""
        return translate(self.remedy_template) % self.params if self.remedy_template else ""

    def as_record(self) -> dict[str, Any]:
        """The finding as plain values that survive a database (see `from_record`)."""
        return {
            "code": self.code.value,
            "severity": self.severity.value,
            "because": self.because_template,
            "remedy": self.remedy_template,
            "nodes": list(self.nodes),
            "params": dict(self.params),
            "evidence": [one.as_record() for one in self.evidence],
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Finding:
        """The inverse of `as_record`. Raises KeyError or ValueError when the record is none."""
        return cls(
            code=Code(record["code"]),
            severity=Severity(record["severity"]),
            because_template=record["because"],
            remedy_template=record["remedy"],
            nodes=tuple(record["nodes"]),
            params=record["params"],
            evidence=tuple(Evidence.from_record(one) for one in record["evidence"]),
        )


@dataclass(frozen=True, slots=True)
class FindingKind:
    """A declared sentence; calling it with its names gives a finding. One code may have several."""

    code: Code
    severity: Severity
    because: str
    remedy: str = ""

    def __call__(self, *nodes: str, evidence: tuple[Evidence, ...] = (), **params: Any) -> Finding:
        return Finding(self.code, self.severity, self.because, self.remedy, nodes, params, evidence)


_ORDER = {code: place for place, code in enumerate(Code)}
_RANK = {severity: place for place, severity in enumerate(Severity)}


def rank(finding: Finding) -> tuple[int, int]:
    """The worse the smaller, for sorting."""
    return _RANK[finding.severity], _ORDER[finding.code]
