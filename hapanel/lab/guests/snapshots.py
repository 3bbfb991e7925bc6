"""Snapshots: taken, forgotten, gone back to. Facts: pve-guest-common AbstractConfig.pm."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from hapanel.lab.errors import TaskFailed
from hapanel.lab.guests.configured import Snapshot
from hapanel.lab.guests.flock import LockTimeout, config_lock
from hapanel.lab.guests.sizes import is_disk
from hapanel.lab.guests.volumes import can_snapshot
from hapanel.lab.names import Kind
from hapanel.lab.power import Action, check_lock, task_type, work_of
from hapanel.lab.tasks import Task, Work
from hapanel.lab.world import Guest, World

SNAPSHOT_SECONDS = 1.0
MEMORY_BYTES_PER_SECOND = 400e6
UNAVAILABLE = "snapshot feature is not available"


def has_feature(world: World, guest: Guest) -> bool:
    """Whether every disk lies where snapshots can be taken."""
    for key, value in guest.config.items():
        volid = str(value).split(",")[0]
        storage = world.storages.get(volid.partition(":")[0])
        if is_disk(key, value) and storage is not None and not can_snapshot(storage, volid):
            return False
    return True


def taking(world: World, guest: Guest, snapshot: Snapshot, writable: Callable[[], None]) -> Work:
    """The work of qmsnapshot or vzsnapshot."""

    async def take(task: Task) -> None:
        if guest.is_template:
            raise TaskFailed("you can't take a snapshot if it's a template")
        check_lock(guest)
        if snapshot.name in guest.snapshots:
            raise TaskFailed(f"snapshot name '{snapshot.name}' already used")
        if not has_feature(world, guest):
            raise TaskFailed(UNAVAILABLE)
        writable()
        snapshot.has_memory = snapshot.has_memory and guest.is_running
        with _marked(task, guest, "snapshot"):
            if snapshot.has_memory:
                task.print("saving VM state and RAM using storage 'local'")
                seconds = guest.memory * guest.busy.resident / MEMORY_BYTES_PER_SECOND
                await world.clock.pass_time(seconds)
            await world.clock.pass_time(SNAPSHOT_SECONDS)
            _say_disks(guest, task)
        snapshot.time = int(world.now())
        snapshot.config = dict(guest.config)
        snapshot.parent, guest.parent = guest.parent, snapshot.name
        guest.snapshots[snapshot.name] = snapshot

    return _locked(world, guest, take)


def _say_disks(guest: Guest, task: Task) -> None:
    for key, value in guest.config.items():
        if is_disk(key, value) and not key.startswith("unused"):
            name = f"drive-{key}" if guest.kind is Kind.QEMU else key
            task.print(f"snapshotting '{name}' ({str(value).split(',')[0]})")


def deletion(world: World, guest: Guest, name: str, writable: Callable[[], None]) -> Work:
    """The work of qmdelsnapshot or vzdelsnapshot; its children get its parent."""

    async def delete(task: Task) -> None:
        gone = _existing(guest, name)
        check_lock(guest)
        writable()
        with _marked(task, guest, "snapshot-delete"):
            await world.clock.pass_time(SNAPSHOT_SECONDS)
        for other in guest.snapshots.values():
            if other.parent == name:
                other.parent = gone.parent
        if guest.parent == name:
            guest.parent = gone.parent
        del guest.snapshots[name]

    return _locked(world, guest, delete)


def rollback(
    world: World, guest: Guest, name: str, writable: Callable[[], None], *, start: bool
) -> Work:
    """The work of qmrollback or vzrollback: stopped, set back, started if it had memory."""

    async def roll_back(task: Task) -> None:
        snapshot = _existing(guest, name)
        if guest.is_template:
            raise TaskFailed("you can't rollback if vm is a template")
        check_lock(guest)
        writable()
        with _marked(task, guest, "rollback"):
            if guest.is_running:
                world.stop_guest(guest)
            await world.clock.pass_time(SNAPSHOT_SECONDS)
        guest.config.clear()
        guest.config.update(snapshot.config)
        guest.pending.clear()
        guest.pending_deletes.clear()
        guest.parent = name
        if snapshot.has_memory:
            world.start_guest(guest, guest.node)
        elif start:
            work = work_of(world, guest.vmid, guest.kind, guest.node, Action.START)
            type_, node = task_type(guest.kind, Action.START), world.nodes[guest.node]
            world.tasks.start(node, type_, str(guest.vmid), task.user, work, token=task.token)

    return _locked(world, guest, roll_back)


def _existing(guest: Guest, name: str) -> Snapshot:
    if name not in guest.snapshots:
        raise TaskFailed(f"snapshot '{name}' does not exist")
    return guest.snapshots[name]


def _locked(world: World, guest: Guest, do: Callable[[Task], Awaitable[None]]) -> Work:
    async def work(task: Task) -> None:
        try:
            async with config_lock(world, guest, task.print):
                await do(task)
        except LockTimeout as timeout:
            raise TaskFailed(str(timeout)) from timeout

    return work


@contextmanager
def _marked(task: Task, guest: Guest, lock: str) -> Iterator[None]:
    """Inside, the configuration carries that lock; when the node dies inside, it stays."""
    guest.lock = lock
    try:
        yield
    finally:
        if not task.lost:
            guest.lock = None
