"""A cluster of two nodes for the forecasts, bent by name: `pair(qdevice=True, seat="south")`."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from hapanel.ha.forecast.snapshot import (
    SeenDisk,
    SeenGuest,
    SeenNode,
    SeenResource,
    SeenStorage,
    Snapshot,
)
from hapanel.ports.cluster import QDevice

GIB = 1024**3
NO_QDEVICE = QDevice(configured=False)
VOTING = QDevice(configured=True, connected=True, votes=1, algorithm="ffsplit", casts_vote=True)


def guest(
    number: int = 100, node: str = "north", *, disk: str = "shared", **more: Any
) -> SeenGuest:
    """A guest under HA, its disk on `disk`; `state`, `request` and `max_relocate` bend its HA
    resource, `ha=False` leaves it without one."""
    words = {name: more.pop(name) for name in ("state", "request") if name in more}
    told = SeenResource(
        state=words.get("state", "started"), request=words.get("request", "started"), node=node
    )
    managed = more.pop("ha", True)
    values: dict[str, Any] = {
        "maxmem": 2 * GIB,
        "disks": (SeenDisk(key="scsi0", storage=disk),),
        "resource": told if managed else None,
    }
    return SeenGuest(sid=f"vm:{number}", vmid=number, node=node, **(values | more))


def pair(
    *guests: SeenGuest,
    seat: str = "north",
    qdevice: bool | QDevice | None = False,
    votes: tuple[int | None, int | None] = (1, 1),
    north: dict[str, Any] | None = None,
    south: dict[str, Any] | None = None,
    **more: Any,
) -> Snapshot:
    """North has the lower id and, by default, guest 100 and the HA manager's seat."""
    residents = guests or (guest(),)
    holds = {each.node for each in residents if each.managed}
    nodes = tuple(
        SeenNode(
            name=name,
            node_id=n,
            votes=votes[n - 1],
            status="online",
            lrm_state="active" if name in holds else "idle",
            maxmem=32 * GIB,
            mem=4 * GIB,
        )
        for n, name in enumerate(("north", "south"), start=1)
    )
    nodes = (replace(nodes[0], **(north or {})), replace(nodes[1], **(south or {})))
    third = qdevice if isinstance(qdevice, QDevice) or qdevice is None else None
    if isinstance(qdevice, bool):
        third = VOTING if qdevice else NO_QDEVICE
    values: dict[str, Any] = {
        "storages": tuple(
            SeenStorage(storage=name, node=node.name, is_shared=name == "shared")
            for name in ("shared", "local")
            for node in nodes
        ),
        "quorate": True,
        "manager_state": "active",
        "armed": "armed",
        "pve_version": "9.2.11",
    }
    return Snapshot(
        cluster="pair",
        nodes=nodes,
        guests=residents,
        manager_node=seat,
        qdevice=third,
        **(values | more),
    )
