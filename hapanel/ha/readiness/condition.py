"""What a condition is, and the words for how it is met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from hapanel.ha.cures import Cure
from hapanel.ha.verdict import Level, Verdict
from hapanel.kernel.refusal import Translate, gettext_noop, untranslated


class Code(StrEnum):
    """The conditions, in the order in which people should mend them. Stable."""

    QUORUM = "quorum"
    ARMED = "armed"
    MANAGER = "ha-manager"
    FENCING = "fencing"
    STORAGE = "storage"
    DEVICES = "devices"
    RULES = "rules"
    CAPACITY = "capacity"
    STATE = "ha-state"
    NETWORK = "cluster-network"
    REPLICATION_LINK = "replication-link"
    COVERAGE = "coverage"
    OTHER_FENCING = "other-fencing"
    GROUPS = "ha-groups"


class Met(StrEnum):
    """Whether a condition is met."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


TITLES: Mapping[Code, str] = {
    Code.QUORUM: gettext_noop("The quorum survives any one loss"),
    Code.ARMED: gettext_noop("HA is armed"),
    Code.MANAGER: gettext_noop("An HA manager is at work"),
    Code.FENCING: gettext_noop("Nodes are fenced"),
    Code.STATE: gettext_noop("No guest has been given up"),
    Code.STORAGE: gettext_noop("Disks are shared or replicated"),
    Code.DEVICES: gettext_noop("No guest needs the hardware of one node"),
    Code.RULES: gettext_noop("HA rules can be met after a loss"),
    Code.CAPACITY: gettext_noop("The other nodes have room"),
    Code.NETWORK: gettext_noop("The cluster network has a second path"),
    Code.REPLICATION_LINK: gettext_noop("The replication link is well"),
    Code.COVERAGE: gettext_noop("Guests that matter are under HA"),
    Code.OTHER_FENCING: gettext_noop("Fencing is the watchdog's"),
    Code.GROUPS: gettext_noop("HA groups have become rules"),
}
# Those that decide whether guests come back; the others make it likelier, or tell of habits.
DECISIVE = frozenset(
    {
        Code.QUORUM,
        Code.ARMED,
        Code.MANAGER,
        Code.FENCING,
        Code.STORAGE,
        Code.DEVICES,
        Code.RULES,
        Code.CAPACITY,
    }
)
_ORDER = {Met.FAIL: 0, Met.WARN: 1, Met.UNKNOWN: 2, Met.OK: 3}
_LEVELS = {Met.OK: Level.OK, Met.WARN: Level.WARN, Met.UNKNOWN: Level.UNKNOWN}


class Sentence(Protocol):
    """Something to say in the reader's language."""

    def sentence(self, translate: Translate = ..., /) -> str:
        """In words."""
        ...


class Says(msgspec.Struct, frozen=True):
    """A sentence: an English template and its values."""

    template: str
    params: Mapping[str, Any] = {}

    def sentence(self, translate: Translate = untranslated) -> str:
        """In the reader's language."""
        return translate(self.template) % self.params


class VotesSay(msgspec.Struct, frozen=True):
    """The evidence of a verdict about votes; the verdict itself says its sentence."""

    votes: Verdict

    def sentence(self, translate: Translate = untranslated) -> str:
        """In the reader's language."""
        return self.votes.detail(translate)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong for one guest. `sid` is the HA manager's name of it."""

    code: Code
    met: Met
    sid: str
    vmid: int
    name: str
    node: str
    because: Says
    remedy: Says
    is_now: bool = False

    @property
    def label(self) -> str:
        """`100 siakad`, as people call it."""
        return f"{self.vmid} {self.name}".strip()

    @property
    def level(self) -> Level:
        """How bad it is, in the words of the style sheet."""
        return level_of(self.met, is_now=self.is_now)


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One condition. because: the evidence in a sentence; evidence: the values that were seen.

    is_now: it does harm already, not only when a node dies; a loss that has not happened is a
    warning on every page. guests: whom it concerns.
    """

    code: Code
    met: Met
    because: tuple[Sentence, ...]
    remedy: tuple[Sentence, ...] = ()
    cure: Cure | None = None
    evidence: Mapping[str, Any] = {}
    guests: tuple[Finding, ...] = ()
    is_now: bool = False

    @property
    def level(self) -> Level:
        """How bad it is, in the words of the style sheet."""
        return level_of(self.met, is_now=self.is_now)

    def title(self, translate: Translate = untranslated) -> str:
        """What has to hold."""
        return translate(TITLES[self.code])


def level_of(met: Met, *, is_now: bool) -> Level:
    """One severity for one fact: danger is kept for what does harm already."""
    if met is Met.FAIL:
        return Level.DANGER if is_now else Level.WARN
    return _LEVELS[met]


def worst(mets: Sequence[Met], otherwise: Met = Met.OK) -> Met:
    """The worst of them."""
    return min(mets, key=_ORDER.__getitem__, default=otherwise)


def in_order(conditions: Sequence[Condition]) -> tuple[Condition, ...]:
    """What does harm now, then what fails, warns, is not known, is well; each by its code."""
    places = {code: n for n, code in enumerate(Code)}
    return tuple(sorted(conditions, key=lambda c: (not c.is_now, _ORDER[c.met], places[c.code])))
