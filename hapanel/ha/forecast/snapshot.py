"""What was observed of a cluster, as far as a forecast needs it. None means "not told"."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from hapanel.ports.cluster import HaRule, QDevice
from hapanel.ports.datacenter import DatacenterOptions, HaGroup


class Struct(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all parts of a snapshot."""


class SeenNode(Struct, frozen=True, kw_only=True):
    """A node. status: online, maintenance, fence, offline or unknown. lrm_state: as
    `ha/status/current` has it. maxmem and mem (used) in bytes, uptime in seconds. links: its
    addresses on corosync's networks."""

    name: str
    node_id: int | None = None
    votes: int | None = None
    status: str = "unknown"
    lrm_state: str = ""
    lrm_dead: bool = False
    maxcpu: float | None = None
    maxmem: int | None = None
    mem: int | None = None
    links: tuple[str, ...] = ()
    uptime: int | None = None

    @property
    def is_member(self) -> bool:
        """Whether it votes now."""
        return self.status in ("online", "maintenance")


class SeenDisk(Struct, frozen=True, kw_only=True):
    """A volume of a guest that its start needs."""

    key: str
    storage: str
    is_cdrom: bool = False


class SeenResource(Struct, frozen=True, kw_only=True):
    """What the HA manager says of a guest. state: the manager's own word (crm_state)."""

    state: str
    request: str
    node: str
    max_restart: int = 1
    max_relocate: int = 1
    failback: bool = True
    group: str = ""

    @property
    def is_managed(self) -> bool:
        """Whether the manager cares for it at all."""
        return self.request != "ignored"


class SeenGuest(Struct, frozen=True, kw_only=True):
    """A guest. disks: None as long as its configuration was not read. onboot: its node starts it
    with itself."""

    sid: str
    vmid: int
    node: str
    name: str = ""
    is_running: bool = True
    onboot: bool = False
    maxcpu: float | None = None
    maxmem: int | None = None
    disks: tuple[SeenDisk, ...] | None = None
    passthrough: tuple[str, ...] = ()
    resource: SeenResource | None = None

    @property
    def managed(self) -> SeenResource | None:
        """Its HA resource, None when the manager lets it be."""
        return self.resource if self.resource and self.resource.is_managed else None


class SeenStorage(Struct, frozen=True, kw_only=True):
    """A storage on one node. kind: Proxmox's type. free: bytes. content: images,rootdir ..."""

    storage: str
    node: str
    is_shared: bool
    is_available: bool = True
    kind: str = ""
    free: int | None = None
    content: str = ""


class Boot(Struct, frozen=True, kw_only=True):
    """Seconds from a guest's start to its first answer, as `count` starts showed them before."""

    least: float
    typical: float
    most: float
    count: int = 1


class Snapshot(Struct, frozen=True, kw_only=True):
    """One cluster as it was seen last.

    quorate: what the cluster itself says. qdevice: None when its state could not be read.
    manager_state: active, dead ...; armed: armed, standby, disarming, disarmed. time_scale: so many
    times faster than life its waits are. boots: by sid, learnt from history. groups, options: None
    when they could not be read.
    """

    cluster: str
    nodes: tuple[SeenNode, ...]
    guests: tuple[SeenGuest, ...] = ()
    storages: tuple[SeenStorage, ...] = ()
    rules: tuple[HaRule, ...] = ()
    groups: tuple[HaGroup, ...] | None = None
    options: DatacenterOptions | None = None
    qdevice: QDevice | None = None
    quorate: bool | None = None
    manager_node: str = ""
    manager_state: str = ""
    armed: str = ""
    pve_version: str = ""
    time_scale: float = 1.0
    boots: Mapping[str, Boot] = {}
