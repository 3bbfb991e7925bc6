"""Answers about the cluster as a whole: resources, members, votes, storages, rights."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from hapanel.gateways.proxmox.quick_resources import quick_resources
from hapanel.gateways.proxmox.wire import Wire, comma_separated, mapping, one, rows
from hapanel.ports.cluster import (
    GuestState,
    Membership,
    NodeState,
    NodeVotes,
    QDevice,
    Resources,
    ResourcesAnswer,
    StorageConfig,
    StorageState,
    VolumeGroup,
)
from hapanel.ports.errors import Garbage


class _Resource(Wire, frozen=True, kw_only=True):
    """One row of /cluster/resources; which keys it has depends on its type."""

    type: str
    node: str = ""
    status: str = "unknown"
    vmid: int | None = None
    name: str | None = None
    hastate: str | None = None
    lock: str | None = None
    tags: str = ""
    template: bool = False
    cpu: float | None = None
    maxcpu: float | None = None
    mem: int | None = None
    maxmem: int | None = None
    disk: int | None = None
    maxdisk: int | None = None
    uptime: int | None = None
    netin: int | None = None
    netout: int | None = None
    storage: str = ""
    plugintype: str = ""
    shared: bool = False
    content: str = ""


def resources_answer(body: bytes, known_digest: bytes | None) -> ResourcesAnswer:
    """Decode /cluster/resources unless the body is the very same as at the last call.

    The digest is of the bytes as they came. Proxmox does not promise the order of rows and keys,
    so another digest does not mean other contents; the same digest means the same contents.
    """
    digest = hashlib.blake2b(body, digest_size=16).digest()
    if digest == known_digest:
        return ResourcesAnswer(digest=digest, resources=None)
    return ResourcesAnswer(digest=digest, resources=resources(body))


def resources(body: bytes) -> Resources:
    """Nodes, guests and storages; types that a later version adds are left out."""
    return quick_resources(body) or _careful_resources(body)


def _careful_resources(body: bytes) -> Resources:
    """Row by row: what is unusable costs a value or a row, not the answer."""
    guests: list[_Resource] = []
    nodes: list[NodeState] = []
    storages: list[StorageState] = []
    for row in rows(body, _Resource):
        match row.type:
            case "qemu" | "lxc":
                guests.append(row)
            case "node" if row.node:
                nodes.append(_node(row))
            case "storage" if row.storage and row.node:
                storages.append(_storage(row))
    return Resources(nodes=tuple(nodes), guests=_guests(guests), storages=tuple(storages))


def _guests(found: list[_Resource]) -> tuple[GuestState, ...]:
    """Copied in one go, which is several times faster than naming each value of each guest."""
    named = [row for row in found if row.vmid is not None and row.node]
    return msgspec.convert(named, tuple[GuestState, ...], from_attributes=True)


def _node(row: _Resource) -> NodeState:
    return NodeState(
        name=row.node,
        online=row.status == "online",
        status=row.status,
        cpu=row.cpu,
        maxcpu=int(row.maxcpu) if row.maxcpu is not None else None,
        mem=row.mem,
        maxmem=row.maxmem,
        disk=row.disk,
        maxdisk=row.maxdisk,
        uptime=row.uptime,
        hastate=row.hastate,
    )


def _storage(row: _Resource) -> StorageState:
    return StorageState(
        storage=row.storage,
        node=row.node,
        type=row.plugintype,
        status=row.status,
        shared=row.shared,
        content=row.content,
        used=row.disk,
        total=row.maxdisk,
    )


class _Member(Wire, frozen=True, kw_only=True):
    """One row of /cluster/status: the cluster itself, or a node."""

    type: str
    name: str = ""
    quorate: bool | None = None
    version: int | None = None
    online: bool | None = None
    local: bool = False
    nodeid: int | None = None
    ip: str | None = None


def membership(body: bytes) -> Membership:
    """Who is a member. A machine that never joined a cluster has no cluster row."""
    found = rows(body, _Member)
    cluster = next((row for row in found if row.type == "cluster"), None)
    members = [row for row in found if row.type == "node" and row.name]
    if not members:
        raise Garbage("no node in the answer")
    return Membership(
        cluster_name=cluster.name if cluster else None,
        quorate=cluster.quorate if cluster else None,
        version=cluster.version if cluster else None,
        nodes=tuple(sorted(map(_member, members), key=_by_id)),
        local_node=next((row.name for row in members if row.local), None),
    )


_ONLINE = {True: "online", False: "offline", None: "unknown"}


def _member(row: _Member) -> NodeState:
    return NodeState(
        name=row.name,
        online=bool(row.online),
        status=_ONLINE[row.online],
        node_id=row.nodeid,
        ip=row.ip,
    )


class _Votes(Wire, frozen=True, kw_only=True):
    """One row of /cluster/config/nodes, out of corosync.conf, where numbers are strings."""

    name: str | None = None
    node: str | None = None
    nodeid: int | None = None
    quorum_votes: int = 1
    ring0_addr: str = ""
    ring1_addr: str = ""
    ring2_addr: str = ""
    ring3_addr: str = ""
    ring4_addr: str = ""
    ring5_addr: str = ""
    ring6_addr: str = ""
    ring7_addr: str = ""

    @property
    def links(self) -> tuple[str, ...]:
        """Its addresses on corosync's networks, of which there are eight at most."""
        return tuple(filter(None, (getattr(self, f"ring{n}_addr") for n in range(8))))


