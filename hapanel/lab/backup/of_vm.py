"""How a VM becomes an archive: QEMU copies the disks while the guest runs.

Facts: qemu-server VZDump/QemuServer.pm.
"""

import asyncio
from typing import TYPE_CHECKING

from hapanel.lab.backup.flow import flow
from hapanel.lab.backup.order import SNAPSHOT, STOP, SUSPEND
from hapanel.lab.backup.wording import percent_line
from hapanel.lab.errors import TaskFailed
from hapanel.lab.guests.config import fresh_uuid
from hapanel.lab.guests.drives import format_for
from hapanel.lab.guests.sizes import format_size
from hapanel.lab.guests.volumes import data_in
from hapanel.lab.migration.disks import Disk, disks_of
from hapanel.lab.names import RunState
from hapanel.lab.power import START_SECONDS
from hapanel.lab.world import Guest

if TYPE_CHECKING:
    from hapanel.lab.backup.turn import Turn

LINE_EVERY_SECONDS = 3.0
WRITE_FAILED = "vma_queue_write: write error - Broken pipe"


async def dump_vm(turn: "Turn", guest: Guest) -> None:
    """Copies it. Raises TaskFailed."""
    was_running = guest.is_running
    mode = turn.order.mode if was_running else STOP
    if mode == SNAPSHOT:
        disks = _prepare(turn, guest)
        turn.say_mode(mode)
    else:
        turn.say_mode(mode)
        disks = _prepare(turn, guest)
    if was_running and mode == STOP:
        wait = turn.order.stop_wait * 60
        command = f"qm shutdown {guest.vmid} --skiplock --keepActive --timeout {wait}"
        await turn.shut_down(guest, f"command '{command}' failed: exit code 255")
    elif mode == SUSPEND and guest.state is not RunState.PAUSED:
        turn.freeze(guest)
    config = _assemble(turn, guest)
    turn.report.info(f"creating vzdump archive '{turn.path}'")
    await _copy(turn, guest, disks, was_running=was_running)
    if mode == SUSPEND:
        turn.report.info("resume vm")
    turn.keep(guest, config, disks)


def _prepare(turn: "Turn", guest: Guest) -> list[Disk]:
    """Which disks are in it: all but those that say `backup=0`."""
    if guest.config.get("name"):
        turn.report.info(f"VM Name: {guest.name}")
    included = []
    for disk in sorted(disks_of(guest), key=lambda disk: disk.key):
        if disk.key.startswith("unused"):
            continue
        values = format_for(disk.key).parse(str(guest.config[disk.key]))
        if values.get("backup", "1") in ("0", "no", "off", "false"):
            turn.report.info(f"exclude disk '{disk.key}' '{disk.volume}' (backup=no)")
            continue
        size = format_size(disk.size)
        turn.report.info(f"include disk '{disk.key}' '{disk.volume}' {size}")
        included.append(disk)
    turn.need_readable(guest, included)
    return included


def _assemble(turn: "Turn", guest: Guest) -> dict[str, object]:
    """The configuration as the archive has it: without snapshots, what waits, and unused disks."""
    for key, value in guest.config.items():
        if key.startswith("unused"):
            turn.report.info(f"skip unused drive '{value}' (not included into backup)")
    if guest.snapshots:
        turn.report.info("snapshots found (not included into backup)")
    if guest.pending or guest.pending_deletes:
        turn.report.info("pending configuration changes found (not included into backup)")
    return {key: value for key, value in guest.config.items() if not key.startswith("unused")}


async def _copy(turn: "Turn", guest: Guest, disks: list[Disk], *, was_running: bool) -> None:
    world, report = turn.world, turn.report
    size = sum(disk.size for disk in disks)
    if not disks:
        report.info("backup contains no disks")
        report.info("starting diskless backup")
        return
    if not guest.is_running:
        report.info("starting kvm to execute backup task")
        await world.clock.pass_time(START_SECONDS)
    try:
        report.info(f"started backup task '{fresh_uuid(world.random)}'")
        _resume(turn, guest, was_running=was_running)
        await _send(turn, size, data_in(guest, size))
    except (TaskFailed, asyncio.CancelledError) as fault:
        if not turn.task.lost:
            report.error(str(fault) or "interrupted by signal")
            report.info("aborting backup job")
            _resume(turn, guest, was_running=was_running)
        raise
    if not was_running:
        report.info("stopping kvm after backup task")


def _resume(turn: "Turn", guest: Guest, *, was_running: bool) -> None:
    """As soon as the copy has begun the guest may go on; one that somebody paused may not."""
    if not was_running or (guest.state is RunState.PAUSED and turn.down_since is None):
        return
    gone = turn.seconds_gone()
    turn.report.info("resuming VM again" + ("" if gone is None else f" after {gone} seconds"))
    if not guest.is_running:
        turn.world.start_guest(guest, guest.node)
    elif guest.state is RunState.PAUSED:
        turn.go_on(guest)


async def _send(turn: "Turn", size: int, data: int) -> None:
    """Reads all of the disks; only data, not zeros, takes time."""
    rate = size / max(turn.seconds_for(data, turn.order.ratio), 0.001)
    before, at, percent = 0.0, 0.0, -1
    seconds = 0.0
    async for done, seconds in flow(turn.world, size, rate):
        share = data / size
        if done < size and seconds - at < LINE_EVERY_SECONDS:
            continue
        _need_room(turn, done * share * turn.order.ratio)
        if int(done * 100 / size) != percent:
            percent, took = int(done * 100 / size), max(seconds - at, 0.001)
            read = (done - before) / took
            turn.report.info(percent_line(done, size, seconds, read, read * share))
            before, at = done, seconds
    turn.report.transferred(size, size - data, seconds)


def _need_room(turn: "Turn", written: float) -> None:
    try:
        turn.need_room(written)
    except TaskFailed as full:
        if turn.order.compress == "zstd":
            words = "zstd: error 70 : Write error : cannot write block"
            turn.report.info(f"{words} : {full}")
        raise TaskFailed(WRITE_FAILED) from full
