"""Whose changes are given up in a split brain: a proposal with its reason, or none with its reason.

What cannot be known is not guessed: the number of changed bytes says nothing about their worth, so
it only decides where one side changed nothing at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hapanel.drbd.circumstances import Circumstances, GuestOnResource
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
    gettext_noop("Choose the other side: no guest runs there."),
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
_BOTH_REFUSED = gettext_noop("Neither side can be given up as things are.")
_LESS_TO_COPY = gettext_noop(
    "Guests of %(resource)s run on both sides, so those of one side are stopped, copied and "
    "restored. On %(victim)s there is less to copy: %(guests)s."
)
_AS_MUCH_TO_COPY = gettext_noop(
    "Guests of %(resource)s run on both sides, so those of one side are stopped, copied and "
    "restored. There is as much to copy on either: choose by whose pause matters less."
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
    if running and not runs_on_both(found, circumstances):
        return RUNS_GUESTS(**names, guests=", ".join(map(str, running)))
    return None


def runs_on_both(found: Divergence, circumstances: Circumstances) -> bool:
    """Whether guests of the resource run on both sides: then whoever loses, its guests are copied
    and stopped before, and restored after (`hapanel.drbd.rescue`)."""
    return all(circumstances.running_on(node) for node in (found.first, found.second))


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
    if runs_on_both(found, circumstances):
        return _less_to_copy(found, resource, circumstances)
    return _between(found, resource, circumstances)


def _less_to_copy(found: Divergence, resource: str, circumstances: Circumstances) -> Proposal:
    """Nothing is lost on either side, so only the length of the pause counts."""
    sides = (found.first, found.second)
    guests = {node: circumstances.guests_on(node) for node in sides}
    efforts = {node: _effort(guests[node]) for node in sides}
    names = {"resource": resource}
    if all(size is not None for size, _count in efforts.values()):
        least = min(sides, key=lambda node: (efforts[node][0] or 0, efforts[node][1]))
    else:
        least = min(sides, key=lambda node: efforts[node][1])
        efforts = {node: (None, count) for node, (_size, count) in efforts.items()}
    if efforts[found.first] == efforts[found.second]:
        return Proposal(None, _AS_MUCH_TO_COPY, names)
    told = ", ".join(map(str, guests[least]))
    return Proposal(least, _LESS_TO_COPY, names | {"victim": least, "guests": told})


def _effort(guests: tuple[GuestOnResource, ...]) -> tuple[int | None, int]:
    """Bytes to be copied at most, None when not known, and the number of guests."""
    sizes = [one.size for one in guests]
    known = [size for size in sizes if size is not None]
    return (sum(known) if len(known) == len(sizes) else None, len(guests))


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
        # Of one that still is Primary nobody can say that it was so before the other.
        if found.role(victim) is not Role.PRIMARY and lost and kept and lost < kept:
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
