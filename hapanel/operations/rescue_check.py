"""The losing side's guests as Proxmox itself tells of them, right before the first is stopped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from hapanel.drbd.rescue import GuestNow, Rescue, RescuedGuest
from hapanel.drbd.rescue_refusals import (
    KEPT_FROM_SURVIVOR,
    NOT_IN_BACKUP,
    RESCUE_LACKS_RIGHT,
    RESCUE_LOCKED,
    RESCUE_NOT_THERE,
)
from hapanel.kernel.refusal import Refusal
from hapanel.operations.live_facts import look, may_be_told
from hapanel.operations.privileges import Rights, lacks
from hapanel.operations.work import Work
from hapanel.ports.cluster import GuestConfig, GuestState
from hapanel.ports.cluster_gateway import ClusterGateway


@dataclass(frozen=True, slots=True)
class Checked:
    """The rescue with what is asked of the HA manager now, what hinders it, and the guests of which
    something is in no backup: snapshots, unused disks."""

    rescue: Rescue
    refusals: tuple[Refusal, ...]
    not_whole: tuple[str, ...]


def check_rescue(
    work: Work, rescue: Rescue, victim: str, survivor: str, groups: tuple[str, ...]
) -> Checked:
    """Judge each guest anew. Raises a ClusterError."""
    gateway = work.doors.to_cluster(work.cluster)
    seen = {guest.vmid: guest for guest in look(gateway, with_ha=False).resources.guests}
    asked = {service.sid: service.state for service in may_be_told(gateway.ha_services) or ()}
    rights = gateway.permissions()
    guests, refusals, not_whole = [], [*_rights(rights, rescue)], []
    on_it, has_network = _storages_on(gateway, groups), False
    for guest in rescue.guests:
        now = seen.get(guest.vmid)
        if now is None or now.node != victim or now.type is not guest.type:
            refusals.append(RESCUE_NOT_THERE(guest=str(guest), node=victim))
            continue
        config = gateway.guest_config(victim, guest.type, guest.vmid)
        refusals += _hindrances(guest, now, config, work.operation.resource, on_it)
        has_network = has_network or bool(config.macs)
        if rescue.goes_over(guest):
            refusals += _kept_away(gateway, guest, victim, survivor)
        if config.has_snapshots or any(disk.is_unused for disk in config.disks):
            not_whole.append(str(guest))
        requested = asked.get(guest.sid, guest.requested) if guest.requested else ""
        guests.append(replace(guest, running=now_of(now).running, requested=requested))
    if has_network and not _may_use_networks(rights):
        refusals.append(RESCUE_LACKS_RIGHT(privilege="SDN.Use", path="/sdn/zones"))
    return Checked(replace(rescue, guests=tuple(guests)), tuple(refusals), tuple(not_whole))


def now_of(guest: GuestState) -> GuestNow:
    """A guest of the cluster's list."""
    is_running = guest.status not in {"stopped", "unknown"}
    return GuestNow(guest.node, is_running, guest.lock or "", guest.hastate)


def _storages_on(gateway: ClusterGateway, groups: tuple[str, ...]) -> frozenset[str]:
    return frozenset(one.storage for one in gateway.storages() if one.vgname in groups)


def _hindrances(
    guest: RescuedGuest,
    now: GuestState,
    config: GuestConfig,
    resource: str,
    on_it: frozenset[str],
) -> Iterator[Refusal]:
    if now.lock:
        yield RESCUE_LOCKED(guest=str(guest), lock=now.lock)
    left_out = [
        disk.key
        for disk in config.disks
        if disk.storage in on_it and not (disk.in_backup or disk.is_unused or disk.is_cdrom)
    ]
    if left_out:
        disks = ", ".join(left_out)
        yield NOT_IN_BACKUP(guest=str(guest), disks=disks, resource=resource)


def _kept_away(
    gateway: ClusterGateway, guest: RescuedGuest, victim: str, survivor: str
) -> Iterator[Refusal]:
    said = gateway.migrate_preconditions(victim, guest.type, guest.vmid)
    reasons = said.not_allowed.get(survivor, ()) if said else ()
    if reasons:
        yield KEPT_FROM_SURVIVOR(guest=str(guest), node=survivor, reasons="; ".join(reasons))


def _may_use_networks(rights: Rights) -> bool:
    """Whether the token may use any network, which a restore asks for each bridge of the guest.
    In which zone a bridge lies is not told to us, so only a token without any is sure to fail."""
    of_networks = (kept for path, kept in rights.items() if path == "/" or path.startswith("/sdn"))
    return any("SDN.Use" in kept for kept in of_networks)


def _rights(rights: Rights, rescue: Rescue) -> Iterator[Refusal]:
    """What the token needs for this way alone: each privilege that it lacks once."""
    told = set()
    for privilege, path in _needs(rescue):
        if lacks(rights, privilege, path) and privilege not in told:
            told.add(privilege)
            yield RESCUE_LACKS_RIGHT(privilege=privilege, path=path)


def _needs(rescue: Rescue) -> Iterator[tuple[str, str]]:
    """Privileges and paths (pve-manager VZDump.pm, qemu-server and pve-container: the checks of
    vzdump, of a restore over a guest that exists, of power and of the HA configuration)."""
    yield "Datastore.AllocateSpace", f"/storage/{rescue.storage}"
    for guest in rescue.guests:
        path = f"/vms/{guest.vmid}"
        yield "VM.Backup", path
        if guest.restore_to:
            yield "Datastore.AllocateSpace", f"/storage/{guest.restore_to}"
        if guest.is_under_ha:
            yield "Sys.Console", "/"
        elif guest.is_to_run:
            yield "VM.PowerMgmt", path
        if rescue.goes_over(guest):
            yield "VM.Migrate", path
