"""Whose changes are given up in a split brain: a proposal with its reason, or none with its reason.

What cannot be known is not guessed: the number of changed bytes says nothing about their worth, so
it only decides where one side changed nothing at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hapanel.drbd.circumstances import Circumstances
from hapanel.drbd.split_brain import Divergence
from hapanel.kernel.refusal import (
    Refusal,
    Translate,
    gettext_noop,
    refusal_kind,
    untranslated,
)
from hapanel.ports.replication import DiskState, Role

RUNS_GUESTS = refusal_kind(
    "victim-runs-guests",
    gettext_noop(
        "Guests of %(resource)s run on %(node)s: %(guests)s. Their data would be thrown away."
    ),
    gettext_noop(
        "Choose the other side, or copy the guests of %(node)s to another storage and stop them."
    ),
)
GUESTS_NOT_KNOWN = refusal_kind(
    "victim-guests-not-known",
    gettext_noop("It is not known which guests use %(resource)s on %(node)s."),
    gettext_noop("Wait until the panel has read the cluster's guests and their disks."),
)
ONLY_COPY = refusal_kind(
    "victim-only-copy",
    gettext_noop("%(node)s has the only whole copy of %(resource)s."),
    gettext_noop("Choose the other side, or bring back its disk first."),
)
NOT_A_SIDE = refusal_kind(
    "victim-not-a-side",
    gettext_noop("%(node)s is no side of this split brain of %(resource)s."),
    gettext_noop("Name %(first)s or %(second)s."),
    status=422,
)

_NO_GUEST = gettext_noop(
    "No guest of %(resource)s runs on %(victim)s; on %(winner)s there are running: %(guests)s."
)
_NOTHING_CHANGED = gettext_noop(
    "Nothing was written on %(victim)s since the link was lost; %(winner)s has changes."
)
_NOT_PRIMARY = gettext_noop("%(winner)s is Primary for %(resource)s, %(victim)s is not.")
_OLDER = gettext_noop("%(winner)s was Primary last; %(victim)s was Primary before it.")
_BOTH_REFUSED = gettext_noop(
    "Neither side can be given up as things are. Guests that run on both sides are copied from the "
    "losing side and stopped there first; the copies are restored on the other."
)
_NOT_TELLING = gettext_noop(
    "Nothing that is known speaks for one side: no guest of %(resource)s runs, and both sides were "
    "written. Look at the data on both before one is given up."
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """Who should give up its changes, or `victim` None; `refused` holds why a side must not."""

    victim: str | None
    because_template: str
    params: Mapping[str, Any] = field(default_factory=dict)
    refused: Mapping[str, Refusal] = field(default_factory=dict)

    def because(self, translate: Translate = untranslated) -> str:
        """Why this side, or why none."""
        return translate(self.because_template) % self.params


def refusal_of_victim(
    node: str, found: Divergence, resource: str, circumstances: Circumstances
) -> Refusal | None:
    """Why `node` must not lose its changes; None when it may."""
    names = {"node": node, "resource": resource}
    if node not in (found.first, found.second):
        return NOT_A_SIDE(**names, first=found.first, second=found.second)
    if _is_only_copy(node, found):
        return ONLY_COPY(**names)
    if circumstances.guests is None:
        return GUESTS_NOT_KNOWN(**names)
    running = circumstances.running_on(node)
    if running:
        return RUNS_GUESTS(**names, guests=", ".join(map(str, running)))
    return None


def propose_victim(found: Divergence, resource: str, circumstances: Circumstances) -> Proposal:
    """The side that loses least, as far as that is known."""
    sides = (found.first, found.second)
    refusals = {
        node: refusal
        for node in sides
        if (refusal := refusal_of_victim(node, found, resource, circumstances))
    }
    allowed = [node for node in sides if node not in refusals]
    if not allowed:
        return Proposal(None, _BOTH_REFUSED, {"resource": resource}, refusals)
    if len(allowed) == 1:
        victim = allowed[0]
        winner = found.second if victim == found.first else found.first
        return Proposal(
            victim,
            *_why_not_the_other(refusals[winner], victim, winner, resource, circumstances),
            refusals,
        )
    return _between(found, resource, circumstances)


def _why_not_the_other(
    refusal: Refusal, victim: str, winner: str, resource: str, circumstances: Circumstances
) -> tuple[str, Mapping[str, Any]]:
    if refusal.code != RUNS_GUESTS.code:
        return refusal.because_template, refusal.params
    guests = ", ".join(map(str, circumstances.running_on(winner)))
    names = {"victim": victim, "winner": winner, "resource": resource, "guests": guests}
    return _NO_GUEST, names


def _between(found: Divergence, resource: str, circumstances: Circumstances) -> Proposal:
    """Of two that both may lose: the one that changed nothing, is not Primary or was it first."""
    for victim, winner in ((found.first, found.second), (found.second, found.first)):
        names = {"victim": victim, "winner": winner, "resource": resource}
        if found.changed(victim) == 0 and (found.changed(winner) or 0) > 0:
            return Proposal(victim, _NOTHING_CHANGED, names)
        if found.role(winner) is Role.PRIMARY and found.role(victim) is Role.SECONDARY:
            return Proposal(victim, _NOT_PRIMARY, names)
    for victim, winner in ((found.first, found.second), (found.second, found.first)):
        lost, kept = (circumstances.last_primary.get(node) for node in (victim, winner))
        if lost and kept and lost < kept:
            names = {"victim": victim, "winner": winner, "resource": resource}
            return Proposal(victim, _OLDER, names)
    return Proposal(None, _NOT_TELLING, {"resource": resource})


def _is_only_copy(node: str, found: Divergence) -> bool:
    whole = (DiskState.UP_TO_DATE, DiskState.CONSISTENT, DiskState.OUTDATED)
    for pair in found.copies:
        mine, other = pair if pair[0].node == node else (pair[1], pair[0])
        if mine.disk_state in whole and other.disk_state not in whole:
            return True
    return False
