"""Tasks as three endpoints word them; running means something else in each."""

from hapanel.lab.tasks import Task

Row = dict[str, object]

SAVED_MARK_AFTER_SECONDS = 10


def cluster_row(task: Task, now: float) -> Row:
    """/cluster/tasks: a running one has no `status`."""
    row = _who_and_what(task)
    if task.endtime is not None:
        return {**row, "endtime": task.endtime, "status": task.status, "saved": "1"}
    row["pid"] = task.pid
    if now - task.starttime >= SAVED_MARK_AFTER_SECONDS:
        row["saved"] = "0"
    return row


def node_row(task: Task) -> Row:
    """/nodes/{node}/tasks: a running one is `RUNNING`."""
    row = _with_process(task)
    if task.endtime is None:
        return {**row, "status": "RUNNING", "saved": "0"}
    return {**row, "endtime": task.endtime, "status": task.status}


def status_row(task: Task) -> Row:
    """/nodes/{node}/tasks/{upid}/status: `running` or `stopped` with `exitstatus`."""
    row = _with_process(task)
    if task.endtime is None:
        return {**row, "status": "running"}
    return {**row, "status": "stopped", "exitstatus": task.status}


def _with_process(task: Task) -> Row:
    return {**_who_and_what(task), "pid": task.pid, "pstart": task.pstart}


def _who_and_what(task: Task) -> Row:
    row: Row = {
        "upid": task.upid,
        "node": task.node,
        "starttime": task.starttime,
        "type": task.type,
        "id": task.id,
        "user": task.user,
    }
    return {**row, "tokenid": task.token} if task.token else row
