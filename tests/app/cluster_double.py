"""A gateway that answers from memory what observation asks, as the paper's cluster would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hapanel.kernel.names import GuestType
from hapanel.ports.cluster import (
    AddressHealth,
    GuestConfig,
    GuestDisk,
    GuestState,
    HaRule,
    HaService,
    HaStatus,
    LrmState,
    Membership,
    NodeState,
    NodeVotes,
    QDevice,
    Resources,
    ResourcesAnswer,
    StorageConfig,
    StorageState,
    Task,
    VolumeGroup,
)
from hapanel.ports.datacenter import DatacenterOptions, HaGroup
from hapanel.ports.errors import ClusterError
from hapanel.ports.node_addresses import NodeAddresses

GIB = 1024**3


class ClusterDouble:
    """Two nodes, guests 100 and 101 on master. Tests bend its attributes between two looks.

    fails: an error for each question, by the method's name; "" for all of them.
    """

    def __init__(self) -> None:
        self.online = {"master": True, "slave": True}
        self.ha_words: dict[str, str] = {}  # the HA manager's word for a node; online when missing
        self.guests = {100: self.guest(100), 101: self.guest(101, type=GuestType.LXC)}
        self.interfaces: dict[str, tuple[str, ...]] = {
            "master": ("10.0.7.1", "192.0.2.20"),
            "slave": ("10.0.7.2", "192.0.2.21"),
        }
        self.quorate = True
        self.manager = "master"
        self.rules: tuple[HaRule, ...] = ()
        self.groups: tuple[HaGroup, ...] = ()
        self.options: DatacenterOptions | None = DatacenterOptions()
        self.listed_tasks: tuple[Task, ...] = ()
        self.rights: Mapping[str, Mapping[str, bool]] = {"/": {"Sys.Audit": True}}
        self.fails: dict[str, ClusterError] = {}
        self.asked: list[str] = []
        self.answered_by = "https://127.0.42.20:8006"
        self.clock_offset: float | None = 0.0
        # How each other address sees the cluster, and which one is preferred.
        self.others: dict[str, tuple[Membership, HaStatus]] = {}
        self.preferred: str | None = None

    @staticmethod
    def guest(vmid: int, **more: Any) -> GuestState:
        told: dict[str, Any] = {
            "type": GuestType.QEMU,
            "node": "master",
            "status": "running",
            "name": {100: "siakad", 101: "elearning"}.get(vmid, f"guest{vmid}"),
            "maxmem": 4 * GIB,
            "maxcpu": 4,
            "mem": GIB,
            "cpu": 0.1,
            "uptime": 1000,
            "hastate": "started",
        }
        return GuestState(vmid=vmid, **(told | more))

    def change(self, vmid: int, **more: Any) -> None:
        """The guest is another way from now on."""
        known = self.guests[vmid]
        kept = {name: getattr(known, name) for name in known.__struct_fields__ if name != "vmid"}
        self.guests[vmid] = GuestState(vmid=vmid, **(kept | more))

    @property
    def calls(self) -> int:
        return len(self.asked)

    def addresses(self) -> tuple[AddressHealth, ...]:
        own = AddressHealth(address="https://127.0.42.20:8006", node="master")
        return (own, *(AddressHealth(address=each) for each in self.others))

    def prefer(self, address: str | None) -> None:
        self.preferred = address

    def view_from(self, address: str) -> tuple[Membership, HaStatus]:
        self._note("view_from")
        return self.others[address]

    def resources(self, known_digest: bytes | None = None) -> ResourcesAnswer:
        self._note("resources")
        found = Resources(
            nodes=tuple(self._node(name) for name in self.online),
            guests=tuple(self.guests.values()),
            storages=tuple(self._storage(name) for name in self.online),
        )
        digest = repr(found).encode()
        return ResourcesAnswer(digest=digest, resources=None if digest == known_digest else found)

    def membership(self) -> Membership:
        self._note("membership")
        nodes = tuple(
            NodeState(
                name=name,
                online=is_online,
                status="online" if is_online else "offline",
                node_id=n,
                ip=f"127.0.42.{19 + n}",
            )
            for n, (name, is_online) in enumerate(self.online.items(), start=1)
        )
        return Membership(
            cluster_name="clusterubd", quorate=True, version=2, nodes=nodes, local_node="slave"
        )

    def ha_status(self) -> HaStatus:
        self._note("ha_status")
        services = tuple(
            HaService(sid=f"vm:{vmid}", node=guest.node, state="started", crm_state="started")
            for vmid, guest in self.guests.items()
        )
        lrms = tuple(
            LrmState(node=name, state="active" if up else "dead", dead=not up, text="")
            for name, up in self.online.items()
        )
        return HaStatus(
            quorate=self.quorate,
            quorum_text="OK" if self.quorate else "No quorum on node 'slave'!",
            manager_node=self.manager,
            manager_state="active",
            armed_state="armed",
            lrms=lrms,
            services=services,
        )

    def tasks(self) -> tuple[Task, ...]:
        self._note("tasks")
        return self.listed_tasks

    def version(self) -> str:
        self._note("version")
        return "9.2.11"

    def votes(self) -> tuple[NodeVotes, ...]:
        self._note("votes")
        names = enumerate(self.online, start=1)
        return tuple(
            NodeVotes(name=name, node_id=n, votes=1, links=(f"10.0.0.{n}",)) for n, name in names
        )

    def qdevice(self) -> QDevice:
        self._note("qdevice")
        return QDevice(configured=False)

    def storages(self) -> tuple[StorageConfig, ...]:
        self._note("storages")
        return (
            StorageConfig(
                storage="vg_drbd", type="lvm", shared=True, content="images", vgname="vg_drbd"
            ),
        )

    def ha_rules(self) -> tuple[HaRule, ...]:
        self._note("ha_rules")
        return self.rules

    def ha_groups(self) -> tuple[HaGroup, ...]:
        self._note("ha_groups")
        return self.groups

    def datacenter_options(self) -> DatacenterOptions | None:
        self._note("datacenter_options")
        return self.options

    def ha_services(self) -> tuple[HaService, ...]:
        self._note("ha_services")
        return (HaService(sid="vm:100", node=None, state="started", comment="the students'"),)

    def volume_groups(self, node: str) -> tuple[VolumeGroup, ...]:
        self._note("volume_groups")
        return (VolumeGroup(vg="vg_drbd", size=400 * GIB, free=328 * GIB),)

    def node_addresses(self, node: str) -> NodeAddresses:
        self._note("node_addresses")
        return NodeAddresses(addresses=self.interfaces[node])

    def permissions(self) -> Mapping[str, Mapping[str, bool]]:
        self._note("permissions")
        return self.rights

    def guest_config(self, node: str, guest_type: GuestType, vmid: int) -> GuestConfig:
        self._note("guest_config")
        volume = f"vg_drbd:vm-{vmid}-disk-0"
        disk = GuestDisk(key="scsi0", volume=volume, storage="vg_drbd", size=32 * GIB)
        return GuestConfig(disks=(disk,), passthrough=("hostpci0",) if vmid == 101 else ())

    def _note(self, question: str) -> None:
        self.asked.append(question)
        error = self.fails.get(question) or self.fails.get("")
        if error is not None:
            raise error

    def _node(self, name: str) -> NodeState:
        up = self.online[name]
        return NodeState(
            name=name,
            online=up,
            status="online" if up else "offline",
            maxcpu=8 if up else None,
            maxmem=32 * GIB if up else None,
            cpu=0.2 if up else None,
            mem=4 * GIB if up else None,
            hastate=self.ha_words.get(name, "online"),
        )

    def _storage(self, node: str) -> StorageState:
        return StorageState(
            storage="vg_drbd", node=node, type="lvm", status="available", total=100 * GIB, used=GIB
        )
