"""Guests come into being and go: qmcreate, vzcreate, qmdestroy, vzdestroy.

Facts: qemu-server API2/Qemu.pm, pve-container API2/LXC.pm and LXC/Create.pm.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hapanel.lab.errors import TaskFailed
from hapanel.lab.guests.config import description, fresh_uuid, mac_of, net_entry
from hapanel.lab.guests.drives import Allocator, wish_of
from hapanel.lab.guests.flock import LockTimeout, config_lock
from hapanel.lab.guests.sizes import MIB, is_disk_key
from hapanel.lab.guests.volumes import FILE_STORAGES, template_of, volumes_in
from hapanel.lab.names import Kind
from hapanel.lab.power import check_lock
from hapanel.lab.tasks import Task, Work
from hapanel.lab.world import Busyness, Guest, World

CREATE_SECONDS = 1.0
UNPACK_SECONDS = 3.0
DESTROY_SECONDS = 1.0
CREATION = "creation-qemu=10.1.2,ctime={now}"
DIRTY_BYTES, WORKING_SET, RESIDENT = 2.0 * MIB, 64 * MIB, 0.3
TEMPLATE_BYTES = 126_000_000


@dataclass(frozen=True)
class NewGuest:
    """An order: options as they are to be stored, disks still as wishes."""

    vmid: int
    kind: Kind
    node: str
    options: Mapping[str, object]
    template: str | None = None


def reserve(world: World, order: NewGuest) -> Guest:
    """Puts a locked, empty configuration in its place, so that nobody else takes the number."""
    guest = Guest(
        vmid=order.vmid,
        kind=order.kind,
        node=order.node,
        config={},
        busy=Busyness(DIRTY_BYTES, WORKING_SET, RESIDENT),
        host_cores=world.nodes[order.node].cores,
        has_system=order.kind is Kind.LXC,
        lock="create",
    )
    world.guests[order.vmid] = guest
    world.changed()
    return guest


def creation(world: World, guest: Guest, order: NewGuest, then: Callable[[], None]) -> Work:
    """The work of qmcreate or vzcreate; `then` starts what follows. On failure nothing is left."""

    async def work(task: Task) -> None:
        label = guest.kind.label
        try:
            if order.kind is Kind.QEMU:
                await _make_vm(world, guest, order, task)
            else:
                await _make_container(world, guest, order, task)
        except ValueError as fault:
            world.remove_guest(guest)
            raise TaskFailed(f"unable to create {label} {guest.vmid} - {fault}") from fault
        except asyncio.CancelledError:
            if not task.lost:
                world.remove_guest(guest)
            raise
        guest.lock = None
        then()

    return work


async def _make_vm(world: World, guest: Guest, order: NewGuest, task: Task) -> None:
    await world.clock.pass_time(CREATE_SECONDS)
    config = _options(world, guest, order, task)
    config.setdefault("smbios1", f"uuid={fresh_uuid(world.random)}")
    if config.get("vmgenid", "1") == "1":
        config["vmgenid"] = fresh_uuid(world.random)
    config["meta"] = CREATION.format(now=int(world.now()))
    boot = boot_order(config)
    if boot:
        config.setdefault("boot", boot)
    guest.config.update(config)


def boot_order(config: Mapping[str, object]) -> str:
    """First hard disk, first CD drive, first network card."""
    drives = [key for key in config if is_disk_key(key) and key[0] in "svi"]
    disks = sorted(key for key in drives if "media=cdrom" not in str(config[key]))
    drums = sorted(key for key in drives if "media=cdrom" in str(config[key]))
    cards = sorted(key for key in config if key.startswith("net"))
    first = [keys[0] for keys in (disks, drums, cards) if keys]
    return f"order={';'.join(first)}" if first else ""


async def _make_container(world: World, guest: Guest, order: NewGuest, task: Task) -> None:
    await world.clock.pass_time(CREATE_SECONDS)
    config = _options(world, guest, order, task)
    template = order.template or ""
    path = template_of(world, order.node, template)
    if path is None:
        raise ValueError(f"volume '{template}' does not exist")
    task.print(f"extracting archive '{path}'")
    await world.clock.pass_time(UNPACK_SECONDS)
    task.print(f"Total bytes read: {TEMPLATE_BYTES} (121MiB, 109MiB/s)")
    task.print(f"Detected container architecture: {config.setdefault('arch', 'amd64')}")
    system = template.partition("vztmpl/")[2]
    known = ("debian", "ubuntu", "alpine", "fedora", "centos", "archlinux", "gentoo", "opensuse")
    config.setdefault("ostype", next((name for name in known if name in system), "unmanaged"))
    config.setdefault("hostname", f"CT{guest.vmid}")
    config.setdefault("memory", 512)
    config.setdefault("swap", 512)
    guest.config.update(config)


def _options(world: World, guest: Guest, order: NewGuest, task: Task) -> dict[str, object]:
    allocator = Allocator(world, guest, task.print)
    prefix = str(world.options.get("mac_prefix", "BC:24:11"))
    config: dict[str, object] = {}
    for key, value in order.options.items():
        if is_disk_key(key):
            config[key] = allocator.entry(wish_of(key, str(value)))
        elif key.rstrip("0123456789") == "net":
            mac = mac_of(prefix, f"{world.random.random()}")
            config[key] = net_entry(guest.kind, str(value), mac)
        elif key == "description":
            config[key] = description(guest.kind, str(value))
        else:
            config[key] = value
    return config


def destruction(
    world: World,
    guest: Guest,
    check: Callable[[], None],
    purge: Callable[[Task], None],
    *,
    skiplock: bool,
) -> Work:
    """The work of qmdestroy or vzdestroy. `check` repeats what was asked before the task."""

    async def work(task: Task) -> None:
        try:
            async with config_lock(world, guest, task.print):
                check()
                if not skiplock:
                    check_lock(guest)
                if guest.is_running:
                    world.stop_guest(guest)
                await world.clock.pass_time(DESTROY_SECONDS)
                _free_volumes(world, guest, task)
                purge(task)
                world.remove_guest(guest)
        except LockTimeout as timeout:
            raise TaskFailed(str(timeout)) from timeout

    return work


def _free_volumes(world: World, guest: Guest, task: Task) -> None:
    for volid in volumes_in(guest):
        storage, _, name = volid.partition(":")
        found = world.storages.get(storage)
        if found is not None and found.type not in FILE_STORAGES:
            task.print(f'  Logical volume "{name}" successfully removed.')
