"""What the records let us expect of a move: past migrations, the guest's size, its local disks."""

from __future__ import annotations

from hapanel.ha.migration_facts import MigrationMode, MoveFacts
from hapanel.operations.duration import Forecast, PastMove, forecast
from hapanel.operations.models import Kind, Operation, State
from vms.models import Guest

_MOST = 100


class Expectation:
    """Of one guest, to any target; reads the records once for all of them."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest
        self._disks = list(guest.disks.all())
        self._past = _past_migrations(guest)

    def of(self, facts: MoveFacts, mode: MigrationMode) -> Forecast | None:
        """The forecast for the move that `facts` describe; None when nothing is known."""
        return forecast(
            mode,
            size=self._bytes_to_move(facts, mode),
            is_under_ha=facts.guest.is_under_ha,
            past=self._moves_to(facts.target),
            time_scale=self._guest.cluster.time_scale,
        )

    def last_seconds(self, target: str) -> float | None:
        """How long the guest's last move between its node and `target` took."""
        own = (move.seconds for move in self._moves_to(target) if move.is_this_guest)
        return next(own, None)

    def _moves_to(self, target: str) -> list[PastMove]:
        """What succeeded between this pair of nodes, in either direction, newest first."""
        pair = {self._guest.node, target}
        between = [o for o in self._past if {o.source, o.target} == pair]
        return [_past_move(operation, self._guest) for operation in between]

    def _bytes_to_move(self, facts: MoveFacts, mode: MigrationMode) -> int | None:
        """The memory of a running machine, and local disks that go along.

        All of its memory: what the guest calls free holds its caches, which move as well.
        """
        memory = (facts.guest.maxmem or 0) if mode is MigrationMode.ONLINE else 0
        shared = {s.storage: s.shared for s in facts.storages if s.node == facts.guest.node}
        disks = sum(
            disk.size or 0
            for disk in self._disks
            if not disk.is_cdrom and not shared.get(disk.storage, True)
        )
        return memory + disks or None


def _past_migrations(guest: Guest) -> list[Operation]:
    past = Operation.objects.filter(
        kind=Kind.MIGRATE,
        state=State.SUCCEEDED,
        cluster=guest.cluster_id,
        started_at__isnull=False,
        ended_at__isnull=False,
    )
    told = ("vmid", "source", "target", "started_at", "ended_at", "transferred_bytes")
    return list(past.only(*told, "downtime_ms", "memo")[:_MOST])


def _past_move(operation: Operation, guest: Guest) -> PastMove:
    assert operation.started_at is not None
    assert operation.ended_at is not None
    return PastMove(
        seconds=(operation.ended_at - operation.started_at).total_seconds(),
        transferred=operation.transferred_bytes,
        is_this_guest=operation.vmid == guest.vmid,
        was_under_ha=bool(operation.memo.get("ha")),
        mode=MigrationMode(operation.memo.get("mode", MigrationMode.ONLINE)),
        downtime_ms=operation.downtime_ms,
    )
