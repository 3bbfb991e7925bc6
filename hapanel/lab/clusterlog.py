"""The cluster log (GET /cluster/log): who signed in, which tasks began and ended."""

from collections import deque
from dataclasses import dataclass

from hapanel.lab.clock import Clock
from hapanel.lab.tasks import Task

LENGTH = 500
INFO, ERROR = 6, 3


@dataclass(frozen=True)
class Entry:
    """One line; `uid` counts per node."""

    uid: int
    node: str
    user: str
    time: int
    pri: int
    pid: int
    tag: str
    msg: str


class ClusterLog:
    """The last entries, newest first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: deque[Entry] = deque(maxlen=LENGTH)
        self._uids: dict[str, int] = {}

    def write(self, node: str, user: str, msg: str, *, pri: int = INFO, pid: int = 583) -> None:
        """Adds a line as pvedaemon of `node`."""
        uid = self._uids.get(node, 0) + 1
        self._uids[node] = uid
        now = int(self._clock.now())
        self._entries.appendleft(Entry(uid, node, user, now, pri, pid, "pvedaemon", msg))

    def task_event(self, task: Task) -> None:
        """`starting task` or `end task`."""
        if task.is_running:
            self.write(task.node, task.user, f"starting task {task.upid}")
        else:
            pri = INFO if task.status == "OK" else ERROR
            self.write(task.node, task.user, f"end task {task.upid} {task.status}", pri=pri)

    def newest(self, limit: int) -> list[Entry]:
        """At most `limit` entries."""
        return self.all()[:limit]

    def all(self) -> list[Entry]:
        """All entries that are kept, newest first."""
        return list(self._entries)
