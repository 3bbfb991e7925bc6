"""Answers about tasks: lists of them, how one fares, its log, and the task that a write began."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from hapanel.gateways.proxmox.wire import Wire, envelope_of_rows, moment, one, rows
from hapanel.kernel.names import Upid
from hapanel.ports.cluster import LogLine, Task, TaskLog
from hapanel.ports.errors import Garbage


class _Task(Wire, frozen=True, kw_only=True):
    upid: str
    status: str | None = None
    exitstatus: str | None = None
    endtime: int | None = None


def tasks(body: bytes) -> tuple[Task, ...]:
    """A list of tasks. A running one has no status in /cluster/tasks, and RUNNING in a node's."""
    return tuple(_tasks(rows(body, _Task)))


def _tasks(found: Iterable[_Task]) -> Iterable[Task]:
    for row in found:
        try:
            upid = Upid.parse(row.upid)
        except ValueError:
            continue
        running = row.endtime is None and row.status in (None, "RUNNING", "running")
        yield Task(
            upid=upid,
            running=running,
            ended_at=moment(row.endtime),
            exit_status=None if running else row.status,
        )


def task_status(body: bytes, upid: Upid) -> Task:
    """.../tasks/{upid}/status: running or stopped, and how it ended."""
    row = one(body, _TaskStatus)
    running = row.status == "running"
    return Task(upid=upid, running=running, exit_status=None if running else row.exitstatus)


class _TaskStatus(Wire, frozen=True, kw_only=True):
    status: str
    exitstatus: str | None = None


class _LogLine(Wire, frozen=True, kw_only=True):
    n: int
    t: str = ""


def task_log(body: bytes) -> TaskLog:
    """.../tasks/{upid}/log. An empty or missing log is told as one line of text with status 200
    (pve-common, Tools.pm, dump_logfile): it counts as no lines, so that nobody skips line 1."""
    answer = envelope_of_rows(body, _LogLine)
    found = answer.data
    if len(found) == 1 and _is_no_log(found[0].t):
        return TaskLog(lines=(), total=0)
    last = max((row.n for row in found), default=0)
    return TaskLog(
        lines=tuple(LogLine(n=row.n, text=row.t) for row in found),
        total=max(answer.total or 0, last),
    )


def _is_no_log(text: str) -> bool:
    return text == "no content" or text.startswith("unable to open file - ")


def upid_of(body: bytes, *, address: str) -> Upid:
    """The UPID that a write answered with. Without one nobody knows what happened."""
    try:
        return Upid.parse(one(body, str))
    except (ValueError, Garbage, msgspec.ValidationError) as error:
        raise Garbage(
            f"no task id in the answer: {error}", address=address, may_have_happened=True
        ) from None
