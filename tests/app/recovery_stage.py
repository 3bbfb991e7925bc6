"""Two sides in a split brain that follow what they are told, and workers that recover them."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from hapanel.kernel.clock import VirtualClock
from hapanel.operations import machine
from hapanel.operations.models import Operation
from hapanel.ports.replication import ReplicationState
from tests.fake_cluster import FakeCluster, FakeDoors
from tests.fake_nodes import FakeNodes
from tests.pure.drbd.stage import ALONE, BAD, CONNECTING, P, S, peer, split, told

MASTER = told("master", P, peer(ALONE, oos=3))
WHOLE = (told("master", P, peer()), told("slave", S, peer(role=P)))
DISCARD = "drbdadm connect --discard-my-data rs"
GIVING_UP = [
    ("slave", "vgchange -an vg_drbd"),
    ("slave", "drbdadm secondary rs"),
    ("slave", DISCARD),
    ("master", "drbdadm connect rs"),
]
AS_BEFORE = [("slave", "drbdadm primary rs"), ("slave", "vgchange -ay vg_drbd")]
WAY = [*GIVING_UP, *AS_BEFORE]


class Killed(BaseException):
    """The worker was killed here."""


def parted_nodes() -> FakeNodes:
    """Both sides Primary and StandAlone, with the group active on both."""
    syncing = peer(role=P, state=ReplicationState.SYNC_TARGET, oos=5, percent=30.0)
    return FakeNodes(
        split(),
        effects={
            "drbdadm secondary rs": (MASTER, told("slave", S, peer(ALONE, oos=5))),
            DISCARD: (MASTER, told("slave", S, peer(CONNECTING, oos=5))),
            "drbdadm connect rs": (
                told("master", P, peer(disk=BAD, state=ReplicationState.SYNC_SOURCE, oos=5)),
                told("slave", S, syncing, disk=BAD),
            ),
            "drbdadm primary rs": (WHOLE[0], told("slave", P, peer(role=P))),
        },
        active={"master", "slave"},
    )


def run(
    operation: Operation,
    nodes: FakeNodes,
    *,
    seconds: float = 120,
    cluster: FakeCluster | None = None,
) -> Operation:
    """Let workers advance it; the resync ends after some looks."""
    cluster = cluster or FakeCluster(VirtualClock(max(timezone.now(), operation.look_at)))
    clock, doors = cluster.clock, FakeDoors(cluster)
    doors.nodes = nodes
    end, syncing = clock.now() + timedelta(seconds=seconds), 0
    while clock.now() < end and operation.ended_at is None:
        try:
            wait = machine.advance(operation.pk, doors, clock)
        except Killed:
            wait = None
        operation.refresh_from_db()
        syncing += operation.percent == 30.0
        if syncing == 3:
            nodes.says, syncing = WHOLE, 4
        clock.advance(1.0 if wait is None else max(wait, 0.05))
    return operation


def codes(operation: Operation) -> list[str]:
    """What its timeline tells, in order."""
    return [entry.code for entry in operation.timeline.all()]
