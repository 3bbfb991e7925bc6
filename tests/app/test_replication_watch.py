"""The watch over nodes: one connection each, asked at each change, made anew when it breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import pytest

from hapanel.observe import replication_watch
from hapanel.observe.replication_watch import Plan, ReplicationWatch
from hapanel.ports.errors import ClusterError, SignInRefused, Unreachable
from hapanel.ports.node_shell import (
    ConfigurationFile,
    HostKey,
    LvmReport,
    NodeDoor,
    NodeShell,
    SshLogin,
)
from hapanel.ports.replication import NodeStatus

LOGIN = SshLogin(user="root", private_key="k")
MASTER = NodeDoor(node="master", host="10.0.0.1")
SLAVE = NodeDoor(node="slave", host="10.0.0.2")
PLAN = Plan(1, LOGIN, (MASTER, SLAVE))


@dataclass
class Shell:
    """A node that answers until `broken` is set; `news` is its event stream."""

    node: str
    news: asyncio.Event = field(default_factory=asyncio.Event)
    broken: ClusterError | None = None
    asked: int = 0
    is_closed: bool = False

    async def status(self) -> NodeStatus:
        self.asked += 1
        if self.broken is not None:
            raise self.broken
        return NodeStatus(version=str(self.asked))

    async def changes(self) -> AsyncGenerator[None, None]:
        while True:
            await self.news.wait()
            self.news.clear()
            yield

    async def configuration(self) -> tuple[ConfigurationFile, ...]:
        return (ConfigurationFile(path="/etc/drbd.conf", text="x"),)

    async def lvm(self) -> LvmReport:
        return LvmReport()

    async def close(self) -> None:
        self.is_closed = True


@dataclass
class Shells:
    """Hands out shells, or fails."""

    opened: list[Shell] = field(default_factory=list)
    refuse: dict[str, ClusterError] = field(default_factory=dict)

    async def open(self, login: SshLogin, door: NodeDoor) -> NodeShell:
        assert login == LOGIN
        if door.node in self.refuse:
            raise self.refuse[door.node]
        self.opened.append(Shell(door.node))
        return self.opened[-1]

    async def host_key(self, door: NodeDoor) -> HostKey:
        raise NotImplementedError

    def last(self, node: str) -> Shell:
        return [shell for shell in self.opened if shell.node == node][-1]


@dataclass
class Desk:
    """Remembers what it was told."""

    planned: tuple[Plan, ...] = (PLAN,)
    seen: list[tuple[str, str]] = field(default_factory=list)
    lost: list[tuple[str, str]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def plans(self) -> tuple[Plan, ...]:
        return self.planned

    def saw(self, cluster_id: int, node: str, status: NodeStatus) -> None:
        self.seen.append((node, status.version or ""))

    def missed(self, cluster_id: int, node: str, error: ClusterError) -> None:
        self.lost.append((node, error.kind))

    def read_files(self, cluster_id: int, node: str, files: tuple[ConfigurationFile, ...]) -> None:
        self.files.append(node)

    def read_lvm(self, cluster_id: int, node: str, report: LvmReport) -> None:
        raise ValueError("a database that is away")


@dataclass
class Scene:
    shells: Shells = field(default_factory=Shells)
    desk: Desk = field(default_factory=Desk)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, what: object, seconds: float = 3.0) -> None:
        assert callable(what)
        async with asyncio.timeout(seconds):
            while not what():
                await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replication_watch, "READ_PLANS_SECONDS", 0.02)
    monkeypatch.setattr(replication_watch, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(replication_watch, "LONGEST_PAUSE", 0.05)


def play(story: object, scene: Scene | None = None) -> Scene:
    """Run the watch beside a story."""
    assert callable(story)

    async def both() -> Scene:
        on = scene or Scene()
        watch = asyncio.create_task(ReplicationWatch(on.shells, on.desk).run(on.stop))
        try:
            await story(on)
        finally:
            on.stop.set()
            await watch
        return on

    return asyncio.run(both())


def test_each_node_is_asked_at_once_and_again_at_each_change() -> None:
    async def story(on: Scene) -> None:
        await on.until(lambda: {node for node, _ in on.desk.seen} == {"master", "slave"})
        await on.until(lambda: len(on.desk.files) == 2)
        on.shells.last("slave").news.set()
        await on.until(lambda: ("slave", "2") in on.desk.seen, 1.0)

    on = play(story)
    assert len(on.shells.opened) == 2
    assert all(shell.is_closed for shell in on.shells.opened)
    assert on.desk.lost == []


def test_a_silent_stream_is_no_reason_not_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replication_watch, "QUIET_SECONDS", 0.05)

    async def story(on: Scene) -> None:
        await on.until(lambda: ("master", "3") in on.desk.seen)

    play(story)


def test_a_connection_that_breaks_is_told_and_made_anew() -> None:
    async def story(on: Scene) -> None:
        await on.until(lambda: len(on.shells.opened) == 2)
        shell = on.shells.last("slave")
        shell.broken = Unreachable("cut")
        shell.news.set()
        await on.until(lambda: on.shells.last("slave") is not shell)
        assert shell.is_closed
        assert ("slave", "unreachable") in on.desk.lost

    play(story)


def test_one_node_that_refuses_leaves_the_other_seen() -> None:
    async def story(on: Scene) -> None:
        on.shells.refuse["slave"] = SignInRefused("root is refused")
        await on.until(lambda: len(on.desk.lost) > 1 and bool(on.desk.seen))
        assert {node for node, _ in on.desk.seen} == {"master"}
        del on.shells.refuse["slave"]
        await on.until(lambda: any(node == "slave" for node, _ in on.desk.seen))

    play(story)


def test_other_settings_mean_another_connection_and_none_means_none() -> None:
    async def story(on: Scene) -> None:
        await on.until(lambda: len(on.shells.opened) == 2)
        on.desk.planned = (Plan(1, LOGIN, (NodeDoor(node="master", host="10.0.0.9"),)),)
        await on.until(lambda: len(on.shells.opened) == 3)
        on.desk.planned = ()
        await on.until(lambda: all(shell.is_closed for shell in on.shells.opened))

    play(story)
