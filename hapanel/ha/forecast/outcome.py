"""What a forecast says: of each guest, and of the cluster as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from hapanel.ha.forecast.reasons import Passed, Reason
from hapanel.ha.forecast.timing import Window
from hapanel.kernel.refusal import Translate, gettext_noop, untranslated


class Outcome(StrEnum):
    """What becomes of a guest."""

    RECOVERS = "recovers"
    STAYS = "stays"
    FAILS_THERE = "fails there"
    LOST = "lost"
    NOT_MANAGED = "not managed"
    UNKNOWN = "unknown"


class Stage(StrEnum):
    """A moment of the story that all guests of a dead node share."""

    GONE = "gone"
    QUORUM_LOST = "quorum-lost"
    QUORUM_KEPT = "quorum-kept"
    NEW_MANAGER = "new-manager"
    NOTICED = "noticed"
    FENCE = "fence"
    LOCK = "lock"
    RESET = "reset"


STAGES: Mapping[Stage, str] = {
    Stage.GONE: gettext_noop("%(node)s is gone."),
    Stage.QUORUM_LOST: gettext_noop("The others notice, and have no quorum."),
    Stage.QUORUM_KEPT: gettext_noop("The others notice, and keep the quorum."),
    Stage.NEW_MANAGER: gettext_noop("The HA manager is at work on %(node)s."),
    Stage.NOTICED: gettext_noop("The HA manager misses %(node)s and begins to wait."),
    Stage.FENCE: gettext_noop("Fencing of %(node)s: the HA manager waits until its lock has died."),
    Stage.LOCK: gettext_noop("The lock is taken: %(node)s is surely dead, recovery begins."),
    Stage.RESET: gettext_noop("The watchdog of %(node)s resets it."),
}


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """A stage of the story, typically `at` seconds after the failure, on `node`."""

    stage: Stage
    at: float
    node: str

    def sentence(self, translate: Translate = untranslated) -> str:
        """The stage in words."""
        return translate(STAGES[self.stage]) % {"node": self.node}


class GuestForecast(msgspec.Struct, frozen=True, kw_only=True):
    """One guest. home: the node it is on now. node: where it will run, None when nowhere or not
    known. seconds: without service, boot included when it is known. started: the same until the
    start. after_return: from when the dead nodes are switched on again. unknowns: what was not
    known and may change the answer. passed: why other nodes are not taken."""

    sid: str
    vmid: int
    name: str
    home: str
    outcome: Outcome
    node: str | None = None
    seconds: Window | None = None
    started: Window | None = None
    after_return: Window | None = None
    reasons: tuple[Reason, ...] = ()
    unknowns: tuple[Reason, ...] = ()
    passed: tuple[Passed, ...] = ()

    @property
    def is_touched(self) -> bool:
        """Whether the failure makes a difference to it."""
        return self.outcome is not Outcome.STAYS


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What happens if `fail` die. quorate: whether a quorate part is left, None when not known.
    resets: survivors that reset themselves, and when. manager: where the HA manager's seat is and
    manager_after where it will be. unknowns: what is not known about the cluster."""

    cluster: str
    fail: tuple[str, ...]
    quorate: bool | None
    votes_left: int
    votes_expected: int
    votes_needed: int
    resets: Mapping[str, Window]
    manager: str | None
    manager_after: str | None
    is_verified: bool
    guests: tuple[GuestForecast, ...]
    beats: tuple[Beat, ...] = ()
    unknowns: tuple[Reason, ...] = ()
    time_scale: float = 1.0

    def counts(self) -> dict[Outcome, int]:
        """How many guests fare how; every outcome is there."""
        found = dict.fromkeys(Outcome, 0)
        for guest in self.guests:
            found[guest.outcome] += 1
        return found
