"""What is recorded of a cluster, as plain values that can be compared. Pure.

Snapshots (hapanel.ports) say what Proxmox answered; facts say what the panel believes after its own
rules: a guest on a node that nobody sees is `unknown`, names outlive Proxmox's memory of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from hapanel.ports.datacenter import Struct

UNKNOWN = "unknown"


class NodeFacts(Struct, frozen=True, kw_only=True):
    """One node; `status` is a value of nodes.models.NodeStatus."""

    name: str
    status: str
    node_id: int | None = None
    ip: str = ""
    maxcpu: int | None = None
    maxmem: int | None = None
    lrm_state: str = ""
    lrm_dead: bool = False

    @property
    def is_seen(self) -> bool:
        """Whether it is a living member of the cluster."""
        return self.status in {"online", "maintenance"}


class GuestFacts(Struct, frozen=True, kw_only=True):
    """One guest; `status` is Proxmox's word, or unknown while its node is not seen."""

    vmid: int
    type: str
    node: str
    status: str
    name: str = ""
    lock: str = ""
    tags: str = ""
    template: bool = False
    maxcpu: float | None = None
    maxmem: int | None = None
    maxdisk: int | None = None
    ha_state: str = ""


class StorageFacts(Struct, frozen=True, kw_only=True):
    """One storage on one node; `used` moves only in steps (see compose.settled_use)."""

    node: str
    storage: str
    status: str
    type: str = ""
    shared: bool = False
    content: str = ""
    total: int | None = None
    used: int | None = None


class ServiceFacts(Struct, frozen=True, kw_only=True):
    """One HA resource as the HA manager reports it."""

    sid: str
    node: str
    state: str
    crm_state: str = ""
    request_state: str = ""
    max_restart: int | None = None
    max_relocate: int | None = None
    failback: bool | None = None


StorageKey = tuple[str, str]  # node, storage


class Recorded(Struct, frozen=True, kw_only=True):
    """Everything the records hold of one cluster, by key: where a process starts comparing."""

    nodes: Mapping[str, NodeFacts] = {}
    guests: Mapping[int, GuestFacts] = {}
    storages: Mapping[StorageKey, StorageFacts] = {}
    services: Mapping[str, ServiceFacts] = {}
