"""The facts of a move as Proxmox itself tells them: what a worker judges from, right before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from hapanel.ha.migration_facts import (
    ClusterFacts,
    DiskFacts,
    GuestFacts,
    MigrationMode,
    MoveFacts,
    NodeFacts,
    RuleFacts,
    StorageFacts,
)
from hapanel.kernel.names import GuestType, service_id, vmid_of
from hapanel.operations.models import Operation
from hapanel.ports.cluster import (
    GuestConfig,
    GuestState,
    HaRule,
    HaStatus,
    NodeState,
    Resources,
)
from hapanel.ports.cluster_gateway import ClusterGateway
from hapanel.ports.errors import BadRequest, PermissionMissing, ServerFault
from nodes.models import Cluster

Told = TypeVar("Told")


@dataclass(frozen=True, slots=True)
class View:
    """What the cluster told in one go: everything it lists, and how HA is (None: not told)."""

    resources: Resources
    ha: HaStatus | None

    def guest(self, vmid: int) -> GuestState | None:
        return next((guest for guest in self.resources.guests if guest.vmid == vmid), None)

    def ha_state(self, sid: str) -> str:
        """The verbose HA state of a service, blank when it is not under HA or not told."""
        services = self.ha.services if self.ha else ()
        return next((service.state for service in services if service.sid == sid), "")

    def ha_node(self, sid: str) -> str | None:
        """Where the HA manager believes a service to be."""
        services = self.ha.services if self.ha else ()
        return next((service.node for service in services if service.sid == sid), None)


def look(gateway: ClusterGateway, *, with_ha: bool = True) -> View:
    """Ask the cluster what there is. Raises a ClusterError."""
    answer = gateway.resources()
    assert answer.resources is not None, "asked without a known digest"
    return View(answer.resources, may_be_told(gateway.ha_status) if with_ha else None)


def may_be_told(ask: Callable[[], Told]) -> Told | None:
    """The answer, or None where the token may not ask or this version cannot tell."""
    try:
        return ask()
    except (PermissionMissing, ServerFault, BadRequest):
        return None


def live_move_facts(
    gateway: ClusterGateway, operation: Operation, cluster: Cluster, view: View, guest: GuestState
) -> MoveFacts:
    """Everything that Proxmox tells about the move. Raises a ClusterError."""
    mode = operation.params.get("mode")
    config = gateway.guest_config(guest.node, guest.type, guest.vmid)
    said = gateway.migrate_preconditions(guest.node, guest.type, guest.vmid)
    told = may_be_told(gateway.ha_rules) if guest.hastate else None
    rules = tuple(_rule(rule) for rule in told or ())
    return MoveFacts(
        cluster=_cluster(cluster, view),
        guest=_guest(guest, config, view, said.local_resources if said else ()),
        target=operation.target,
        mode=MigrationMode(mode) if mode else None,
        with_local_disks=bool(operation.params.get("with_local_disks")),
        target_storage=operation.params.get("target_storage") or "",
        has_own_limit=operation.params.get("bandwidth_limit") is not None,
        nodes=tuple(_node(node, view) for node in view.resources.nodes),
        storages=_storages(view.resources),
        rules=rules,
        neighbours=_neighbours(view.resources, rules),
        proxmox_against=tuple(said.not_allowed.get(operation.target, ())) if said else (),
        # PVE tells local disks of virtual machines only.
        proxmox_local=said.local_disks if said and guest.type is GuestType.QEMU else None,
    )


def _cluster(cluster: Cluster, view: View) -> ClusterFacts:
    ha = view.ha
    return ClusterFacts(
        name=cluster.name,
        quorate=ha.quorate if ha else None,
        quorum_text=ha.quorum_text if ha else "",
        ha_manager_dead=bool(ha and ha.manager_state == "dead"),
        ha_armed_state=(ha.armed_state or "") if ha else "",
    )


def _guest(
    guest: GuestState, config: GuestConfig, view: View, local_resources: tuple[str, ...]
) -> GuestFacts:
    is_under_ha = guest.hastate not in (None, "", "ignored")
    verbose = view.ha_state(service_id(guest.type, guest.vmid))
    return GuestFacts(
        vmid=guest.vmid,
        type=guest.type,
        node=guest.node,
        status=guest.status,
        name=guest.name or "",
        template=guest.template,
        lock=guest.lock or "",
        ha_state=(verbose or guest.hastate or "") if is_under_ha else "",
        maxmem=guest.maxmem,
        used_memory=guest.mem,
        disks=tuple(
            DiskFacts(disk.key, disk.volume, disk.storage or "", disk.is_cdrom)
            for disk in config.disks
        ),
        # Proxmox's own list also knows devices that our reading of the configuration does not.
        passthrough=config.passthrough or local_resources,
    )


def _node(node: NodeState, view: View) -> NodeFacts:
    maintenance = node.hastate == "maintenance"
    status = ("maintenance" if maintenance else "online") if node.online else "offline"
    lrms = view.ha.lrms if view.ha else ()
    known = node.maxmem is not None and node.mem is not None
    return NodeFacts(
        node.name,
        status,
        node.maxmem,
        (node.maxmem or 0) - (node.mem or 0) if known else None,
        lrm_dead=any(lrm.dead for lrm in lrms if lrm.node == node.name),
    )


def _storages(resources: Resources) -> tuple[StorageFacts, ...]:
    return tuple(
        StorageFacts(
            storage.storage,
            storage.node,
            shared=storage.shared,
            available=storage.status == "available",
            content=storage.content,
        )
        for storage in resources.storages
    )


def _rule(rule: HaRule) -> RuleFacts:
    return RuleFacts(
        rule.rule,
        rule.type,
        resources=rule.resources,
        nodes=tuple(node.partition(":")[0] for node in rule.nodes),
        affinity=rule.affinity or "",
        strict=rule.strict,
        disabled=rule.disabled,
    )


def _neighbours(resources: Resources, rules: tuple[RuleFacts, ...]) -> dict[str, str]:
    vmids = {vmid_of(sid) for rule in rules for sid in rule.resources}
    return {
        service_id(guest.type, guest.vmid): guest.node
        for guest in resources.guests
        if guest.vmid in vmids
    }
