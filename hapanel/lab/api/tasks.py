"""/nodes/{node}/tasks: lists with filters, status, log, stop."""

import re
from collections.abc import Iterator

from hapanel.lab.api.routing import Call, Listing, api
from hapanel.lab.api.task_rows import node_row, status_row
from hapanel.lab.errors import bad_parameters, forbidden
from hapanel.lab.schema import Type, flag, maybe
from hapanel.lab.tasks import Task

LIST_DEFAULT = 50
UPID = re.compile(
    r"UPID:[a-zA-Z0-9-]+:[0-9A-Fa-f]{8}:[0-9A-Fa-f]{8,9}:[0-9A-Fa-f]{8}:[^:\s]+:[^:\s]*:[^:\s]+:"
)


@api.on(
    "GET",
    "/nodes/{node}/tasks",
    proxied=True,
    params=[
        flag("errors"),
        maybe("limit", Type.INTEGER, minimum=0),
        maybe("start", Type.INTEGER, minimum=0),
        maybe("since", Type.INTEGER),
        maybe("until", Type.INTEGER),
        maybe("source", enum=("archive", "active", "all")),
        maybe("statusfilter"),
        maybe("typefilter"),
        maybe("userfilter"),
        maybe("vmid", Type.INTEGER, minimum=100, maximum=999999999),
    ],
)
def node_tasks(call: Call) -> object:
    """Newest first; `total` counts all that match."""
    matching = list(_matching(call))
    start, limit = call.number("start"), call.number("limit", LIST_DEFAULT)
    page = matching[start : start + limit] if limit else matching[start:]
    return Listing([node_row(task) for task in page], len(matching))


def _matching(call: Call) -> Iterator[Task]:
    source = call.text("source", "archive")
    sees_all = call.may(f"/nodes/{call.text('node')}", "Sys.Audit")
    for task in call.world.tasks.of_node(call.text("node")):
        if task.is_running and source == "archive":
            continue
        if not task.is_running and source == "active":
            continue
        if (sees_all or _is_own(call, task)) and _passes(call, task):
            yield task


def _is_own(call: Call, task: Task) -> bool:
    """A task of the caller; a user also owns those of his tokens."""
    if call.principal.token:
        return (task.user, task.token) == (call.principal.user, call.principal.token)
    return task.user == call.principal.user


def _passes(call: Call, task: Task) -> bool:
    failed = task.endtime is not None and task.status != "OK"
    return (
        (not call.has("vmid") or task.id == str(call.number("vmid")))
        and (not call.has("typefilter") or call.text("typefilter") in task.type)
        and call.text("userfilter") in task.user
        and task.starttime >= call.number("since")
        and (not call.has("until") or task.starttime <= call.number("until"))
        and (not call.flag("errors") or failed)
        and (not call.has("statusfilter") or _class_of(task) in call.text("statusfilter"))
    )


def _class_of(task: Task) -> str:
    """PVE's classes of exit statuses: ok, warning, unknown, error (UPID.pm)."""
    if task.status == "OK":
        return "ok"
    if task.status and task.status.startswith("WARNINGS"):
        return "warning"
    return "unknown" if task.status in (None, "", "unexpected status") else "error"


def _task(call: Call) -> Task | None:
    """The task, if its log lies on the answering node; 403 for a task of somebody else."""
    _need_upid(call)
    task = call.world.tasks.find(call.text("upid"))
    node = call.text("node")
    if not call.may(f"/nodes/{node}", "Sys.Audit") and (task is None or not _is_own(call, task)):
        raise forbidden(f"/nodes/{node}", "Sys.Audit")
    return task if task is not None and task.node == node else None


def _need_upid(call: Call) -> None:
    if not UPID.fullmatch(call.text("upid")):
        raise bad_parameters({"upid": "unable to parse worker upid"})


@api.on("GET", "/nodes/{node}/tasks/{upid}")
def task_index(_call: Call) -> object:
    """What there is of a task."""
    return [{"name": "log"}, {"name": "status"}]


@api.on("GET", "/nodes/{node}/tasks/{upid}/status", proxied=True, protected=True)
def task_status(call: Call) -> object:
    """Running or stopped."""
    task = _task(call)
    if task is None:
        raise bad_parameters({"upid": "no such task"})
    return status_row(task)


@api.on(
    "GET",
    "/nodes/{node}/tasks/{upid}/log",
    proxied=True,
    protected=True,
    params=[
        maybe("start", Type.INTEGER, minimum=0),
        maybe("limit", Type.INTEGER, minimum=0),
        flag("download"),
    ],
)
def task_log(call: Call) -> object:
    """Numbered lines from `start` (0 is the first); `limit` 0 is to the end."""
    task = _task(call)
    if task is None:
        missing = "unable to open file - No such file or directory"
        return Listing([{"n": 1, "t": missing}], 1)
    lines = task.lines or ["no content"]
    start, limit = call.number("start"), call.number("limit", LIST_DEFAULT)
    end = start + limit if limit else len(lines)
    rows = [{"n": n, "t": lines[n - 1]} for n in range(start + 1, min(end, len(lines)) + 1)]
    return Listing(rows, len(lines))


@api.on("DELETE", "/nodes/{node}/tasks/{upid}", proxied=True)
async def stop_task(call: Call) -> None:
    """Stops a worker; null also for one that has ended. Owner, or Sys.Modify on the node."""
    _need_upid(call)
    task = call.world.tasks.find(call.text("upid"))
    node = call.text("node")
    if task is None or task.node != node:
        raise bad_parameters({"upid": "no such task"})
    if not _is_own(call, task) and not call.may(f"/nodes/{node}", "Sys.Modify"):
        raise forbidden(f"/nodes/{node}", "Sys.Modify")
    await call.world.tasks.stop(task)
