"""What a change of HA would do: at once, and when a node dies. Judged from the records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hapanel.ha.change.changed import changed, settled
from hapanel.ha.change.consequences import consequences
from hapanel.ha.change.effect import Difference, differences
from hapanel.ha.change.wish import HaChange
from hapanel.ha.forecast.outcome import Forecast
from hapanel.ha.forecast.reasons import Reason
from hapanel.ha.forecast.snapshot import Snapshot
from hapanel.kernel.refusal import Refusal
from hapanel.operations.forecast_facts import snapshot_of
from hapanel.operations.forecasts import foretell
from nodes.models import Cluster

# Somebody waits for the answer while filling in a form: so many failing nodes are compared at most,
# those first on which the guests in question are.
MOST_COMPARED = 8


@dataclass(frozen=True, slots=True)
class Effects:
    """at_once: what happens whether or not a node dies. compared: the nodes whose loss was thought
    through, of `members` that there are. unknowns: what was not known about the cluster."""

    at_once: tuple[Refusal, ...]
    differences: tuple[Difference, ...]
    compared: tuple[str, ...]
    members: int
    unknowns: tuple[Reason, ...]


def effects_of(cluster: Cluster, change: HaChange) -> Effects:
    """Forecasts of the cluster as it is and as it would be, compared."""
    seen = snapshot_of(cluster)
    after = settled(changed(seen, change))
    concerned = _concerned(seen, after, change)
    members = sorted(node.name for node in seen.nodes if node.is_member)
    compared = _compared(members, seen, after, concerned)
    alone = [(name,) for name in compared]
    now = foretell(after, alone)
    return Effects(
        at_once=consequences(change, seen, after),
        differences=differences(foretell(seen, alone), now, concerned),
        compared=tuple(compared),
        members=len(members),
        unknowns=_unknowns(now),
    )


def _concerned(seen: Snapshot, after: Snapshot, change: HaChange) -> frozenset[str]:
    if change.verb.is_about_resource:
        return frozenset({change.key})
    rules = [rule for rule in (*seen.rules, *after.rules) if rule.rule == change.key]
    return frozenset(sid for rule in rules for sid in rule.resources)


def _compared(
    members: Sequence[str], seen: Snapshot, after: Snapshot, concerned: frozenset[str]
) -> list[str]:
    if len(members) <= MOST_COMPARED:
        return list(members)
    guests = [g for g in (*seen.guests, *after.guests) if g.sid in concerned or not concerned]
    homes = {guest.node for guest in guests if guest.sid in concerned or guest.managed}
    return sorted(members, key=lambda name: (name not in homes, name))[:MOST_COMPARED]


def _unknowns(forecasts: Sequence[Forecast]) -> tuple[Reason, ...]:
    """Each once, in the order in which they came."""
    found = {why.sentence(): why for each in forecasts for why in each.unknowns}
    return tuple(found.values())