def votes(body: bytes) -> tuple[NodeVotes, ...]:
    """The votes that corosync's configuration gives each node; 1 when it names none."""
    found = (
        NodeVotes(name=name, node_id=row.nodeid, votes=row.quorum_votes, links=row.links)
        for row in rows(body, _Votes)
        if (name := row.name or row.node)
    )
    return tuple(sorted(found, key=_by_id))


def _by_id(node: NodeState | NodeVotes) -> tuple[int, str]:
    """Proxmox gives nodes in another order each time; people want them in the same one."""
    return (node.node_id or 0, node.name)


class _JoinNode(Wire, frozen=True, kw_only=True):
    name: str = ""
    pve_fp: str = ""


class _Join(Wire, frozen=True, kw_only=True):
    nodelist: tuple[_JoinNode, ...] = ()


def node_fingerprints(body: bytes) -> dict[str, str]:
    """/cluster/config/join: the fingerprint of what each node shows on port 8006."""
    return {node.name: node.pve_fp for node in one(body, _Join).nodelist if node.pve_fp}


def qdevice(body: bytes) -> QDevice:
    """/cluster/config/qdevice: what the answering node's own QDevice daemon says.

    The object is empty without a QDevice, and also when its daemon does not run. The daemon tells
    algorithm and state, not votes: ffsplit casts one, lms as many as there are nodes less one, so
    `votes` is 0 for lms and hapanel.ha.quorum counts them.
    """
    said = mapping(body)
    if not said.get("State") and not said.get("Model"):
        return QDevice(configured=False)
    connected = said.get("State") == "Connected"
    poll = str(said.get("Last poll call", ""))
    algorithm = str(said.get("Algorithm", "")).lower() or None
    return QDevice(
        configured=True,
        connected=connected,
        votes=0 if algorithm == "lms" else 1,
        text=", ".join(part for part in (str(said.get("State", "")), poll) if part),
        algorithm=algorithm,
        host=str(said["QNetd host"]) if said.get("QNetd host") else None,
        casts_vote=connected and "cast vote" in poll if poll else None,
    )


class _StorageConfig(Wire, frozen=True, kw_only=True):
    storage: str
    type: str = ""
    shared: bool = False
    content: str = ""
    vgname: str | None = None
    nodes: str = ""
    disable: bool = False


# Plugins that are shared by their nature and never say so; the others must be told.
# Source: pve-storage, Plugin.pm, the plugins with `shared => 1`; drbd is LINSTOR's.
_ALWAYS_SHARED = frozenset(
    {"iscsi", "nfs", "cifs", "rbd", "cephfs", "iscsidirect", "zfs", "drbd", "pbs", "esxi"}
)


def storages(body: bytes) -> tuple[StorageConfig, ...]:
    """/storage: what an administrator declared. `nodes` is empty when all nodes may use it."""
    return tuple(
        StorageConfig(
            storage=row.storage,
            type=row.type,
            shared=row.shared or row.type in _ALWAYS_SHARED,
            content=row.content,
            vgname=row.vgname,
            nodes=comma_separated(row.nodes),
            disabled=row.disable,
        )
        for row in rows(body, _StorageConfig)
    )


class _VolumeGroup(Wire, frozen=True, kw_only=True):
    name: str
    size: int = 0
    free: int = 0


class _VolumeGroups(Wire, frozen=True, kw_only=True):
    children: tuple[_VolumeGroup, ...] = ()


def volume_groups(body: bytes) -> tuple[VolumeGroup, ...]:
    """/nodes/{node}/disks/lvm: a tree whose first floor are the volume groups."""
    found = one(body, _VolumeGroups).children
    return tuple(VolumeGroup(vg=row.name, size=row.size, free=row.free) for row in found)


def permissions(body: bytes) -> Mapping[str, Mapping[str, bool]]:
    """/access/permissions: path, privilege, whether it reaches the paths below."""
    return {
        path: {privilege: bool(propagates) for privilege, propagates in granted.items()}
        for path, granted in mapping(body).items()
        if isinstance(granted, dict)
    }


class _Version(Wire, frozen=True, kw_only=True):
    version: str


def version(body: bytes) -> str:
    """/version, such as 9.2.11."""
    return one(body, _Version).version
