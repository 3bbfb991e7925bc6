"""What keeps a guest from starting on the node that the HA manager chose.

The manager looks at none of it: it starts the guest, the start fails, and after max_restart and
max_relocate it gives up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from hapanel.ha.forecast.reasons import Code, Reason, because
from hapanel.ha.forecast.snapshot import SeenDisk, SeenGuest, Snapshot

_MIB = 1024**2


class Ground:
    """Storages and memory of the surviving nodes; memory is taken up guest by guest."""

    def __init__(self, seen: Snapshot, fail: Collection[str]) -> None:
        self._storages = {(each.storage, each.node): each for each in seen.storages}
        self._known = {each.storage for each in seen.storages}
        self._free = {
            node.name: node.maxmem - node.mem
            if node.maxmem is not None and node.mem is not None
            else None
            for node in seen.nodes
            if node.name not in fail
        }

    def obstacle(self, guest: SeenGuest, node: str) -> Reason | None:
        """Why `guest` will not start on `node`, the first reason found."""
        if guest.passthrough:
            device = ", ".join(guest.passthrough)
            return because(Code.PASSTHROUGH, device=device, node=node)
        for disk in guest.disks or ():
            reason = self._disk(disk, node)
            if reason is not None:
                return reason
        return None

    def _disk(self, disk: SeenDisk, node: str) -> Reason | None:
        if not disk.storage or disk.storage not in self._known:
            return None
        params = {"disk": disk.key, "storage": disk.storage, "node": node}
        there = self._storages.get((disk.storage, node))
        anywhere = [each for (name, _), each in self._storages.items() if name == disk.storage]
        if not any(each.is_shared for each in anywhere):
            return because(Code.LOCAL_CD if disk.is_cdrom else Code.LOCAL_DISK, **params)
        if there is None or not there.is_available:
            return because(Code.STORAGE_MISSING, **params)
        return None

    def take_memory(self, guest: SeenGuest, node: str) -> Reason | None:
        """Take the guest's memory on `node`: why it does not fit."""
        free = self._free.get(node)
        if free is None or guest.maxmem is None:
            return None
        if guest.maxmem > free:
            return because(
                Code.NO_MEMORY, node=node, free=max(0, free) // _MIB, needed=guest.maxmem // _MIB
            )
        self._free[node] = free - guest.maxmem
        return None

    def doubts(self, guest: SeenGuest, node: str) -> Iterable[Reason]:
        """What was not known for the answer."""
        if guest.disks is None:
            yield because(Code.DISKS_NOT_READ)
        if self._free.get(node) is None or guest.maxmem is None:
            yield because(Code.MEMORY_NOT_KNOWN, node=node)
