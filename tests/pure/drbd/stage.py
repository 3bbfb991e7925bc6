"""Small worlds of DRBD for the judgements: what two or three nodes say, in few words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hapanel.drbd.circumstances import Circumstances, GuestOnResource
from hapanel.drbd.join import Replication, join
from hapanel.drbd.judge import NOTHING_KNOWN, Judgement, judge
from hapanel.kernel.units import KIB
from hapanel.ports.replication import (
    ConnectionState,
    DiskState,
    Generations,
    NodeReplication,
    NodeStatus,
    Peer,
    PeerVolume,
    ReplicationState,
    ResourceState,
    Role,
    Series,
    Volume,
)

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
P, S = Role.PRIMARY, Role.SECONDARY
UP, BAD = DiskState.UP_TO_DATE, DiskState.INCONSISTENT
CONNECTED, CONNECTING, ALONE = (
    ConnectionState.CONNECTED,
    ConnectionState.CONNECTING,
    ConnectionState.STANDALONE,
)
IN_SYNC = ReplicationState.ESTABLISHED
SIAKAD = GuestOnResource(100, "siakad", "master", running=True)
ELEARNING = GuestOnResource(101, "elearning", "slave", running=True)


def generations(current: int, bitmap: int = 0) -> Generations:
    return Generations(current=f"{current:016X}", bitmap=f"{bitmap:016X}")


def peer(
    link: ConnectionState = CONNECTED,
    *,
    role: Role = S,
    disk: DiskState = UP,
    state: ReplicationState | None = None,
    oos: int | None = 0,
    ids: Generations | None = None,
    name: str | None = None,
    **more: object,
) -> Peer:
    """The link to one peer; out of sync in KiB."""
    stands = link is CONNECTED
    seen = PeerVolume(
        number=0,
        replication_state=state or (IN_SYNC if stands else ReplicationState.OFF),
        disk_state=disk if stands else DiskState.DUNKNOWN,
        out_of_sync=None if oos is None else oos * KIB,
        generations=ids,
        **more,  # type: ignore[arg-type]
    )
    return Peer(
        name=name,
        connection_state=link,
        role=role if stands else Role.UNKNOWN,
        volumes=(seen,),
    )


def told(
    node: str,
    role: Role,
    *peers: Peer,
    disk: DiskState = UP,
    quorum: bool | None = None,
    **more: object,
) -> NodeReplication:
    """A node that answers now, with the resource `rs` of one volume of 1 MiB."""
    volume = Volume(number=0, minor=0, disk_state=disk, size=KIB * KIB, quorum=quorum)
    state = ResourceState(
        name="rs",
        role=role,
        volumes=(volume,),
        peers=peers,
        **more,  # type: ignore[arg-type]
    )
    return NodeReplication(
        node=node, status=NodeStatus(resources=(state,), series=Series.V8), seen_at=NOW
    )


def silent(node: str, before: NodeReplication | None = None, minutes: int = 5) -> NodeReplication:
    """A node that does not answer, with what it said some minutes ago."""
    return NodeReplication(
        node=node,
        status=before.status if before else None,
        seen_at=NOW - timedelta(minutes=minutes) if before else None,
        unseen_because="no answer",
    )


def joined(*nodes: NodeReplication) -> Replication:
    return join("rs", nodes, NOW)


def judged(*nodes: NodeReplication, given: Circumstances = NOTHING_KNOWN) -> Judgement:
    return judge(joined(*nodes), given)


def codes(judgement: Judgement) -> list[str]:
    return [one.code.value for one in judgement.findings]


def split(**more: object) -> tuple[NodeReplication, NodeReplication]:
    """Both sides StandAlone, both Primary, both changed."""
    return (
        told("master", P, peer(ALONE, oos=3, **more)),  # type: ignore[arg-type]
        told("slave", P, peer(ALONE, oos=5, **more)),  # type: ignore[arg-type]
    )
