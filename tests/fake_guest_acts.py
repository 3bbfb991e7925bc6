"""What is done to guests of the cluster in memory: it lasts some seconds and leaves its traces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hapanel.kernel.clock import VirtualClock
from hapanel.kernel.names import GuestType, Upid
from hapanel.ports.guest_acts import (
    BACKUP_TASK,
    BackupArchive,
    restore_task,
    shutdown_task,
    start_task,
)

HA_ROUND = 10.0


class FakeGuestActs:
    """Fulfils `hapanel.ports.guest_acts.GuestActs`; part of `tests.fake_cluster.FakeCluster`.

    `acts`: what arrived. `task_fails`: task types that end badly, with what they say.
    """

    clock: VirtualClock
    nodes: dict[int, str]
    locks: dict[int, str]
    ha_states: dict[int, str]
    start: Callable[..., Any]
    _enter: Callable[[str], None]
    _leave: Callable[[str], None]

    def __init__(self) -> None:
        self.statuses: dict[int, str] = {}
        self.acts: list[tuple[str, int]] = []
        self.archives: list[BackupArchive] = []
        self.task_fails: dict[str, str] = {}

    def shut_down(self, node: str, guest_type: GuestType, vmid: int, *, seconds: int) -> Upid:
        with self._acting("shut_down", vmid):
            return self._doing(shutdown_task(guest_type), vmid, node, self._to(vmid, "stopped"))

    def start_guest(self, node: str, guest_type: GuestType, vmid: int) -> Upid:
        with self._acting("start_guest", vmid):
            return self._doing(start_task(guest_type), vmid, node, self._to(vmid, "running"))

    def back_up(self, node: str, vmid: int, storage: str) -> Upid:
        with self._acting("back_up", vmid):
            assert self.statuses.get(vmid) == "stopped", "a copy of a guest that still writes"
            self.locks[vmid] = "backup"
            return self._doing(BACKUP_TASK, vmid, node, self._keep(vmid, storage))

    def backups(self, node: str, storage: str, vmid: int) -> tuple[BackupArchive, ...]:
        self._enter("backups")
        return tuple(one for one in self.archives if one.vmid == vmid)

    def restore(
        self, node: str, guest_type: GuestType, vmid: int, archive: str, *, storage: str | None
    ) -> Upid:
        with self._acting("restore", vmid):
            assert self.statuses.get(vmid) == "stopped", "restored over a guest that runs"
            assert self.nodes[vmid] == node, "restored where the guest is not"
            assert any(one.volid == archive for one in self.archives)
            return self._doing(restore_task(guest_type), vmid, node, lambda: None)

    @contextmanager
    def _acting(self, name: str, vmid: int) -> Iterator[None]:
        self._enter(name)
        self.acts.append((name, vmid))
        yield
        self._leave(name)

    def _doing(self, kind: str, vmid: int, node: str, act: Callable[[], None]) -> Upid:
        said = self.task_fails.get(kind)

        def end() -> None:
            self.locks.pop(vmid, None)
            if said is None:
                act()

        lines = [(1.0, "INFO:  40% (1.0 GiB of 2.5 GiB) in 1s, read: 1 GiB/s, write: 1 GiB/s")]
        if said:
            lines.append((2.0, f"ERROR: Backup of VM {vmid} failed - {said}"))
        status = "job errors" if said else "OK"
        task = self.start(
            kind, vmid, seconds=6.0, says=lines, exit_status=status, node=node, on_end=end
        )
        upid: Upid = task.upid
        return upid

    def _to(self, vmid: int, status: str) -> Callable[[], None]:
        def become() -> None:
            self.statuses[vmid] = status

        return become

    def _keep(self, vmid: int, storage: str) -> Callable[[], None]:
        def keep() -> None:
            number = len(self.archives)
            volid = f"{storage}:backup/vzdump-{vmid}-{number}.zst"
            made = BackupArchive(volid=volid, vmid=vmid, made_at=self.clock.now(), size=7)
            self.archives.append(made)

        return keep

    def ha_obeys(self, vmid: int, requested: str | None) -> None:
        """The HA manager reads what is requested, and its agent does it."""
        if vmid not in self.ha_states or requested not in ("stopped", "started"):
            return
        status = "stopped" if requested == "stopped" else "running"
        self.acts.append((f"ha_{requested}", vmid))

        def done() -> None:
            self.statuses[vmid] = status
            self.ha_states[vmid] = requested

        self.start("crm", vmid, user="root@pam", seconds=HA_ROUND, on_end=done)
