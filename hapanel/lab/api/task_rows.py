"""Tasks as three endpoints word them; running means something else in each."""

from hapanel.lab.tasks import Task

Row = dict[str, object]

SAVED_MARK_AFTER_SECONDS = 10


def cluster_row(task: Task, now: float) -> Row:
    """/cluster/tasks: a running one has no `status`."""
    row: Row = {
        "upid": task.upid,
        "node": task.node,
        "starttime": task.starttime,
        "type": task.type,
        "id": task.id,
        "user": task.user,
    }
    if task.token:
        row["tokenid"] = task.token
    if task.endtime is not None:
        return {**row, "endtime": task.endtime, "status": task.status, "saved": "1"}
    row["pid"] = task.pid
    if now - task.starttime >= SAVED_MARK_AFTER_SECONDS:
        row["saved"] = "0"
    return row


def node_row(task: Task) -> Row:
    """/nodes/{node}/tasks: a running one is `RUNNING`."""
    row: Row = {
        "upid": task.upid,
        "node": task.node,
        "pid": task.pid,
        "pstart": task.pstart,
        "starttime": task.starttime,
        "type": task.type,
        "id": task.id,
        "user": task.user,
    }
    if task.token:
        row["tokenid"] = task.token
    if task.endtime is None:
        return {**row, "status": "RUNNING", "saved": "0"}
    return {**row, "endtime": task.endtime, "status": task.status}


def status_row(task: Task) -> Row:
    """/nodes/{node}/tasks/{upid}/status: `running` or `stopped` with `exitstatus`."""
    row: Row = {
        "upid": task.upid,
        "node": task.node,
        "pid": task.pid,
        "pstart": task.pstart,
        "starttime": task.starttime,
        "type": task.type,
        "id": task.id,
        "user": task.user,
    }
    if task.token:
        row["tokenid"] = task.token
    if task.endtime is None:
        return {**row, "status": "running"}
    return {**row, "status": "stopped", "exitstatus": task.status}
