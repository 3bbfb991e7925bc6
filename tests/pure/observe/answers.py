"""Answers of the paper's cluster, to be bent by each test."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hapanel.kernel.clock import VirtualClock
from hapanel.kernel.names import GuestType
from hapanel.observe.facts import Recorded
from hapanel.observe.picture import Differences, Look, Picture
from hapanel.ports.cluster import (
    GuestState,
    HaService,
    HaStatus,
    LrmState,
    Membership,
    NodeState,
    Resources,
    StorageState,
)

PATIENCE = timedelta(seconds=3)


def node(name: str, status: str = "online", hastate: str | None = "online") -> NodeState:
    measured = status == "online"
    return NodeState(
        name=name,
        online=status == "online",
        status=status,
        maxcpu=8 if measured else None,
        maxmem=32 * 1024**3 if measured else None,
        hastate=hastate,
    )


def guest(vmid: int = 100, at: str = "master", status: str = "running", **more: Any) -> GuestState:
    told: dict[str, Any] = {
        "name": {100: "siakad", 101: "elearning"}.get(vmid),
        "maxmem": 4 * 1024**3,
        "uptime": 1000,
        "hastate": "started",
    }
    return GuestState(vmid=vmid, type=GuestType.QEMU, node=at, status=status, **(told | more))


def resources(
    *guests: GuestState,
    nodes: tuple[NodeState, ...] = (node("master"), node("slave")),
    storages: tuple[StorageState, ...] = (),
) -> Resources:
    return Resources(nodes=nodes, guests=guests, storages=storages)


def membership(**online: bool) -> Membership:
    nodes = tuple(
        NodeState(
            name=name,
            online=is_online,
            status="online" if is_online else "offline",
            node_id=n,
            ip=f"10.0.0.{n}",
        )
        for n, (name, is_online) in enumerate(online.items(), start=1)
    )
    return Membership(
        cluster_name="clusterubd", quorate=True, version=2, nodes=nodes, local_node="slave"
    )


def ha_status(
    *services: HaService, quorate: bool | None = True, lrms: tuple[LrmState, ...] = ()
) -> HaStatus:
    return HaStatus(
        quorate=quorate,
        quorum_text="OK" if quorate else "No quorum on node 'slave'!",
        manager_node="master",
        manager_state="active",
        armed_state="armed",
        lrms=lrms,
        services=services,
    )


class Observer:
    """One process's picture of the cluster in virtual time."""

    def __init__(self, recorded: Recorded | None = None) -> None:
        self.clock = VirtualClock()
        self.picture = Picture(recorded or Recorded(), PATIENCE)

    def see(
        self,
        found: Resources | None = None,
        *,
        after: float = 1.0,
        members: Membership | None = None,
        ha: HaStatus | None = None,
    ) -> Differences:
        """Look again `after` seconds; `found` None is the same bytes as before."""
        self.clock.advance(after)
        now: datetime = self.clock.now()
        return self.picture.see(Look(now, now, found, members, ha))

    def status(self, vmid: int = 100) -> str:
        return self.picture.guests[vmid].status
