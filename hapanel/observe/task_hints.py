"""What ended tasks tell about guests: configurations worth reading again, starts. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from hapanel.kernel.names import Upid
from hapanel.ports.cluster import Task

# Types of workers after which a guest's disks or devices may be others than before
# (qemu-server, pve-container and pve-manager: the first argument of their fork_worker calls).
_CHANGING = frozenset(
    {
        "qmconfig",
        "qmcreate",
        "qmclone",
        "qmmove",
        "qmrestore",
        "qmrollback",
        "qmtemplate",
        "qmigrate",
        "resize",
        "vzcreate",
        "vzclone",
        "vzmigrate",
        "vzrestore",
        "vzrollback",
        "vztemplate",
        "move_volume",
    }
)


def guests_touched(tasks: Iterable[Task], newly_ended: frozenset[str]) -> list[int]:
    """The ids of the guests that the tasks with these UPIDs may have changed."""
    return [
        int(task.upid.id)
        for task in tasks
        if task.upid.raw in newly_ended and task.upid.type in _CHANGING and task.upid.id.isdigit()
    ]


# A start by hand, by the HA manager or with the node is the same task; migrations have others.
_STARTING = frozenset({"qmstart", "vzstart"})


def guests_started(tasks: Iterable[Task], newly_ended: frozenset[str]) -> list[Upid]:
    """The starts among the tasks with these UPIDs that went well; warnings do not hinder."""
    return [
        task.upid
        for task in tasks
        if task.upid.raw in newly_ended
        and task.upid.type in _STARTING
        and task.upid.id.isdigit()
        and (task.exit_status or "").startswith(("OK", "WARNINGS"))
    ]
