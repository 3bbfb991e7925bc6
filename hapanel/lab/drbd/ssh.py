"""The ssh server of a lab node, which runs the forced command of real nodes and nothing else.

Connections are accepted by the lab's own listener, so that a dead node is a black hole here too,
and handed on to asyncssh over a pair of sockets.
"""

import asyncio
import contextlib
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

import asyncssh

from hapanel.lab.net.listener import Connection

SSH_PORT = 2222
USER = "root"
FORCED_COMMAND = Path(__file__).parents[3] / "deploy" / "hapanel-node-command"
CHUNK = 64 * 1024
REFUSED = 126


def key_in(folder: Path, name: str) -> asyncssh.SSHKey:
    """A key that stays the same as long as its file does."""
    path = folder / name
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    return asyncssh.read_private_key(path)


def public_line(key: asyncssh.SSHKey) -> str:
    """`ssh-ed25519 AAAA...`, without a comment."""
    return " ".join(key.export_public_key().decode().split()[:2])


class NodeSsh:
    """One node's server: its host key, whose key it lets in, and where its tools are."""

    def __init__(self, host_key: asyncssh.SSHKey, client: asyncssh.SSHKey, tools: Path) -> None:
        self.host_key = host_key
        self._tools = tools
        keys = asyncssh.import_authorized_keys(f"restrict {public_line(client)}\n")
        self._options = asyncssh.SSHServerConnectionOptions(
            server_factory=lambda: _OnlyRoot(keys),
            server_host_keys=[host_key],
            process_factory=self._run,
            encoding=None,
            allow_scp=False,
            password_auth=False,
            kbdint_auth=False,
            x11_forwarding=False,
            agent_forwarding=False,
        )

    async def serve(self, connection: Connection) -> None:
        """One client, from the first byte to the last."""
        near, far = socket.socketpair()
        opening = asyncio.ensure_future(asyncssh.run_server(far, options=self._options))
        reader, writer = await asyncio.open_connection(sock=near)
        try:
            await _pump_both(connection, reader, writer)
        finally:
            writer.close()
            opening.cancel()
            with contextlib.suppress(Exception, asyncio.CancelledError):
                (await opening).abort()

    async def _run(self, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        """What sshd does with `command=`: the client's line goes into the environment."""
        line = process.command or process.subsystem or ""
        environment = {**process.env, "SSH_ORIGINAL_COMMAND": line, "SSH_CLIENT": "panel 0 22"}
        command = [sys.executable, "-IS", str(FORCED_COMMAND), str(self._tools)]
        try:
            child = await asyncio.create_subprocess_exec(
                *command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=environment
            )
        except ValueError:  # a NUL, which sshd lets nobody send either
            process.exit(REFUSED)
            return
        await process.redirect(stdin=DEVNULL, stdout=child.stdout, stderr=child.stderr)
        ends = [asyncio.ensure_future(child.wait()), asyncio.ensure_future(process.wait_closed())]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if child.returncode is not None:
                await process.stdout.drain()
                process.exit(child.returncode)
        finally:
            if child.returncode is None:  # the client has gone before the tool
                child.terminate()
                await child.wait()
            ends[1].cancel()


class _OnlyRoot(asyncssh.SSHServer):
    """Nobody but root has a key."""

    def __init__(self, keys: asyncssh.SSHAuthorizedKeys) -> None:
        self._keys = keys
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        if self._connection is not None and username == USER:
            self._connection.set_authorized_keys(self._keys)
        return True


async def _pump_both(
    connection: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    ways = [
        asyncio.ensure_future(_pump(connection.reader, writer)),
        asyncio.ensure_future(_pump(reader, connection.writer)),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
