"""What a change of HA is judged from: out of the records, or as Proxmox itself tells it."""

from __future__ import annotations

from collections.abc import Iterable

from hapanel.ha.change.configuration import Configuration
from hapanel.ha.change.judge import HaFacts, KnownGuest
from hapanel.ha.change.wish import HaChange
from hapanel.ha.migration_facts import ClusterFacts
from hapanel.kernel.names import service_id, vmid_of
from hapanel.operations.facts import cluster_facts
from hapanel.operations.live_facts import look
from hapanel.operations.models import HA_KINDS, HOLDING_STATES, Operation
from hapanel.ports.cluster import HaRule, HaService
from hapanel.ports.cluster_gateway import ClusterGateway
from nodes.models import Cluster
from vms import models as records

ERROR = "error"


def recorded_facts(cluster: Cluster, change: HaChange) -> HaFacts:
    """Out of the records, with whatever other operation is in the way."""
    resources = list(records.HaResource.objects.filter(cluster=cluster))
    rules = tuple(_recorded_rule(rule) for rule in cluster.ha_rules.all())
    sids = {change.key, *(change.rule.resources or ()), *(row.sid for row in resources)}
    return HaFacts(
        cluster=cluster_facts(cluster),
        version=cluster.pve_version,
        configuration=Configuration(
            resources=tuple(map(_recorded_resource, resources)),
            rules=rules,
            armed=cluster.ha_armed_state,
        ),
        nodes=tuple(cluster.nodes.order_by("name").values_list("name", flat=True)),
        guests=_recorded_guests(cluster, sids),
        in_error=frozenset(row.sid for row in resources if row.state == ERROR),
        held=_held(cluster, change),
    )


def _recorded_resource(row: records.HaResource) -> HaService:
    return HaService(
        sid=row.sid,
        node=row.node or None,
        state=row.request_state,
        request_state=row.request_state,
        max_restart=row.max_restart,
        max_relocate=row.max_relocate,
        failback=row.failback,
        group=row.group or None,
        comment=row.comment or None,
    )


def _recorded_rule(row: records.HaRule) -> HaRule:
    return HaRule(
        rule=row.rule,
        type=row.type,
        resources=tuple(row.resources),
        nodes=tuple(map(str, row.nodes)),
        affinity=row.affinity or None,
        strict=row.strict,
        disabled=row.disabled,
        comment=row.comment or None,
    )


def _recorded_guests(cluster: Cluster, sids: Iterable[str]) -> dict[str, KnownGuest]:
    vmids = [vmid for sid in sids if (vmid := vmid_of(sid)) is not None]
    found = records.Guest.objects.filter(cluster=cluster, vmid__in=vmids, gone_at=None)
    return {guest.sid: KnownGuest(str(guest), guest.template) for guest in found}


def _held(cluster: Cluster, change: HaChange) -> dict[str, int]:
    """Which operation holds what: changes of HA by their key, all others by their guest."""
    found: dict[str, int] = {}
    for held in Operation.objects.filter(cluster=cluster, state__in=HOLDING_STATES):
        if held.kind in HA_KINDS:
            found[str(held.params.get("key", ""))] = held.pk
        elif change.verb.is_about_resource and held.vmid == vmid_of(change.key):
            found[change.key] = held.pk
    return found


def live_facts(gateway: ClusterGateway, cluster: Cluster) -> HaFacts:
    """As Proxmox tells them now. Raises a ClusterError."""
    view = look(gateway, with_ha=False)
    status = gateway.ha_status()
    return HaFacts(
        cluster=ClusterFacts(name=cluster.name, quorate=status.quorate),
        version=cluster.pve_version,
        configuration=Configuration(
            resources=gateway.ha_services(),
            rules=gateway.ha_rules(),
            armed=status.armed_state or "",
        ),
        nodes=tuple(sorted(node.name for node in view.resources.nodes)),
        guests={
            service_id(guest.type, guest.vmid): KnownGuest(
                f"{guest.vmid} {guest.name or ''}".strip(), guest.template
            )
            for guest in view.resources.guests
        },
        in_error=frozenset(each.sid for each in status.services if each.state == ERROR),
    )
