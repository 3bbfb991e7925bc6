"""What a cluster tells: the typed, immutable snapshots that a gateway fills.

Every figure is in base units: bytes, seconds, fractions of one (cpu). None means "not told", which
is different from zero. Field names follow the Proxmox VE API where the field has a name there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from hapanel.kernel.names import GuestType, Upid
from hapanel.ports.datacenter import Struct


class NodeState(Struct, frozen=True, kw_only=True):
    """One node out of /cluster/resources, joined with /cluster/status."""

    name: str
    online: bool
    status: str = "unknown"
    node_id: int | None = None
    ip: str | None = None
    cpu: float | None = None
    maxcpu: int | None = None
    mem: int | None = None
    maxmem: int | None = None
    disk: int | None = None
    maxdisk: int | None = None
    uptime: int | None = None
    hastate: str | None = None


class GuestState(Struct, frozen=True, kw_only=True):
    """One guest out of /cluster/resources. `status` is Proxmox's word, `name` may be missing."""

    vmid: int
    type: GuestType
    node: str
    status: str
    name: str | None = None
    hastate: str | None = None
    lock: str | None = None
    tags: str = ""
    template: bool = False
    cpu: float | None = None
    maxcpu: float | None = None
    mem: int | None = None
    maxmem: int | None = None
    maxdisk: int | None = None
    uptime: int | None = None
    netin: int | None = None
    netout: int | None = None


class StorageState(Struct, frozen=True, kw_only=True):
    """One storage on one node out of /cluster/resources."""

    storage: str
    node: str
    type: str = ""
    status: str = "unknown"
    shared: bool = False
    content: str = ""
    used: int | None = None
    total: int | None = None


class Resources(Struct, frozen=True, kw_only=True):
    """One whole /cluster/resources answer, decoded."""

    nodes: tuple[NodeState, ...]
    guests: tuple[GuestState, ...]
    storages: tuple[StorageState, ...]


class ResourcesAnswer(Struct, frozen=True, kw_only=True):
    """`resources` is None when the body is the very same as at the last call (same digest)."""

    digest: bytes
    resources: Resources | None


class Membership(Struct, frozen=True, kw_only=True):
    """/cluster/status: who is a member, as the answering node sees it."""

    cluster_name: str | None
    quorate: bool | None
    version: int | None
    nodes: tuple[NodeState, ...]
    local_node: str | None


class HaService(Struct, frozen=True, kw_only=True):
    """One HA resource as the HA manager sees it (ha/status/current)."""

    sid: str
    node: str | None
    state: str
    crm_state: str | None = None
    request_state: str | None = None
    max_restart: int | None = None
    max_relocate: int | None = None
    failback: bool | None = None
    group: str | None = None
    comment: str | None = None
    digest: str | None = None  # of the whole file, where it was read from the configuration


class LrmState(Struct, frozen=True, kw_only=True):
    """One node's local resource manager: active, idle, wait_for_agent_lock, maintenance ..."""

    node: str
    state: str
    dead: bool
    text: str
    timestamp: datetime | None = None


class HaStatus(Struct, frozen=True, kw_only=True):
    """/cluster/ha/status/current. `quorate` is its quorum row, which never flickers."""

    quorate: bool | None
    quorum_text: str
    manager_node: str | None
    manager_state: str | None
    armed_state: str | None
    lrms: tuple[LrmState, ...]
    services: tuple[HaService, ...]


class HaRule(Struct, frozen=True, kw_only=True):
    """One HA rule (PVE 9): node-affinity or resource-affinity."""

    rule: str
    type: str
    resources: tuple[str, ...]
    nodes: tuple[str, ...] = ()
    affinity: str | None = None
    strict: bool = False
    disabled: bool = False
    comment: str | None = None
    errors: str | None = None
    digest: str | None = None  # of the whole file


class NodeVotes(Struct, frozen=True, kw_only=True):
    """One node of /cluster/config/nodes: what corosync's configuration says of it.

    links: its address on each of corosync's networks (ring0_addr to ring7_addr).
    """

    name: str
    node_id: int | None
    votes: int
    links: tuple[str, ...] = ()


class QDevice(Struct, frozen=True, kw_only=True):
    """/cluster/config/qdevice: a vote from outside, as the asked node's own daemon sees it.

    Proxmox tells algorithm and state but no number: `votes` is 0 for the algorithm lms, which
    casts as many as there are nodes less one (`hapanel.ha.quorum` counts). `casts_vote` is None
    when the last poll is not told.
    """

    configured: bool
    connected: bool | None = None
    votes: int = 0
    text: str = ""
    algorithm: str | None = None
    host: str | None = None
    casts_vote: bool | None = None


class Task(Struct, frozen=True, kw_only=True):
    """One entry of a task list. `running` tasks have neither end nor exit status."""

    upid: Upid
    running: bool
    ended_at: datetime | None = None
    exit_status: str | None = None


class LogLine(Struct, frozen=True, kw_only=True):
    """One line of a task log, `n` counted from 1 as Proxmox does."""

    n: int
    text: str


class TaskLog(Struct, frozen=True, kw_only=True):
    """The lines from the asked start on, and how many lines the log has by now."""

    lines: tuple[LogLine, ...]
    total: int


class StorageConfig(Struct, frozen=True, kw_only=True):
    """One entry of /storage: what an administrator declared."""

    storage: str
    type: str
    shared: bool
    content: str
    vgname: str | None = None
    nodes: tuple[str, ...] = ()
    disabled: bool = False


class VolumeGroup(Struct, frozen=True, kw_only=True):
    """One LVM volume group of a node; bytes. `free` is not allocated to any volume."""

    vg: str
    size: int
    free: int


class GuestDisk(Struct, frozen=True, kw_only=True):
    """One disk, mount point, CD or unused volume of a guest's configuration. `in_backup`: whether
    a backup of the guest holds it."""

    key: str
    volume: str
    storage: str | None
    size: int | None = None
    is_cdrom: bool = False
    is_unused: bool = False
    in_backup: bool = True


class GuestConfig(Struct, frozen=True, kw_only=True):
    """What a migration or a recovery of the guest depends on, from its configuration."""

    disks: tuple[GuestDisk, ...]
    passthrough: tuple[str, ...] = ()
    onboot: bool = False
    digest: str | None = None
    # What tells which machine it is, from inside as well: network cards and the SMBIOS UUID.
    macs: tuple[str, ...] = ()
    smbios_uuid: str | None = None
    has_snapshots: bool = False


class MigratePreconditions(Struct, frozen=True, kw_only=True):
    """GET .../migrate of QEMU and (PVE 9) LXC guests in one form.

    `not_allowed` maps a node to Proxmox's reasons, worded for people.
    """

    running: bool
    allowed_nodes: tuple[str, ...]
    not_allowed: Mapping[str, tuple[str, ...]]
    local_disks: tuple[str, ...] = ()
    local_resources: tuple[str, ...] = ()


class MigrateOptions(Struct, frozen=True, kw_only=True):
    """What a migrate call is sent with; None leaves the choice to Proxmox."""

    target: str
    online: bool = False
    restart: bool = False
    with_local_disks: bool = False
    target_storage: str | None = None
    bandwidth_limit: int | None = None  # KiB/s


class AddressHealth(Struct, frozen=True, kw_only=True):
    """How one address of a cluster fared lately; `retry_in` are seconds until its next attempt.

    `node` is the one that answers there, known once it told so itself.
    """

    address: str
    node: str | None = None
    failures: int = 0
    retry_in: float = 0.0
    last_error: str = ""
