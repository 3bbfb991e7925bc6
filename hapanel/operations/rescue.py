"""The losing side's guests in a split brain, out of the records: what a page and the API judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hapanel.drbd.circumstances import Circumstances
from hapanel.drbd.rescue import BackupStorage, Rescue, RescuedGuest, rescue_of
from hapanel.drbd.rescue_refusals import RESCUE_BUSY
from hapanel.kernel.refusal import Refusal
from hapanel.operations.facts import holding_operation
from nodes.models import Cluster, Storage
from vms.models import Guest, HaResource, HaRule


def recorded_rescue(
    cluster: Cluster,
    resource: str,
    victim: str,
    survivor: str,
    *,
    circumstances: Circumstances,
    groups: tuple[str, ...],
    copy_to: str,
) -> Rescue:
    """What would become of the victim's guests. Without a storage named it is the one with most
    room of those that nothing speaks against."""
    guests = rescued_guests(cluster, victim, circumstances, groups)
    storages = _storages(cluster, victim, survivor, groups)

    def with_storage(name: str) -> Rescue:
        return rescue_of(
            guests,
            storages,
            resource=resource,
            victim=victim,
            survivor=survivor,
            is_dual=circumstances.dual_primary_configured,
            copy_to=name,
        )

    names = [copy_to] if copy_to else [one.storage for one in storages]
    ways = [with_storage(name) for name in names]
    ways.sort(key=lambda way: (bool(way.refusals), -_room(way)))
    way = ways[0] if ways else with_storage(copy_to)
    return replace(way, refusals=(*way.refusals, *_busy(cluster, guests)))


def _room(way: Rescue) -> int:
    return next((one.free or 0 for one in way.choices if one.storage == way.storage), 0)


def _busy(cluster: Cluster, guests: tuple[RescuedGuest, ...]) -> list[Refusal]:
    held = [(guest, holding_operation(cluster, guest.vmid)) for guest in guests]
    return [RESCUE_BUSY(guest=str(guest), operation=pk) for guest, pk in held if pk]


def rescued_guests(
    cluster: Cluster, victim: str, circumstances: Circumstances, groups: tuple[str, ...]
) -> tuple[RescuedGuest, ...]:
    """The guests of the resource whose place is the victim; templates are never written."""
    vmids = [guest.vmid for guest in circumstances.guests_on(victim)]
    rows = Guest.objects.filter(cluster=cluster, vmid__in=vmids, template=False)
    shared = frozenset(
        Storage.objects.filter(cluster=cluster, shared=True).values_list("storage", flat=True)
    )
    on_it = dict(Storage.objects.filter(cluster=cluster).values_list("storage", "vg"))
    of_resource = frozenset(name for name, group in on_it.items() if group and group in groups)
    found = rows.order_by("vmid").prefetch_related("disks")
    wishes = _wishes(cluster)
    return tuple(_rescued(guest, shared, of_resource, wishes) for guest in found)


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What the HA manager is asked for: the state of each resource, and those (sids) about whose
    place rules or groups have a say."""

    states: Mapping[str, str]
    placed: frozenset[str]


def _wishes(cluster: Cluster) -> _Wishes:
    told = list(
        HaResource.objects.filter(cluster=cluster).values_list("sid", "request_state", "group")
    )
    rules = HaRule.objects.filter(cluster=cluster, disabled=False)
    placed = {sid for rule in rules for sid in rule.resources}
    placed |= {sid for sid, _state, group in told if group}
    return _Wishes({sid: state for sid, state, _group in told}, frozenset(placed))


def _rescued(
    guest: Guest, shared: frozenset[str], of_resource: frozenset[str], wishes: _Wishes
) -> RescuedGuest:
    disks = list(guest.disks.all())
    copied = [disk for disk in disks if not disk.is_cdrom and not disk.is_unused]
    sizes = [disk.size for disk in copied]
    known = [size for size in sizes if size is not None]
    roots = [disk.storage for disk in copied if disk.key == "rootfs"]
    lies_on = [disk.storage for disk in copied if disk.storage in of_resource]
    is_bound = any(disk.storage and disk.storage not in shared for disk in disks)
    return RescuedGuest(
        vmid=guest.vmid,
        name=guest.name,
        type=guest.guest_type,
        running=guest.is_running,
        requested=_requested(guest, wishes),
        size=sum(known) if known and len(known) == len(sizes) else None,
        lock=guest.lock,
        is_bound=is_bound or bool(guest.passthrough),
        is_drawn=guest.is_under_ha and guest.sid in wishes.placed,
        restore_to=next(iter([*roots, *lies_on]), ""),
    )


def _requested(guest: Guest, wishes: _Wishes) -> str:
    """What is asked of the HA manager; blank when it leaves the guest alone."""
    if not guest.is_under_ha:
        return ""
    return wishes.states.get(guest.sid) or ("started" if guest.is_running else "stopped")


def _storages(
    cluster: Cluster, victim: str, survivor: str, groups: tuple[str, ...]
) -> tuple[BackupStorage, ...]:
    """Those of the victim that take backups, answer, and do not lie on the resource."""
    rows = Storage.objects.filter(cluster=cluster, status="available", last_seen_at=None)
    seen = {(row.node, row.storage) for row in rows}
    return tuple(
        BackupStorage(
            row.storage,
            shared=row.shared and (survivor, row.storage) in seen,
            free=row.total - row.used if row.total is not None and row.used is not None else None,
        )
        for row in rows
        if row.node == victim and "backup" in row.content.split(",") and row.vg not in groups
    )
