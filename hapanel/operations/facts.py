"""The facts of a move, out of the records: what a page and the API judge from."""

from __future__ import annotations

from django.utils import timezone
from redis.exceptions import RedisError

from hapanel.ha.migration_facts import (
    ClusterFacts,
    DiskFacts,
    GuestFacts,
    MoveFacts,
    NodeFacts,
    RuleFacts,
    StorageFacts,
)
from hapanel.kernel.names import vmid_of
from hapanel.operations.models import HOLDING_STATES, Operation
from hapanel.operations.wishes import MigrationWish
from nodes.metrics import ClusterMetrics, cluster_metrics
from nodes.models import Cluster, Mode, Node, Reach, Storage
from vms.models import Guest, HaResource, HaRule


def move_facts(wish: MigrationWish, guest: Guest) -> MoveFacts:
    """Everything that is recorded about `guest` and the wish to move it."""
    cluster = wish.cluster
    metrics = measured(cluster)
    rules = tuple(rule_facts(rule) for rule in cluster.ha_rules.all()) if guest.ha_state else ()
    return MoveFacts(
        cluster=cluster_facts(cluster),
        guest=guest_facts(guest, metrics),
        target=wish.target,
        mode=wish.mode,
        with_local_disks=wish.with_local_disks,
        target_storage=wish.target_storage,
        has_own_limit=wish.bandwidth_limit is not None,
        nodes=tuple(node_facts(node, metrics) for node in cluster.nodes.all()),
        storages=tuple(storage_facts(storage) for storage in cluster.storages.all()),
        rules=rules,
        neighbours=_neighbours(cluster, rules),
        other_operation=holding_operation(cluster, guest.vmid),
    )


def measured(cluster: Cluster) -> ClusterMetrics | None:
    """The cluster's figures; None when there are none or Redis is away: then they are unknown."""
    try:
        return cluster_metrics(cluster)
    except RedisError:
        return None


def holding_operation(cluster: Cluster, vmid: int) -> int | None:
    """The id of the operation that has the guest in hand, if any."""
    held = Operation.objects.filter(cluster=cluster, vmid=vmid, state__in=HOLDING_STATES)
    return held.values_list("pk", flat=True).first()


def cluster_facts(cluster: Cluster) -> ClusterFacts:
    """The recorded cluster. Stale records count as not seen."""
    failed = cluster.reach != Reach.OK
    why = cluster.reach_detail or str(Reach(cluster.reach).label)
    seen = cluster.observed_at
    return ClusterFacts(
        name=cluster.name,
        sees=cluster.is_reachable,
        why_blind=why if failed else "",
        age_seconds=(timezone.now() - seen).total_seconds() if seen else None,
        may_operate=cluster.mode == Mode.OPERATE,
        missing_privileges=tuple(cluster.missing_privileges),
        quorate=cluster.quorate,
        quorum_text=cluster.ha_quorum_text,
        ha_manager_dead=cluster.ha_manager_state == "dead",
        ha_armed_state=cluster.ha_armed_state,
    )


def guest_facts(guest: Guest, metrics: ClusterMetrics | None) -> GuestFacts:
    """The recorded guest with its measured memory and, once read, its disks."""
    figures = metrics.guests([guest.vmid]).get(guest.vmid) if metrics else None
    was_read = guest.config_read_at is not None
    return GuestFacts(
        vmid=guest.vmid,
        type=guest.guest_type,
        node=guest.node,
        status=guest.status,
        name=guest.name,
        template=guest.template,
        lock=guest.lock,
        ha_state=_ha_state(guest),
        maxmem=guest.maxmem,
        used_memory=figures.mem if figures else None,
        disks=tuple(
            DiskFacts(disk.key, disk.volume, disk.storage, disk.is_cdrom)
            for disk in guest.disks.all()
        )
        if was_read
        else None,
        passthrough=tuple(guest.passthrough),
    )


def _ha_state(guest: Guest) -> str:
    """The verbose state where the HA manager told one; it knows `starting` from `started`."""
    if not guest.is_under_ha:
        return ""
    verbose = HaResource.objects.filter(cluster=guest.cluster_id, sid=guest.sid)
    return verbose.values_list("state", flat=True).first() or guest.ha_state


def node_facts(node: Node, metrics: ClusterMetrics | None) -> NodeFacts:
    """The recorded node; its free memory when it was measured."""
    figures = metrics.nodes.get(node.name) if metrics else None
    used = figures.mem if figures else None
    free = node.maxmem - used if node.maxmem is not None and used is not None else None
    return NodeFacts(node.name, str(node.status), node.maxmem, free, node.lrm_dead)


def storage_facts(storage: Storage) -> StorageFacts:
    return StorageFacts(
        storage.storage,
        storage.node,
        shared=storage.shared,
        available=storage.status == "available" and storage.last_seen_at is None,
        content=storage.content,
    )


def rule_facts(rule: HaRule) -> RuleFacts:
    """The recorded rule; priorities behind node names (`pve1:2`) do not matter here."""
    return RuleFacts(
        rule.rule,
        rule.type,
        resources=tuple(rule.resources),
        nodes=tuple(str(node).partition(":")[0] for node in rule.nodes),
        affinity=rule.affinity,
        strict=rule.strict,
        disabled=rule.disabled,
    )


def _neighbours(cluster: Cluster, rules: tuple[RuleFacts, ...]) -> dict[str, str]:
    """Where the guests are that share a rule with ours: service id -> node."""
    sids = {sid for rule in rules for sid in rule.resources}
    vmids = [vmid for sid in sids if (vmid := vmid_of(sid)) is not None]
    found = Guest.objects.filter(cluster=cluster, vmid__in=vmids, gone_at=None)
    return {guest.sid: guest.node for guest in found}
