"""What is asked of a node, in the words of deploy/hapanel-node-command."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

from msgspec.structs import replace

from hapanel.drbd.decode.events import EventStream
from hapanel.gateways.drbd_ssh.connection import Connection, connect, show_host_key
from hapanel.gateways.drbd_ssh.lvm import read_disks, read_groups, read_volumes
from hapanel.gateways.drbd_ssh.permitted import given, good_output, text_of
from hapanel.gateways.drbd_ssh.status import read_status
from hapanel.ports.node_shell import (
    ConfigurationFile,
    HostKey,
    LvmReport,
    NodeDoor,
    OrderAnswer,
    SshLogin,
)
from hapanel.ports.replication import NodeStatus
from hapanel.ports.ssh_errors import (
    CommandFailed,
    ScriptMissing,
    ScriptOlder,
)

# The script's version from which on it permits what is asked here.
NEEDED_SCRIPT = 1
_SCRIPT = re.compile(r"hapanel-node-command (\d{1,6})")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}\.(?:res|conf)")
MAIN_FILE, FOLDER, LVM_FILE = "/etc/drbd.conf", "/etc/drbd.d", "/etc/lvm/lvm.conf"
MOST_FILES = 64
# events2 prints several lines for one change: what comes within this time is one.
BURST_SECONDS = 0.05


class DrbdShell:
    """Fulfils `hapanel.ports.node_shell.NodeShell` over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._told = EventStream()

    async def status(self) -> NodeStatus:
        """The node's whole DRBD state, asked for now, with the alarms that its stream told of."""
        status = await read_status(self._connection)
        called = {one.name for one in self._told.status().resources if one.split_brain_called}
        if not called:
            return status
        return replace(
            status,
            resources=tuple(
                replace(one, split_brain_called=True) if one.name in called else one
                for one in status.resources
            ),
        )

    async def changes(self) -> AsyncGenerator[None, None]:
        """A sign when the stream stands and after each burst of changes."""
        self._told = EventStream()
        news = asyncio.Event()
        listener = asyncio.create_task(self._listen(news))
        try:
            while True:
                await news.wait()
                await asyncio.sleep(BURST_SECONDS)
                news.clear()
                if listener.done():
                    listener.result()
                    return
                yield
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)

    async def _listen(self, news: asyncio.Event) -> None:
        try:
            async with aclosing(self._connection.lines("drbdsetup events2")) as lines:
                async for line in lines:
                    self._told.feed(text_of(line))
                    news.set()
        finally:
            news.set()

    async def configuration(self) -> tuple[ConfigurationFile, ...]:
        """The main file, those of the folder, and LVM's; a node without DRBD has none of DRBD's."""
        found = []
        for path in [MAIN_FILE, *await self._paths(), LVM_FILE]:
            try:
                body = await good_output(self._connection, f"cat {path}")
            except (CommandFailed, ScriptOlder):
                continue  # removed meanwhile, not there, or not for this script to read
            found.append(ConfigurationFile(path=path, text=text_of(body)))
        return tuple(found)

    async def _paths(self) -> list[str]:
        try:
            listing = text_of(await good_output(self._connection, f"ls {FOLDER}"))
        except CommandFailed:
            return []
        names = sorted(name for name in listing.split("\n") if _FILE.fullmatch(name))
        return [f"{FOLDER}/{name}" for name in names[:MOST_FILES]]

    async def lvm(self) -> LvmReport:
        """The node's volume groups, volumes and what they lie on."""
        address = self._connection.address
        return LvmReport(
            groups=read_groups(await good_output(self._connection, "vgs"), address),
            volumes=read_volumes(await good_output(self._connection, "lvs"), address),
            disks=read_disks(await good_output(self._connection, "pvs"), address),
        )

    async def order(self, line: str) -> OrderAnswer:
        """Send one order, once. Raises ScriptOlder when it is not permitted, and Unreachable or
        Garbage with `may_have_happened` when no whole answer came."""
        return await given(self._connection, line)

    async def close(self) -> None:
        """End the connection."""
        await self._connection.close()


class DrbdSshGateway:
    """Fulfils `hapanel.ports.node_shell.ShellOpener`."""

    async def open(self, login: SshLogin, door: NodeDoor) -> DrbdShell:
        """Connect, prove the node, sign in, shake hands with the script. Raises ClusterError."""
        connection = await connect(login, door)
        try:
            await _shake_hands(connection)
        except BaseException:
            await connection.close()
            raise
        return DrbdShell(connection)

    async def host_key(self, door: NodeDoor) -> HostKey:
        """The key that the node shows; nobody signs in. Raises Unreachable."""
        return await show_host_key(door)


async def _shake_hands(connection: Connection) -> None:
    """Ask the forced command who it is. Raises ScriptMissing or ScriptOlder."""
    try:
        said = text_of(await good_output(connection, "version")).strip()
    except CommandFailed as error:
        raise ScriptMissing(error.reason, address=connection.address) from error
    found = _SCRIPT.fullmatch(said)
    if found is None:
        # A login shell or another forced command answers; its words may be anything.
        raise ScriptMissing(_first_line(said), address=connection.address)
    if int(found[1]) < NEEDED_SCRIPT:
        reason = f"it is version {found[1]}, {NEEDED_SCRIPT} is needed"
        raise ScriptOlder(reason, address=connection.address)


def _first_line(said: str) -> str:
    return said.split("\n", 1)[0][:100] or "it says nothing"
