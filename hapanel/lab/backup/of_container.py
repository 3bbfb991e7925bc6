"""How a container becomes an archive: tar over a snapshot, a copy or the stopped guest.

Facts: pve-container VZDump/LXC.pm. Where volumes cannot be snapshotted, the files are copied twice
with rsync, and the guest stands still for the second time.
"""

from typing import TYPE_CHECKING

from hapanel.lab.backup.flow import flow
from hapanel.lab.backup.order import SNAPSHOT, STOP, SUSPEND
from hapanel.lab.backup.wording import rsync_amount, tar_total
from hapanel.lab.errors import TaskFailed
from hapanel.lab.guests.drives import format_for
from hapanel.lab.guests.snapshots import has_feature
from hapanel.lab.guests.volumes import data_in
from hapanel.lab.migration.disks import Disk, disks_of
from hapanel.lab.world import Guest

if TYPE_CHECKING:
    from hapanel.lab.backup.turn import Turn

FINAL_SYNC_SECONDS = 1.0
CHANGED_MEANWHILE = 0.0005
TAR = (
    "lxc-usernsexec -m u:0:100000:65536 -m g:0:100000:65536 -- tar cpf - --totals"
    " --one-file-system -p --sparse --numeric-owner --acls --xattrs"
)
NO_SNAPSHOTS = "mode failure - some volumes do not support snapshots"
ON_NFS = (
    "temporary directory is on NFS, disabling xattr and acl support, consider configuring a local"
    " tmpdir via /etc/vzdump.conf"
)


async def dump_container(turn: "Turn", guest: Guest) -> None:
    """Copies it. Raises TaskFailed."""
    was_running = guest.is_running
    mode = turn.order.mode if was_running else STOP
    if mode == SNAPSHOT:
        disks = _prepare(turn, guest)
        if not has_feature(turn.world, guest):
            turn.report.info(NO_SNAPSHOTS)
            turn.report.info("trying 'suspend' mode instead")
            mode = SUSPEND
    turn.say_mode(mode)
    if mode != SNAPSHOT:
        disks = _prepare(turn, guest)
    if was_running and mode == STOP:
        await turn.shut_down(guest, "got timeout")
    data = data_in(guest, sum(disk.size for disk in disks))
    if mode == SUSPEND:
        await _copy_twice(turn, guest, data)
    if mode == SNAPSHOT:
        _snapshot(turn, disks)
    config = {key: value for key, value in guest.config.items() if not key.startswith("unused")}
    turn.report.info(f"creating vzdump archive '{turn.path}'")
    await _pack(turn, data)
    if mode == SNAPSHOT:
        turn.report.info("cleanup temporary 'vzdump' snapshot")
    turn.keep(guest, config, disks)


def _prepare(turn: "Turn", guest: Guest) -> list[Disk]:
    """The root is always in it, other mount points when they say `backup=1`."""
    if guest.config.get("hostname"):
        turn.report.info(f"CT Name: {guest.name}")
    included = []
    for disk in sorted(disks_of(guest), key=lambda disk: disk.key != "rootfs"):
        if disk.key.startswith("unused"):
            continue
        values = format_for(disk.key).parse(str(guest.config[disk.key]))
        where = values.get("mp", "/")
        if disk.key == "rootfs" or values.get("backup", "0") in ("1", "yes", "on", "true"):
            turn.report.info(f"including mount point {disk.key} ('{where}') in backup")
            included.append(disk)
        else:
            place = f"volume mount point {disk.key} ('{where}')"
            turn.report.info(f"excluding {place} from backup (disabled)")
    turn.need_readable(guest, included)
    return included


async def _copy_twice(turn: "Turn", guest: Guest, data: int) -> None:
    source, folder = f"/proc/{guest.pid}/root/", turn.path.partition(".")[0] + ".tmp"
    if turn.target.storage.type == "nfs":
        turn.report.info(ON_NFS)
    turn.report.info(f"starting first sync {source} to {folder}")
    seconds = await _pass(turn, data, turn.seconds_for(data, ratio=1.0))
    turn.report.info(f"first sync finished - transferred {rsync_amount(data)} in {int(seconds)}s")
    turn.freeze(guest)
    turn.report.info(f"starting final sync {source} to {folder}")
    began = turn.world.now()
    await turn.world.clock.pass_time(FINAL_SYNC_SECONDS)
    took, amount = int(turn.world.now() - began), rsync_amount(data * CHANGED_MEANWHILE)
    turn.report.info(f"final sync finished - transferred {amount} in {took}s")
    turn.report.info("resuming guest")
    turn.go_on(guest)
    turn.say_online_again()


async def _pass(turn: "Turn", data: float, seconds: float) -> float:
    """Lets data flow that take so long at the real thing's pace; wall seconds it took."""
    began = turn.world.now()
    async for _ in flow(turn.world, data, data / max(seconds, 0.001)):
        pass
    return turn.world.now() - began


def _snapshot(turn: "Turn", disks: list[Disk]) -> None:
    """A container with several volumes stands still while they are snapshotted."""
    several = len(disks) > 1
    if several:
        turn.report.info("suspend vm to make snapshot")
    turn.report.info("create storage snapshot 'vzdump'")
    if several:
        turn.report.info("resume vm")
        turn.report.info("guest is online again after <1 seconds")


async def _pack(turn: "Turn", data: int) -> None:
    try:
        turn.need_room(data * turn.order.ratio)
    except TaskFailed as full:
        turn.report.info(f"tar: -: Cannot write: {full}")
        pipe = f"set -o pipefail && {TAR} >{turn.path.rpartition('.')[0]}.dat"
        raise TaskFailed(f"command '{pipe}' failed: exit code 2") from full
    seconds = await _pass(turn, data, turn.seconds_for(data, turn.order.ratio))
    turn.report.info(tar_total("written", data, seconds))
