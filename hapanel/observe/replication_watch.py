"""Watching replication closely: one kept connection per node, its event stream, and records fed.

It runs in the follower, and for half a minute at a time in a worker while there is none. It is
handed what speaks to nodes and what writes records. The stream only says *that* something changed;
the whole state is then read again, so nothing that a stream lost stays wrong.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Protocol, TypeVar

from asgiref.sync import sync_to_async

from hapanel.ports.errors import (
    ClusterError,
    Garbage,
    SignInRefused,
)
from hapanel.ports.node_shell import (
    ConfigurationFile,
    LvmReport,
    NodeDoor,
    NodeShell,
    ShellOpener,
    SshLogin,
)
from hapanel.ports.replication import NodeStatus, Role
from hapanel.ports.ssh_errors import (
    CommandFailed,
    HostKeyChanged,
    HostKeyUnknown,
    ScriptMissing,
    ScriptOlder,
)

READ_PLANS_SECONDS = 1.0
# How often a node is asked although its stream is silent: as a sign of life, and for the figures.
QUIET_SECONDS, MOVING_SECONDS = 4.0, 1.0
SLOW_SECONDS = 60.0
STREAM_AGAIN_SECONDS = 10.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 15.0
# What only a person mends is not tried every second.
PATIENT = (HostKeyChanged, HostKeyUnknown, SignInRefused, ScriptMissing, ScriptOlder)

logger = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True)
class Plan:
    """One cluster that is to be watched over ssh; another value of it means other connections."""

    cluster_id: int
    login: SshLogin
    doors: tuple[NodeDoor, ...]


class ReplicationDesk(Protocol):
    """The records behind the watch. Methods block, and raise whatever the database raises."""

    def plans(self) -> tuple[Plan, ...]: ...
    def saw(self, cluster_id: int, node: str, status: NodeStatus) -> None: ...
    def missed(self, cluster_id: int, node: str, error: ClusterError) -> None: ...
    def read_files(
        self, cluster_id: int, node: str, files: tuple[ConfigurationFile, ...]
    ) -> None: ...
    def read_lvm(self, cluster_id: int, node: str, report: LvmReport) -> None: ...


class ReplicationWatch:
    """Watches the nodes of all clusters that have ssh until it is stopped."""

    def __init__(self, shells: ShellOpener, desk: ReplicationDesk) -> None:
        self._shells = shells
        self._desk = desk
        self._running: dict[tuple[int, str], tuple[object, asyncio.Task[None]]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop` is set. A database that fails is asked again."""
        try:
            while not stop.is_set():
                self._follow(await self._plans())
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), READ_PLANS_SECONDS)
        finally:
            await self._end(list(self._running))

    async def _plans(self) -> tuple[Plan, ...] | None:
        try:
            return await sync_to_async(self._desk.plans)()
        except Exception:
            logger.exception("what is to be watched over ssh cannot be read")
            return None

    def _follow(self, plans: tuple[Plan, ...] | None) -> None:
        """Begin with nodes that are new or reached otherwise, leave those that are gone."""
        if plans is None:
            return
        wanted = {
            (plan.cluster_id, door.node): (plan.login, door)
            for plan in plans
            for door in plan.doors
        }
        for key, (settings, task) in list(self._running.items()):
            if wanted.get(key) != settings:
                task.cancel()
                del self._running[key]
        for key, (login, door) in wanted.items():
            if key not in self._running:
                watch = NodeWatch(self._shells, self._desk, key[0], login, door)
                self._running[key] = ((login, door), asyncio.create_task(watch.run()))

    async def _end(self, keys: list[tuple[int, str]]) -> None:
        tasks = [self._running.pop(key)[1] for key in keys]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class NodeWatch:
    """One node: connect, hold, and begin anew when that breaks."""

    def __init__(
        self,
        shells: ShellOpener,
        desk: ReplicationDesk,
        cluster_id: int,
        login: SshLogin,
        door: NodeDoor,
    ) -> None:
        self._shells = shells
        self._desk = desk
        self._cluster_id = cluster_id
        self._login = login
        self._door = door
        self._news = asyncio.Event()
        self._roles: dict[str, Role] | None = None
        self._other_role = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        pause = FIRST_PAUSE
        while True:
            try:
                shell = await self._shells.open(self._login, self._door)
                pause = FIRST_PAUSE
                await self._hold(shell)
            except ClusterError as error:
                await self._missed(error)
                if isinstance(error, PATIENT):
                    pause = LONGEST_PAUSE
            except Exception:
                logger.exception("the watch over %s broke off", self._door.node)
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    async def _hold(self, shell: NodeShell) -> None:
        """Ask at each change and now and then, as long as the connection stands."""
        sides = [asyncio.create_task(self._listen(shell)), asyncio.create_task(self._slow(shell))]
        try:
            while True:
                self._news.clear()
                status = await shell.status()
                await self._write(self._desk.saw, status)
                self._note_roles(status)
                with suppress(TimeoutError):
                    await asyncio.wait_for(
                        self._news.wait(), MOVING_SECONDS if moves(status) else QUIET_SECONDS
                    )
        finally:
            for side in sides:
                side.cancel()
            await asyncio.gather(*sides, return_exceptions=True)
            await shell.close()

    async def _listen(self, shell: NodeShell) -> None:
        """Note each change that the stream tells; without one the node is only asked in turn."""
        while True:
            try:
                async with aclosing(shell.changes()) as changes:
                    async for _ in changes:
                        self._news.set()
            except ClusterError as error:
                logger.info("%s: no event stream: %s", self._door.node, error.reason)
            await asyncio.sleep(STREAM_AGAIN_SECONDS)

    def _note_roles(self, status: NodeStatus) -> None:
        """A group on DRBD comes and goes with the role: then what changes rarely has changed."""
        roles = {one.name: one.role for one in status.resources}
        if self._roles is not None and roles != self._roles:
            self._other_role.set()
        self._roles = roles

    async def _slow(self, shell: NodeShell) -> None:
        """What changes rarely; one that fails waits for its next turn."""
        while True:
            self._other_role.clear()
            await self._ask(shell.configuration, self._desk.read_files)
            await self._ask(shell.lvm, self._desk.read_lvm)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._other_role.wait(), SLOW_SECONDS)

    async def _ask(
        self, question: Callable[[], Awaitable[_T]], write: Callable[[int, str, _T], None]
    ) -> None:
        try:
            answer = await question()
        except (CommandFailed, Garbage, ScriptOlder) as error:
            logger.info("%s: not read: %s", self._door.node, error.reason)
        except ClusterError:
            return  # the connection is gone, as whoever holds it finds out too
        else:
            await self._write(write, answer)

    async def _write(self, write: Callable[[int, str, _T], None], said: _T) -> None:
        try:
            await sync_to_async(write)(self._cluster_id, self._door.node, said)
        except Exception:
            # The next look, a few seconds later, writes again.
            logger.exception("what %s said cannot be recorded", self._door.node)

    async def _missed(self, error: ClusterError) -> None:
        logger.info("%s is not seen over ssh: %s (%s)", self._door.node, error.reason, error.kind)
        await self._write(self._desk.missed, error)


def moves(status: NodeStatus) -> bool:
    """Whether a sync or a verify runs, whose figures somebody may be reading."""
    return any(
        volume.percent is not None or volume.rate
        for resource in status.resources
        for peer in resource.peers
        for volume in peer.volumes
    )
