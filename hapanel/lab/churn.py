"""Churn: people at work. Every ten seconds a share of the guests is started, stopped or moved.

It goes through tasks, as if somebody at a node's shell did it; guests under HA are left alone,
because the manager would take it back.
"""

import asyncio
import random
from collections.abc import Callable

from hapanel.lab.migration.journey import Order
from hapanel.lab.migration.live import offline_migration
from hapanel.lab.names import Kind
from hapanel.lab.power import Action, task_type, work_of
from hapanel.lab.tasks import Work
from hapanel.lab.world import Guest, World

ROUND_SECONDS = 10.0
USER = "root@pam"
# Of the stopped virtual machines, how many are moved instead of started.
MOVED_SHARE = 0.3


class Churn:
    """Moves `share` of the guests a round, each at its own moment of it."""

    def __init__(self, world: World, share: float, is_managed: Callable[[Guest], bool]) -> None:
        self._world = world
        self._share = share
        self._is_managed = is_managed
        self._luck = random.Random(world.cluster_name)
        self._rounds: asyncio.Task[None] | None = None

    def run(self) -> None:
        """Starts the rounds, if there is a share."""
        if self._share > 0:
            self._rounds = asyncio.get_running_loop().create_task(self._play())

    async def _play(self) -> None:
        clock = self._world.clock
        while True:
            chosen = self._choose()
            for guest in chosen:
                await clock.pass_time(ROUND_SECONDS / len(chosen))
                self._disturb(guest)
            if not chosen:
                await clock.pass_time(ROUND_SECONDS)

    def _choose(self) -> list[Guest]:
        free = [guest for guest in self._world.guests.values() if not self._is_managed(guest)]
        wanted = max(1, round(len(self._world.guests) * self._share))
        return self._luck.sample(free, min(len(free), wanted))

    def _disturb(self, guest: Guest) -> None:
        """Starts the task, unless somebody else is at the guest or its node is down."""
        node = self._world.nodes[guest.node]
        if guest.lock is not None or not node.is_on:
            return
        type_, work = self._wish(guest)
        self._world.tasks.start(node, type_, str(guest.vmid), USER, work)

    def _wish(self, guest: Guest) -> tuple[str, Work]:
        others = [n.name for n in self._world.nodes.values() if n.is_on and n.name != guest.node]
        may_move = guest.kind is Kind.QEMU and not guest.is_running and others
        if may_move and self._luck.random() < MOVED_SHARE:
            guest.lock = "migrate"
            order = Order(guest.vmid, guest.node, self._luck.choice(others))
            return guest.kind.migration_task, offline_migration(self._world, order)
        action = Action.STOP if guest.is_running else Action.START
        work = work_of(self._world, guest.vmid, guest.kind, guest.node, action)
        return task_type(guest.kind, action), work

    async def close(self) -> None:
        """Ends the rounds."""
        if self._rounds is not None:
            self._rounds.cancel()
            await asyncio.gather(self._rounds, return_exceptions=True)
