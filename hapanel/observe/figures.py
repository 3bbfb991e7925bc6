"""The measured figures of a look, put into Redis as a whole."""

from __future__ import annotations

from datetime import datetime

from hapanel.observe.facts import UNKNOWN
from hapanel.observe.picture import Picture
from nodes.metrics import GuestMetrics, NodeMetrics, replace_metrics


def write_figures(cluster_id: int, at: datetime, picture: Picture) -> None:
    """Replace the cluster's figures by those that were told last, at the time `at`.

    Who is not seen has none: an old figure would look like a measurement. Raises RedisError.
    """
    if picture.resources is None:
        return
    seen = picture.nodes_seen
    nodes = [
        NodeMetrics(
            node.name,
            node.cpu,
            node.mem,
            node.uptime,
            node.disk,
            node.maxmem,
            node.maxdisk,
            node.maxcpu,
        )
        for node in picture.resources.nodes
        if node.name in seen
    ]
    unknown = {vmid for vmid, facts in picture.guests.items() if facts.status == UNKNOWN}
    guests = [
        GuestMetrics(row.vmid, row.cpu, row.mem, row.uptime, row.netin, row.netout)
        for row in picture.resources.guests
        if row.vmid not in unknown
    ]
    replace_metrics(cluster_id, at, nodes, guests)
