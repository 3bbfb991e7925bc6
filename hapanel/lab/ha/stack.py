"""The HA stack of the cluster: its state, its rounds, and the ways in."""

import asyncio
from collections.abc import Callable, Iterable

from hapanel.lab.errors import TaskFailed
from hapanel.lab.ha.crm import Crm
from hapanel.lab.ha.locks import Locks
from hapanel.lab.ha.lrm import LocalManager, settled
from hapanel.lab.ha.model import CrmState, HaState, Lrm, Request, Resource, Service
from hapanel.lab.ha.watchdog import Watchdog
from hapanel.lab.membership import Membership
from hapanel.lab.world import Guest, Node, World

ROUND_SECONDS = 10.0
WATCHDOG_SECONDS = 1.0
FIRST_CRM_ROUND_SECONDS = 1.0
FIRST_LRM_ROUND_SECONDS = 4.0
LOCK_WAIT_SECONDS = 10.0


class HaManager:
    """What the API and the program may ask of HA."""

    def __init__(self, world: World, membership: Membership, reset: Callable[[Node], None]) -> None:
        self._world = world
        self._membership = membership
        self.state = HaState({name: Lrm(name) for name in world.nodes})
        locks = Locks(world, membership)
        self._crm = Crm(world, membership, self.state, locks)
        self._locals = [
            LocalManager(world, membership, self.state, locks, name) for name in world.nodes
        ]
        self._watchdog = Watchdog(world, membership, self.state, reset)
        self._rounds: list[asyncio.Task[None]] = []

    def adopt(self, vmids: Iterable[int], master: str | None) -> None:
        """Guests that were under HA all along: everything is settled."""
        now, state = self._world.now(), self.state
        for lrm in state.lrms.values():
            lrm.timestamp = now
        for vmid in vmids:
            guest = self._world.guests[vmid]
            state.resources[guest.sid] = Resource(guest.sid, max_restart=1, max_relocate=1)
            service = Service(guest.sid, guest.node, CrmState.STARTED, runs=True)
            state.services[guest.sid] = service
            settled(state.lrms[guest.node], service, now)
        if state.resources:
            state.manager_lock.holder = master or next(iter(self._world.nodes))
            state.manager_lock.renewed_at = state.timestamp = now
            state.node_status = dict.fromkeys(state.lrms, "online")

    def run(self) -> None:
        """Starts the rounds; without resources nothing needs a manager."""
        self._play(FIRST_CRM_ROUND_SECONDS, self._crm_round)
        for number, local in enumerate(self._locals):
            self._play(FIRST_LRM_ROUND_SECONDS + 2 * number, local.round)
        self._play(FIRST_CRM_ROUND_SECONDS, self._watchdog.round, WATCHDOG_SECONDS)

    def _crm_round(self) -> None:
        if self.state.resources or self.state.master is not None:
            self._crm.round()

    def _play(self, first: float, play: Callable[[], None], every: float = ROUND_SECONDS) -> None:
        async def rounds() -> None:
            await self._world.clock.pass_time(first)
            while True:
                play()
                await self._world.clock.pass_time(every)

        self._rounds.append(asyncio.get_running_loop().create_task(rounds()))

    async def close(self) -> None:
        """Stops the rounds."""
        for task in self._rounds:
            task.cancel()
        await asyncio.gather(*self._rounds, return_exceptions=True)

    def is_managed(self, guest: Guest) -> bool:
        """Whether power and migrate calls go through HA."""
        resource = self.state.resources.get(guest.sid)
        if resource is None or self.state.disarmed == "ignore":
            return False
        return resource.state is not Request.IGNORED

    def request_migration(self, sid: str, target: str) -> None:
        """Queues `migrate` for the manager, who may refuse it silently."""
        self.state.commands.append((sid, target))

    def request_state(self, sid: str, state: Request) -> None:
        """Changes the requested state in the HA configuration."""
        self.state.resources[sid].state = state

    async def write_through(self, node: str, command: str) -> None:
        """What `ha-manager` needs for a write: the cluster lock, so quorum, or it gives up."""
        if self._membership.is_quorate(node):
            return
        await self._world.clock.pass_time(LOCK_WAIT_SECONDS)
        raise TaskFailed(f"command 'ha-manager {command}' failed: exit code 13")
