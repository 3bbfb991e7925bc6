"""The snapshot that a forecast is made from, out of the records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from hapanel.ha.forecast.snapshot import (
    SeenDisk,
    SeenGuest,
    SeenNode,
    SeenResource,
    SeenStorage,
    Snapshot,
)
from hapanel.kernel.names import GuestType, service_id
from hapanel.operations.facts import measured
from hapanel.ports import cluster as ports
from nodes.metrics import ClusterMetrics
from nodes.models import Cluster, Node
from nodes.selectors import recorded_groups, recorded_options, recorded_qdevice
from vms.models import GuestDisk, HaResource, HaRule
from vms.selectors import NOT_SEEN, STOPPED, boots_of, guests_of

# Figures move with every look. Coarser ones let a forecast stand until something really changes.
_MEMORY_STEP = 256 * 1024**2
# Locks are counted from a node's boot for two minutes; later nobody needs to know when that was.
_OLD = 600
_UNMANAGED = frozenset({"", "ignored"})


def snapshot_of(cluster: Cluster, *, only_managed: bool = False) -> Snapshot:
    """What is recorded of `cluster`. The number of queries does not grow with it.

    only_managed: of its guests only those that HA has to do with, where the others do not matter.
    """
    metrics = measured(cluster)
    resources = _resources(cluster)
    return Snapshot(
        cluster=cluster.name,
        nodes=tuple(_node(node, metrics) for node in cluster.nodes.order_by("name")),
        guests=_guests(cluster, resources, only_managed=only_managed),
        storages=_storages(cluster),
        rules=tuple(_rule(rule) for rule in cluster.ha_rules.order_by("rule")),
        groups=recorded_groups(cluster),
        options=recorded_options(cluster),
        qdevice=recorded_qdevice(cluster),
        quorate=cluster.quorate,
        manager_node=cluster.ha_manager_node,
        manager_state=cluster.ha_manager_state,
        armed=cluster.ha_armed_state,
        pve_version=cluster.pve_version,
        time_scale=cluster.time_scale,
        boots=boots_of(cluster),
    )


def _node(node: Node, metrics: ClusterMetrics | None) -> SeenNode:
    figures = metrics.nodes.get(node.name) if metrics else None
    used = figures.mem if figures else None
    uptime = figures.uptime if figures else None
    return SeenNode(
        name=node.name,
        node_id=node.node_id,
        votes=node.votes,
        status=str(node.status),
        lrm_state=node.lrm_state,
        lrm_dead=node.lrm_dead,
        maxcpu=node.maxcpu,
        maxmem=node.maxmem,
        links=tuple(map(str, node.corosync_links)),
        mem=None if used is None else -(-used // _MEMORY_STEP) * _MEMORY_STEP,
        uptime=uptime if uptime is not None and uptime < _OLD else None,
    )


def _storages(cluster: Cluster) -> tuple[SeenStorage, ...]:
    rows = cluster.storages.order_by("node", "storage")
    names = ("storage", "node", "shared", "status", "type", "content", "total", "used")
    return tuple(
        SeenStorage(
            storage=name,
            node=node,
            is_shared=shared,
            is_available=status != NOT_SEEN,
            kind=kind,
            content=content,
            free=None if total is None or used is None else max(0, total - used),
        )
        for name, node, shared, status, kind, content, total, used in rows.values_list(*names)
    )


def _resources(cluster: Cluster) -> dict[str, SeenResource]:
    return {
        row.sid: SeenResource(
            state=row.crm_state or row.state,
            request=row.request_state or "started",
            node=row.node,
            max_restart=1 if row.max_restart is None else row.max_restart,
            max_relocate=1 if row.max_relocate is None else row.max_relocate,
            failback=row.failback is not False,
            group=row.group,
        )
        for row in HaResource.objects.filter(cluster=cluster)
    }


def _guests(
    cluster: Cluster, resources: Mapping[str, SeenResource], *, only_managed: bool
) -> tuple[SeenGuest, ...]:
    disks = _disks(cluster)
    rows = guests_of(cluster).filter(template=False).order_by("vmid")
    if only_managed:
        rows = rows.exclude(ha_state__in=_UNMANAGED)
    found = []
    for pk, vmid, kind, name, node, status, was, cpu, mem, ha, read, boots, passed in (
        rows.values_list(
            "pk", "vmid", "type", "name", "node", "status", "status_was", "maxcpu", "maxmem",
            "ha_state", "config_read_at", "onboot", "passthrough",
        )
    ):  # fmt: skip
        sid = service_id(GuestType(kind), vmid)
        told = resources.get(sid)
        if told is None and ha not in _UNMANAGED:
            told = SeenResource(state=ha, request="started", node=node)
        found.append(
            SeenGuest(
                sid=sid,
                vmid=vmid,
                name=name,
                node=node,
                is_running=(was if status == NOT_SEEN else status) not in ("", STOPPED, NOT_SEEN),
                onboot=boots,
                maxcpu=cpu,
                maxmem=mem,
                disks=None if read is None else tuple(disks.get(pk, ())),
                passthrough=tuple(map(str, passed)),
                resource=told,
            )
        )
    return tuple(found)


def _disks(cluster: Cluster) -> dict[int, list[SeenDisk]]:
    """The volumes that guests under HA need for their start, by the guest's key."""
    wanted = GuestDisk.objects.filter(guest__cluster=cluster, guest__gone_at=None, is_unused=False)
    managed = wanted.exclude(guest__ha_state__in=_UNMANAGED).exclude(storage="")
    found: dict[int, list[SeenDisk]] = defaultdict(list)
    rows = managed.order_by("guest_id", "key")
    for guest, key, storage, is_cdrom in rows.values_list("guest_id", "key", "storage", "is_cdrom"):
        found[guest].append(SeenDisk(key=key, storage=storage, is_cdrom=is_cdrom))
    return found


def _rule(rule: HaRule) -> ports.HaRule:
    return ports.HaRule(
        rule=rule.rule,
        type=rule.type,
        resources=tuple(rule.resources),
        nodes=tuple(map(str, rule.nodes)),
        affinity=rule.affinity or None,
        strict=rule.strict,
        disabled=rule.disabled,
    )
