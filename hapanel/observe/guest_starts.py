"""Starts of guests, as Proxmox's task list told them: one half of how long a guest boots."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from hapanel.kernel.names import Upid
from nodes.models import Cluster
from vms.models import GuestStart


def write_starts(cluster: Cluster, started: Sequence[Upid]) -> None:
    """Record these starts by the panel's clock. Another worker may have told of them already."""
    if not started:
        return
    ahead = timedelta(seconds=cluster.clock_offset or 0.0)
    rows = [
        GuestStart(
            cluster=cluster, vmid=int(upid.id), upid=upid.raw, started_at=upid.started_at - ahead
        )
        for upid in started
    ]
    GuestStart.objects.bulk_create(rows, ignore_conflicts=True)
