"""The same cluster, but for one thing: snapshots to compare forecasts with."""

from __future__ import annotations

from msgspec.structs import replace

from hapanel.ha.forecast.snapshot import Snapshot
from hapanel.ports.cluster import QDevice


def has_qdevice(seen: Snapshot) -> bool:
    """Whether a QDevice casts its vote now."""
    told = seen.qdevice
    return told is not None and told.configured and bool(told.connected)


def with_other_qdevice(seen: Snapshot) -> Snapshot:
    """The cluster with a QDevice when none votes, set up as Proxmox's own command does it for so
    many nodes; else without the one that it has."""
    if has_qdevice(seen):
        return replace(seen, qdevice=QDevice(configured=False))
    # Its vote may be the very one that the cluster lacks now.
    return replace(seen, qdevice=QDevice(configured=True, connected=True), quorate=None)
