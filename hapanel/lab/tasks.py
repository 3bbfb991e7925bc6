"""Tasks: UPIDs, logs, the lists of each node. Forms: pve-common RESTEnvironment.pm and UPID.pm."""

import asyncio
import contextlib
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hapanel.lab.clock import Clock
from hapanel.lab.errors import TaskFailed

if TYPE_CHECKING:
    from hapanel.lab.world import Node

STOP_GRACE = 5.0
FINISHED_PER_NODE_IN_CLUSTER_LIST = 25
ARCHIVE_LENGTH = 2000

Work = Callable[["Task"], Awaitable[None]]


@dataclass(eq=False)
class Task:
    """One worker of a node, running or finished."""

    node: str
    pid: int
    pstart: int
    starttime: int
    type: str
    id: str
    user: str
    clock: Clock
    token: str | None = None
    lines: list[str] = field(default_factory=list)
    endtime: int | None = None
    status: str | None = None
    lost: bool = False
    warnings: int = 0
    runner: asyncio.Task[None] | None = None

    @property
    def upid(self) -> str:
        """`UPID:<node>:<pid>:<pstart>:<starttime>:<type>:<id>:<user>:`"""
        owner = f"{self.user}!{self.token}" if self.token else self.user
        return (
            f"UPID:{self.node}:{self.pid:08X}:{self.pstart:08X}:{self.starttime:08X}"
            f":{self.type}:{self.id}:{owner}:"
        )

    @property
    def is_running(self) -> bool:
        """True until the last line is written; a lost task counts as running to those who read."""
        return self.endtime is None

    async def has_ended(self) -> None:
        """Waits until its worker is gone, one way or another."""
        if self.runner is not None:
            await asyncio.wait({self.runner})

    def print(self, text: str) -> None:
        """Writes a line without a time stamp."""
        if not self.lost:
            self.lines.append(text)

    def warn(self, text: str) -> None:
        """A line that turns the task's OK into `WARNINGS: <n>`."""
        self.print(f"WARN: {text}")
        self.warnings += 1

    def say(self, text: str) -> None:
        """Writes stamped lines as migrations do (local time of the node, here UTC)."""
        stamp = stamp_of(self.clock.now())
        for line in text.split("\n"):
            self.print(f"{stamp} {line}")

    def finish(self, status: str) -> None:
        """Ends the log with PVE's last line for that exit status."""
        if self.lost:
            return
        self.status = status
        self.endtime = int(self.clock.now())
        if status == "OK" or status.startswith("WARNINGS"):
            self.lines.append(f"TASK {status}")
        else:
            self.lines.append(f"TASK ERROR: {status}")


def stamp_of(epoch: float) -> str:
    """`YYYY-MM-DD hh:mm:ss` in UTC."""
    return datetime.fromtimestamp(int(epoch), UTC).strftime("%Y-%m-%d %H:%M:%S")


class TaskBook:
    """All tasks of the cluster, by node."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._by_upid: dict[str, Task] = {}
        self._by_node: dict[str, deque[Task]] = {}
        self._next_pid: dict[str, int] = {}
        self.on_event: Callable[[Task], None] = lambda _task: None

    def start(
        self,
        node: "Node",
        type_: str,
        id_: str,
        user: str,
        work: Work,
        *,
        token: str | None = None,
    ) -> Task:
        """Forks a worker on `node`; it runs until `work` returns or raises TaskFailed."""
        task = self._new(node, type_, id_, user, token)
        task.runner = asyncio.get_running_loop().create_task(self._run(task, work))
        return task

    def _new(self, node: "Node", type_: str, id_: str, user: str, token: str | None) -> Task:
        now = self.clock.now()
        pid = self._next_pid.get(node.name, 1100)
        self._next_pid[node.name] = pid + 1 + pid % 7
        pstart = int((now - node.booted_at) * 100) & 0xFFFFFFFF
        task = Task(node.name, pid, pstart, int(now), type_, id_, user, self.clock, token)
        self._by_upid[task.upid] = task
        per_node = self._by_node.setdefault(node.name, deque())
        per_node.appendleft(task)
        if len(per_node) > ARCHIVE_LENGTH:
            self._by_upid.pop(per_node.pop().upid, None)
        self.on_event(task)
        return task

    async def _run(self, task: Task, work: Work) -> None:
        try:
            await work(task)
            task.finish(f"WARNINGS: {task.warnings}" if task.warnings else "OK")
        except TaskFailed as failure:
            task.finish(str(failure).replace("\n", " "))
        except asyncio.CancelledError:
            task.finish("received interrupt")
        except Exception as bug:
            traceback.print_exc()
            task.finish(f"the lab itself failed: {bug!r}")
        if not task.lost:
            self.on_event(task)

    def find(self, upid: str) -> Task | None:
        """The task of that UPID, or None."""
        return self._by_upid.get(upid)

    def of_node(self, node: str) -> Iterator[Task]:
        """Newest first."""
        return iter(self._by_node.get(node, ()))

    def running_on(self, node: str) -> list[Task]:
        """Tasks of a node that have not ended."""
        return [task for task in self.of_node(node) if task.is_running]

    async def stop(self, task: Task) -> None:
        """SIGTERM, then at most five (real) seconds later SIGKILL."""
        if task.runner is None or task.runner.done():
            return
        task.runner.cancel()
        await asyncio.wait({task.runner}, timeout=STOP_GRACE)
        if not task.runner.done():
            self._lose(task)
            task.endtime = int(self.clock.now())
            task.status = "unexpected status"

    def lose_all_of(self, node: str) -> None:
        """The node died: its workers vanish and nobody writes their end."""
        for task in self.running_on(node):
            self._lose(task)

    def close_lost_of(self, node: str) -> None:
        """The node is back: pvestatd gives lost tasks an end time and `unexpected status`."""
        for task in self.running_on(node):
            if task.lost:
                task.endtime = int(self.clock.now())
                task.status = "unexpected status"

    def _lose(self, task: Task) -> None:
        task.lost = True
        if task.runner is not None:
            task.runner.cancel()

    async def close(self) -> None:
        """Ends every worker; for the end of the program."""
        runners = [t.runner for t in self._by_upid.values() if t.runner and not t.runner.done()]
        for runner in runners:
            runner.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*runners, return_exceptions=True)
