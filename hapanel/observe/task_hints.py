"""What ended tasks tell about guests: which configurations are worth reading again. Pure."""

from __future__ import annotations

from collections.abc import Iterable

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
