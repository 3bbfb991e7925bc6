"""Which task in a cluster's list is the one that our request started. Pure.

Used after a crash or a lost answer. A task counts only when type, guest, node and user are ours
and it was not in the list before we asked; clocks of nodes and panel are never compared, so a
clock that goes wrong cannot make a stranger's task ours.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from hapanel.kernel.names import GuestType
from hapanel.ports.cluster import Task

HA_REQUEST = "hamigrate"
HA_USER = "root@pam"
# `Requesting HA migration for VM 100 to node slave`, `starting migration of VM 100 to node 'slave'`
_TO_NODE = re.compile(r"migration (?:for|of) (?:VM|CT) \d+ to node '?([A-Za-z0-9-]+)'?")


def task_types(guest_type: GuestType) -> tuple[str, str]:
    """What a migrate call can start: the migration, or a request to the HA manager."""
    return guest_type.migrate_task, HA_REQUEST


def tasks_of_guest(
    tasks: Iterable[Task], *, vmid: int, node: str, types: Collection[str]
) -> list[Task]:
    """The tasks of these types about the guest that run, or ran, on the node."""
    return [
        task
        for task in tasks
        if task.upid.type in types and task.upid.id == str(vmid) and task.upid.node == node
    ]


def ours(tasks: Iterable[Task], *, user: str, known: Collection[str]) -> list[Task]:
    """Those that our user started and that were not there before we asked, each once."""
    found = {
        task.upid.raw: task
        for task in tasks
        if task.upid.user == user and task.upid.raw not in known
    }
    return list(found.values())


def target_in_log(lines: Iterable[str]) -> str | None:
    """Where a migration task says it goes; None while it has not said so."""
    return next((found[1] for line in lines if (found := _TO_NODE.search(line))), None)
