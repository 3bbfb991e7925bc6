"""Replication with the guests on it: every resource of a cluster, joined and judged as of now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from hapanel.drbd.circumstances import Circumstances, GuestOnResource
from hapanel.drbd.findings import rank
from hapanel.drbd.join import Replication, join, resources_of
from hapanel.drbd.judge import NOTHING_KNOWN, Judgement, judge
from hapanel.drbd.load import Load, loads_of
from hapanel.ports.replication import Role
from nodes.models import Cluster, DrbdResource, Storage
from nodes.replication import Known, NodeWord, known_of, node_replications, resources_under_groups
from vms.models import Guest, GuestDisk


@dataclass(frozen=True)
class Resource:
    """One resource: its sides and links, what is to be said of it, and what lies on it.

    `guests` is None while nobody knows which volume groups lie on it. `active_groups` has the nodes
    whose volume groups were read, with those of the resource's that were active there.
    """

    name: str
    record: DrbdResource | None
    replication: Replication
    judgement: Judgement
    groups: tuple[str, ...] = ()
    guests: tuple[Guest, ...] | None = None
    circumstances: Circumstances = NOTHING_KNOWN
    active_groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class ClusterReplication:
    """All of a cluster's replication, the worst resource first."""

    known: Known
    resources: tuple[Resource, ...] = ()

    def resource(self, name: str) -> Resource | None:
        """The resource of this name."""
        return next((one for one in self.resources if one.name == name), None)


def replication_of(cluster: Cluster, now: datetime | None = None) -> ClusterReplication:
    """Every resource of the cluster as of `now`, judged; one query when nobody set ssh up."""
    now = now or timezone.now()
    known = known_of(cluster, now)
    if known.access is None:
        return ClusterReplication(known)
    nodes = node_replications(known)
    names = list(dict.fromkeys([*resources_of(nodes), *known.resources]))
    under = resources_under_groups(known)
    guests = _guests_by_group(cluster, {group for _node, group in under}) if under else {}
    shared = _shared_groups(cluster) if under else frozenset()
    resources = []
    for name in names:
        groups = tuple(sorted({group for (_n, group), one in under.items() if one == name}))
        on_it = _guests_on(groups, guests) if groups else None
        replication = join(name, nodes, now, _members(known, name))
        if not replication.sides:
            continue  # neither up nor configured anywhere: it is being removed
        around = _circumstances(known, name, replication, on_it, bool(shared & set(groups)), now)
        judgement = judge(replication, around)
        record = known.resources.get(name)
        active = _active_groups(known, groups)
        resources.append(
            Resource(name, record, replication, judgement, groups, on_it, around, active)
        )
    resources.sort(key=lambda one: (rank(one.judgement.findings[0]), one.name))
    return ClusterReplication(known, tuple(resources))


def first_two(
    resource: Resource, words: Mapping[str, NodeWord]
) -> tuple[NodeWord, NodeWord] | None:
    """The nodes whose files are set side by side: the first two sides, or the only one twice."""
    nodes = [side.node for side in resource.replication.sides][:2]
    known = [words.get(node, NodeWord(node)) for node in nodes]
    return (known[0], known[-1]) if known else None


