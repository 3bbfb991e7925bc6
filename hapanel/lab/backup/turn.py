"""One guest's turn in a backup job: locked, copied, let go again, whatever happens.

Facts: pve-manager VZDump.pm (exec_backup_task).
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hapanel.lab.backup.archives import Archive, dump_folder, file_name
from hapanel.lab.backup.flow import DISK_BYTES_PER_SECOND, limited, rate_of
from hapanel.lab.backup.of_container import dump_container
from hapanel.lab.backup.of_vm import dump_vm
from hapanel.lab.backup.order import STOP, DumpOrder, Rules
from hapanel.lab.backup.retention import KEEP_ALL, Keep, limit_of, surplus
from hapanel.lab.backup.wording import Report, archive_size
from hapanel.lab.errors import TaskFailed
from hapanel.lab.guests.flock import LockTimeout, config_lock
from hapanel.lab.guests.volumes import data_in
from hapanel.lab.migration.disks import Disk
from hapanel.lab.names import Kind, RunState
from hapanel.lab.power import POWER_OFF_SECONDS, START_SECONDS, STOP_SECONDS, check_lock
from hapanel.lab.tasks import Task
from hapanel.lab.world import Guest, Storage, World

LOCK = "backup"
HA_KEEPS_IT_RUNNING = (
    "Cannot execute a backup with stop mode on a HA managed and enabled Service."
    " Use snapshot mode or disable the Service."
)
_VARIABLE = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True)
class Target:
    """Where archives go, and which are kept there."""

    storage: Storage
    node: str
    keep: Keep


class Turn:
    """One guest. What its kind has of its own is in `of_vm` and `of_container`."""

    def __init__(
        self, world: World, task: Task, target: Target, order: DumpOrder, rules: Rules, vmid: int
    ) -> None:
        self.world, self.task, self.target, self.order = world, task, target, order
        self.report = Report(task)
        self.began = world.now()
        self.down_since: float | None = None
        self._rules, self._vmid = rules, vmid

    async def run(self) -> bool:
        """Whether there is an archive now; what went wrong is in the log."""
        self.began = self.world.now()
        try:
            await self._back_up()
        except asyncio.CancelledError:
            if not self.task.lost:
                self.report.failed(self._vmid, "interrupted by signal", self.world.now())
            raise
        except TaskFailed as fault:
            self.report.failed(self._vmid, str(fault), self.world.now())
            return False
        now = self.world.now()
        self.report.finished(self._vmid, now - self.began, now)
        return True

    async def _back_up(self) -> None:
        guest = self.world.guests.get(self._vmid)
        if guest is None:
            raise TaskFailed(f"unable to find VM '{self._vmid}'")
        if self.order.mode == STOP and self._rules.is_kept_running(guest):
            raise TaskFailed(HA_KEEPS_IT_RUNNING)
        self._check_limits(guest)
        self.report.info(f"Starting Backup of VM {guest.vmid} ({guest.kind})")
        self.report.began(self.began)
        was_running, was = guest.is_running, guest.state
        self.report.info(f"status = {'running' if was_running else 'stopped'}")
        await self._lock(guest)
        try:
            await (dump_vm if guest.kind is Kind.QEMU else dump_container)(self, guest)
        finally:
            if not self.task.lost:
                guest.lock = None
                await self._bring_back(guest, was, was_running=was_running)

    def _check_limits(self, guest: Guest) -> None:
        keep, here = self.target.keep, self._archives_of(guest)
        limit = limit_of(keep)
        free = [archive for archive in here if not archive.protected]
        if limit and not self.order.remove and not self.order.protected and len(free) >= limit:
            raise TaskFailed(
                f"There is a max backup limit of {limit} enforced by the target storage or the"
                " vzdump parameters. Either increase the limit or delete old backups."
            )

    def _archives_of(self, guest: Guest) -> list[Archive]:
        on_target = self.world.archives.on(self.target.storage, self.target.node)
        return [a for a in on_target if (a.vmid, a.kind) == (guest.vmid, guest.kind)]

    async def _lock(self, guest: Guest) -> None:
        try:
            async with config_lock(self.world, guest):
                check_lock(guest)
                self._rules.need_writable(guest)
                guest.lock = LOCK
        except LockTimeout as timeout:
            raise TaskFailed(str(timeout)) from timeout

    async def _bring_back(self, guest: Guest, was: RunState, *, was_running: bool) -> None:
        """Whoever ran before runs again, also when the copy failed."""
        if was_running and guest.state is RunState.PAUSED and was is not RunState.PAUSED:
            self.report.info("resume vm")
            self.go_on(guest)
            self.say_online_again()
        elif was_running and not guest.is_running:
            self.report.info("restarting vm")
            await self.world.clock.pass_time(START_SECONDS)
            self.world.start_guest(guest, guest.node)
            self.say_online_again()

    # What both kinds do

    def say_mode(self, mode: str) -> None:
        """How it is done, and how fast it may be."""
        self.report.info(f"backup mode: {mode}")
        if self.order.bwlimit:
            self.report.info(f"bandwidth limit: {self.order.bwlimit} KB/s")
        self.report.info(f"ionice priority: {self.order.ionice}")

    async def shut_down(self, guest: Guest, refused: str) -> None:
        """Stop mode: the guest is asked to go; `refused` is the fault when it does not."""
        self.report.info("stopping virtual guest")
        self.down_since = self.world.now()
        if not guest.has_system or guest.state is RunState.PAUSED:
            await self.world.clock.pass_time(self.order.stop_wait * 60)
            raise TaskFailed(refused)
        await self.world.clock.pass_time(POWER_OFF_SECONDS + STOP_SECONDS)
        self.world.stop_guest(guest)

    def freeze(self, guest: Guest) -> None:
        """Suspend mode: the guest stands still."""
        self.report.info("suspending guest")
        self.down_since = self.world.now()
        guest.state = RunState.PAUSED
        self.world.changed()

    def go_on(self, guest: Guest) -> None:
        """The guest runs on."""
        guest.state = RunState.RUNNING
        self.world.changed()

    def say_online_again(self) -> None:
        """For how long it was away."""
        if self.down_since is not None:
            gone = int(self.world.now() - self.down_since)
            self.report.info(f"guest is online again after {gone or '<1'} seconds")
            self.down_since = None

    def seconds_gone(self) -> int | None:
        """For how long the guest was away, which is told once."""
        since, self.down_since = self.down_since, None
        return None if since is None else int(self.world.now() - since)

    def need_readable(self, guest: Guest, disks: Sequence[Disk]) -> None:
        """A stopped guest's volumes must be activated. Raises TaskFailed."""
        for disk in disks if not guest.is_running else ():
            storage = self.world.storages.get(disk.storage)
            if storage is not None and storage.vgname:
                name = disk.volume.partition(":")[2]
                try:
                    self.world.use_group(guest.node, storage.vgname, 0)
                except ValueError as fault:
                    path = f"/dev/{storage.vgname}/{name}"
                    raise TaskFailed(f"can't activate LV '{path}': {fault}") from fault

    @property
    def path(self) -> str:
        """Where the archive will be."""
        guest = self.world.guests[self._vmid]
        name = file_name(guest.kind, guest.vmid, self.began, self.order.format(guest.kind))
        return f"{dump_folder(self.target.storage)}/{name}"

    def seconds_for(self, data: float, ratio: float) -> float:
        """How long data takes from the disks to the target, where a byte of it is `ratio` bytes."""
        read = data / limited(DISK_BYTES_PER_SECOND, self.order.bwlimit)
        return max(read, data * ratio / rate_of(self.target.storage))

    def need_room(self, written: float) -> None:
        """Raises TaskFailed when so much of the archive does not fit any more."""
        storage = self.target.storage
        used = storage.used + self.world.archives.bytes_on(storage, self.target.node)
        if written > storage.total - used:
            raise TaskFailed("No space left on device")

    def keep(self, guest: Guest, config: dict[str, object], disks: Sequence[Disk]) -> None:
        """The archive is complete: named, noted, protected, older ones removed."""
        data = data_in(guest, sum(disk.size for disk in disks))
        archive = Archive(
            storage=self.target.storage.storage,
            node=self.target.node,
            kind=guest.kind,
            vmid=guest.vmid,
            ctime=int(self.began),
            format=self.order.format(guest.kind),
            size=int(data * self.order.ratio),
            data=data,
            config=config,
            disks=tuple(disk.key for disk in disks),
            busy=replace(guest.busy),
            has_system=guest.has_system,
            serves=guest.serves,
        )
        self.report.info(f"archive file size: {archive_size(archive.size)}")
        self.world.archives.add(archive)
        self._annotate(guest, archive)
        self._prune(guest)

    def _annotate(self, guest: Guest, archive: Archive) -> None:
        if self.order.notes:
            self.report.info("adding notes to backup")
            try:
                archive.notes = self._notes(guest)
            except ValueError as fault:
                self.task.warn(f"unable to add notes - {fault}")
        if self.order.protected:
            self.report.info("marking backup as protected")
            archive.protected = True

    def _notes(self, guest: Guest) -> str:
        known = {
            "cluster": self.world.cluster_name,
            "guestname": guest.name,
            "node": self.target.node,
            "vmid": str(guest.vmid),
        }
        text = self.order.notes.replace("\\n", "\n").replace("\\\\", "\\")
        for name in _VARIABLE.findall(text):
            if name not in known:
                raise ValueError(f"unexpected variable name '{name}'")
        return _VARIABLE.sub(lambda found: known[found[1]], text)

    def _prune(self, guest: Guest) -> None:
        keep = self.target.keep
        if not self.order.remove or KEEP_ALL in keep:
            return
        told = ", ".join(f"{name}={keep[name]}" for name in sorted(keep))
        self.report.info(f"prune older backups with retention: {told}")
        gone = surplus(self._archives_of(guest), keep)
        for archive in gone:
            self.report.info(f"removing backup '{archive.volid}'")
            self.world.archives.remove(archive)
        extra = " not covered by keep-retention policy" if gone else ""
        self.report.info(f"pruned {len(gone)} backup(s){extra}")
