"""What must be known to judge whether a guest may move: plain facts, whoever collected them.

A page collects them from records, the worker from Proxmox itself; the judgement is the same
(`hapanel.ha.preflight`). None means "not known", which is never taken for a good answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from hapanel.kernel.names import GuestType, service_id


class MigrationMode(StrEnum):
    """How a guest moves: live, a container's restart, or while it is stopped."""

    ONLINE = "online"
    RESTART = "restart"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """One volume of the guest's configuration; `storage` is empty for a path of the host."""

    key: str
    volume: str
    storage: str
    is_cdrom: bool = False


@dataclass(frozen=True, slots=True)
class GuestFacts:
    """The guest. `disks` is None while its configuration was not read; memory is in bytes.

    `ha_state` is the HA manager's verbose word, blank when the guest is not under HA.
    """

    vmid: int
    type: GuestType
    node: str
    status: str
    name: str = ""
    template: bool = False
    lock: str = ""
    ha_state: str = ""
    maxmem: int | None = None
    used_memory: int | None = None
    disks: tuple[DiskFacts, ...] | None = None
    passthrough: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """`100 siakad`, as people call it."""
        return f"{self.vmid} {self.name}".strip()

    @property
    def sid(self) -> str:
        return service_id(self.type, self.vmid)

    @property
    def is_running(self) -> bool:
        """Proxmox's status is the QMP word, so everything but stopped and unknown runs."""
        return self.status not in {"stopped", "unknown"}

    @property
    def is_under_ha(self) -> bool:
        return self.ha_state not in {"", "ignored"}


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """One node. `status` is the panel's word (online, offline, maintenance, fence, unknown)."""

    name: str
    status: str
    maxmem: int | None = None
    free_memory: int | None = None
    lrm_dead: bool = False


@dataclass(frozen=True, slots=True)
class StorageFacts:
    """One storage on one node."""

    storage: str
    node: str
    shared: bool
    available: bool
    content: str = ""


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """One HA rule; `nodes` are bare names, `resources` service ids."""

    rule: str
    type: str
    resources: tuple[str, ...]
    nodes: tuple[str, ...] = ()
    affinity: str = ""
    strict: bool = False
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """The cluster as far as a migration depends on it.

    `sees` is False when the last look failed (`why_blind` says why) or is too old (it is blank,
    and `age_seconds` says how old; None: nobody ever looked).
    `missing_privileges` are those that the panel's token lacks.
    """

    name: str
    sees: bool = True
    why_blind: str = ""
    age_seconds: float | None = None
    may_operate: bool = True
    missing_privileges: tuple[str, ...] = ()
    quorate: bool | None = True
    quorum_text: str = ""
    ha_manager_dead: bool = False
    ha_armed_state: str = ""


@dataclass(frozen=True, slots=True)
class MoveFacts:
    """Everything together: who shall go where, and how. `mode` None: what fits the guest."""

    cluster: ClusterFacts
    guest: GuestFacts
    target: str
    mode: MigrationMode | None = None
    with_local_disks: bool = False
    target_storage: str = ""
    has_own_limit: bool = False  # a bandwidth limit was asked for
    nodes: tuple[NodeFacts, ...] = ()
    storages: tuple[StorageFacts, ...] = ()
    rules: tuple[RuleFacts, ...] = ()
    # Where the other guests of the HA rules are: service id -> node.
    neighbours: dict[str, str] = field(default_factory=dict)
    other_operation: int | None = None  # an open operation that holds the guest
    # What GET .../migrate says, when Proxmox was asked: its reasons against the target, and the
    # volumes that it calls local (None: not asked, so the storages' `shared` tells).
    proxmox_against: tuple[str, ...] = ()
    proxmox_local: tuple[str, ...] | None = None

    def node(self, name: str) -> NodeFacts | None:
        return next((node for node in self.nodes if node.name == name), None)

    def storage(self, storage: str, node: str) -> StorageFacts | None:
        return next((s for s in self.storages if s.storage == storage and s.node == node), None)

    @property
    def fitting_mode(self) -> MigrationMode:
        """The mode that the guest's kind and state ask for."""
        if not self.guest.is_running:
            return MigrationMode.OFFLINE
        is_container = self.guest.type is GuestType.LXC
        return MigrationMode.RESTART if is_container else MigrationMode.ONLINE
