"""What is shown of how fast guests write and what a link takes: figures, where from, how old."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hapanel.drbd.load import Load, peer_of
from nodes.replication import Known
from nodes.replication_figures import Most
from vms.replication import Resource


@dataclass(frozen=True, slots=True)
class LoadShown:
    """One node's writing and its link to one peer. `load` is None while it is not known; `most` the
    most that was seen to be sent over the link in the last day."""

    node: str
    peer: str = ""
    load: Load | None = None
    seen_at: datetime | None = None
    most: Most | None = None


def loads_shown(resource: Resource, known: Known) -> tuple[LoadShown, ...]:
    """A row for each link of each side; one without figures where nothing is known."""
    rows = []
    for side in resource.replication.sides:
        seen = known.word(side.node).seen
        mine = [load for load in resource.circumstances.loads if load.node == side.node]
        if seen is None or not mine:
            rows.append(LoadShown(side.node, seen_at=seen.at if seen else None))
            continue
        most = seen.most.get(resource.name, {})
        rows += [
            LoadShown(
                side.node,
                peer_of(load, resource.replication),
                load,
                seen.at,
                most.get(load.peer),
            )
            for load in mine
        ]
    return tuple(rows)
