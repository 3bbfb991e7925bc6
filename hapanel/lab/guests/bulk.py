"""Many guests at once: in which order, how many at a time, and what becomes of their tasks.

Facts: pve-manager API2/Nodes.pm and API2/Cluster/BulkAction/Guest.pm.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from hapanel.lab.tasks import Task
from hapanel.lab.world import Guest

LAST = 1 << 62


@dataclass(frozen=True)
class Startup:
    """The `startup` option: place in the order, seconds to wait after a start and for a stop."""

    order: int = LAST
    up: int | None = None
    down: int | None = None


def startup_of(guest: Guest) -> Startup:
    """`order=1,up=5,down=60`, or `1` alone."""
    found: dict[str, int] = {}
    for part in str(guest.config.get("startup", "")).split(","):
        key, sign, value = part.partition("=")
        if sign and value.isdigit():
            found[key] = int(value)
        elif part.isdigit():
            found["order"] = int(part)
    return Startup(found.get("order", LAST), found.get("up"), found.get("down"))


def in_order(guests: Iterable[Guest], *, backwards: bool = False) -> Iterator[list[Guest]]:
    """Groups that have the same place in the order, by number."""

    def place(guest: Guest) -> tuple[int, int]:
        return startup_of(guest).order, guest.vmid

    ordered = sorted(guests, key=place, reverse=backwards)
    for _order, group in groupby(ordered, key=lambda guest: startup_of(guest).order):
        yield list(group)


@dataclass
class Child:
    """A guest and its task, or the reason why there is none."""

    guest: Guest
    task: Task | None
    problem: str | None = None

    @property
    def failure(self) -> str | None:
        """Why it went wrong; None when it did not."""
        if self.task is None:
            return self.problem
        status = self.task.status or "unexpected status"
        return None if status == "OK" or status.startswith("WARNINGS") else status


async def worked_off(
    guests: Iterable[Guest], workers: int, begin: Callable[[Guest], Child | None]
) -> list[Child]:
    """Begins a task for each guest, at most `workers` at a time, and waits for all."""
    room, children = asyncio.Semaphore(workers), []

    async def one(guest: Guest) -> None:
        async with room:
            child = begin(guest)
            if child is not None:
                children.append(child)
                await ended(child.task)

    await asyncio.gather(*(one(guest) for guest in guests))
    return children


async def ended(task: Task | None) -> None:
    """Waits for a task, however it ends."""
    if task is not None and task.runner is not None:
        await asyncio.wait({task.runner})