def _active_groups(known: Known, groups: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Node -> those of the groups that were active there when it was read last."""
    reports = {word.node: word.lvm for word in known.words if word.row and word.row.lvm}
    told = {node: report.active(groups) for node, report in reports.items()}
    return {node: active for node, active in told.items() if active is not None}


def _members(known: Known, name: str) -> list[str]:
    """The cluster's nodes that the configuration of the resource names, or whose files hold it."""
    hosts = {
        host.partition(".")[0].lower() for meant in _meant(known, name) for host in meant["members"]
    }
    return [
        word.node
        for word in known.words
        if word.node.lower() in hosts or (word.row and name in word.row.configured)
    ]


def _meant(known: Known, name: str) -> list[dict[str, Any]]:
    """What each node's configuration says of the resource."""
    rows = [word.row for word in known.words if word.row]
    return [row.configured[name] for row in rows if name in row.configured]


def _is_dual_for_good(known: Known, name: str, is_shared: bool) -> bool | None:
    """Whether both sides are meant to be Primary at all times; None while nobody knows."""
    meant = _meant(known, name)
    if is_shared or any(one["dual_primary"] for one in meant):
        return True
    return False if meant else None


def _guests_by_group(cluster: Cluster, groups: set[str]) -> dict[str, list[Guest]]:
    """The guests with a disk in each volume group, by the storages that are declared on it."""
    storages = Storage.objects.filter(cluster=cluster, vg__in=groups)
    groups_of = dict(storages.values_list("storage", "vg"))
    disks = GuestDisk.objects.filter(
        guest__cluster=cluster, guest__gone_at=None, storage__in=groups_of, is_cdrom=False
    ).select_related("guest")
    found: dict[str, dict[int, Guest]] = {}
    for disk in disks:
        found.setdefault(groups_of[disk.storage], {})[disk.guest.vmid] = disk.guest
    return {group: [guests[vmid] for vmid in sorted(guests)] for group, guests in found.items()}


def _shared_groups(cluster: Cluster) -> frozenset[str]:
    """Groups that Proxmox activates on every node, so that both sides are Primary for good."""
    shared = Storage.objects.filter(cluster=cluster, shared=True, type="lvm").exclude(vg="")
    return frozenset(shared.values_list("vg", flat=True))


def _guests_on(groups: tuple[str, ...], by_group: Mapping[str, list[Guest]]) -> tuple[Guest, ...]:
    found = {guest.vmid: guest for group in groups for guest in by_group.get(group, ())}
    return tuple(found[vmid] for vmid in sorted(found))


def _circumstances(
    known: Known,
    name: str,
    replication: Replication,
    guests: tuple[Guest, ...] | None,
    is_shared: bool,
    now: datetime,
) -> Circumstances:
    record = known.resources.get(name)
    sides = [row for (resource, _node), row in known.sides.items() if resource == name]
    return Circumstances(
        dual_primary_configured=_is_dual_for_good(known, name, is_shared),
        guests=None if guests is None else _on_resource(guests),
        migrating=tuple(str(guest) for guest in guests or () if guest.lock == "migrate"),
        dual_primary_seconds=_dual_seconds(replication, known, now),
        last_primary={row.node: row.last_primary_at for row in sides if row.last_primary_at},
        apart_since=record.apart_since if record else None,
        loads=_loads(known, name),
    )


def _loads(known: Known, name: str) -> tuple[Load, ...]:
    """What each node that is seen now wrote and sent lately."""
    seen = [(word.node, word.seen) for word in known.words if word.is_now]
    return tuple(load for node, one in seen if one for load in loads_of(name, node, one.looks))


def _on_resource(guests: tuple[Guest, ...]) -> tuple[GuestOnResource, ...]:
    """With the sizes of all their disks, where each is known."""
    sizes: dict[int, list[int | None]] = {}
    disks = GuestDisk.objects.filter(guest__in=guests, is_cdrom=False, is_unused=False)
    for guest, size in disks.values_list("guest", "size"):
        sizes.setdefault(guest, []).append(size)
    return tuple(
        GuestOnResource(
            guest.vmid, guest.name, guest.node, guest.is_running, _sum(sizes.get(guest.pk, []))
        )
        for guest in guests
    )


def _sum(sizes: list[int | None]) -> int | None:
    known = [size for size in sizes if size is not None]
    return sum(known) if known and len(known) == len(sizes) else None


def _dual_seconds(replication: Replication, known: Known, now: datetime) -> float | None:
    """How long two sides are Primary already: since the younger of them became so."""
    since = sorted(
        row.role_since
        for side in replication.sides
        if side.now is not None
        and side.now.role is Role.PRIMARY
        and (row := known.sides.get((replication.resource, side.node))) is not None
        and row.role_since is not None
    )
    return (now - since[1]).total_seconds() if len(since) > 1 else None
