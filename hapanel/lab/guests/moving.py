"""A disk moves to another storage of its node: qmmove and move_volume.

Line forms: qemu-server BlockJob.pm and QemuServer.pm (clone_disk).
"""

from dataclasses import dataclass

from hapanel.lab.errors import TaskFailed
from hapanel.lab.guests.drives import Allocator, Wish, format_for
from hapanel.lab.guests.flock import LockTimeout, config_lock
from hapanel.lab.guests.sizes import size_of_disk
from hapanel.lab.guests.volumes import FILE_STORAGES
from hapanel.lab.migration.lines import render_bytes, spoken
from hapanel.lab.names import Kind
from hapanel.lab.power import check_lock
from hapanel.lab.tasks import Task, Work
from hapanel.lab.world import Guest, World

BYTES_PER_SECOND = 400e6
LINE_EVERY_SECONDS = 1.0


@dataclass(frozen=True)
class Move:
    """Which disk goes where; its volume stays as an unused one unless `delete` is set."""

    key: str
    storage: str
    format: str
    delete: bool


def moving(world: World, guest: Guest, move: Move) -> Work:
    """The task's work."""

    async def work(task: Task) -> None:
        try:
            async with config_lock(world, guest, task.print):
                check_lock(guest)
                await _move(world, guest, move, task)
        except (LockTimeout, ValueError) as fault:
            raise TaskFailed(f"storage migration failed: {fault}") from fault

    return work


async def _move(world: World, guest: Guest, move: Move, task: Task) -> None:
    old = str(guest.config[move.key])
    form, size = format_for(move.key), size_of_disk(old)
    values = form.parse(old)
    bare = form.bare or "file"
    was = values[bare]
    if guest.kind is Kind.QEMU:
        task.print(f"create full clone of drive {move.key} ({was})")
    fresh = {**values, bare: f"{move.storage}:1", "format": move.format}
    quiet = Allocator(world, guest, lambda line: _say_allocation(task, line))
    entry = quiet.entry(Wish(move.key, fresh, move.storage, size))
    await _copy(world, guest, move, size, task)
    guest.config[move.key] = entry
    if move.delete:
        _free(world, was, task)
    else:
        unused = next(n for n in range(256) if f"unused{n}" not in guest.config)
        guest.config[f"unused{unused}"] = was


def _say_allocation(task: Task, line: str) -> None:
    if "successfully created disk" not in line:
        task.print(line)


async def _copy(world: World, guest: Guest, move: Move, size: int, task: Task) -> None:
    """A running VM's disk is mirrored, a stopped one's copied; a container's has no lines."""
    job = f"mirror-{move.key}: " if guest.is_running else ""
    if job:
        task.print(f"drive mirror is starting for drive-{move.key}")
    sent, seconds = 0.0, 0.0
    while sent < size:
        await world.clock.pass_time(LINE_EVERY_SECONDS)
        seconds += LINE_EVERY_SECONDS
        sent = min(float(size), sent + BYTES_PER_SECOND * LINE_EVERY_SECONDS)
        if guest.kind is Kind.QEMU:
            amount = f"{render_bytes(sent)} of {render_bytes(size)} ({100 * sent / size:.2f}%)"
            took = f" in {spoken(seconds)}" if job else ""
            ready = ", ready" if job and sent >= size else ""
            task.print(f"{job}transferred {amount}{took}{ready}")
    if job:
        task.print("all 'mirror' jobs are ready")
        for words in ("Completing block job...", "Completed successfully.", "mirror-job finished"):
            task.print(f"{job}{words}")


def _free(world: World, volid: str, task: Task) -> None:
    storage, _, name = volid.partition(":")
    if world.storages[storage].type not in FILE_STORAGES:
        task.print(f'  Logical volume "{name}" successfully removed.')
