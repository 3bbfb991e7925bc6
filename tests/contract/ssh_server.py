"""A node's sshd for tests: answers the panel's commands from a table, or misbehaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property

import asyncssh

from hapanel.gateways.drbd_ssh.connection import host_key_of
from hapanel.ports.node_shell import HostKey, NodeDoor, SshLogin

Process = asyncssh.SSHServerProcess[bytes]
Act = Callable[[Process], Awaitable[None]]

VERSION = "hapanel-node-command 1\n"
EMPTY = {"version": VERSION, "cat /proc/drbd": "version: 9.2.18 (api:2/proto:86-122)\n"}
JSON = "drbdsetup status --json --verbose --statistics"


async def hang(process: Process) -> None:
    """Take the command and say nothing, for ever."""
    del process
    await asyncio.sleep(3600)


def failing(exit_code: int, stderr: str) -> Act:
    """End with this exit code and these words."""

    async def act(process: Process) -> None:
        process.stderr.write(stderr.encode())
        process.exit(exit_code)

    return act


def flooding(size: int) -> Act:
    """Say far too much."""

    async def act(process: Process) -> None:
        for _ in range(size // 65536):
            process.stdout.write(b"x" * 65536)
            await process.stdout.drain()
        process.exit(0)

    return act


@dataclass
class SshNode:
    """One server; `says` maps a command to its stdout or to what it does."""

    says: dict[str, str | Act] = field(default_factory=lambda: dict(EMPTY))
    asked: list[str] = field(default_factory=list)
    environments: list[dict[str, str]] = field(default_factory=list)
    port: int = 0
    signed_in: int = 0

    @cached_property
    def host_private(self) -> asyncssh.SSHKey:
        return asyncssh.generate_private_key("ssh-ed25519")

    @cached_property
    def client_private(self) -> asyncssh.SSHKey:
        return asyncssh.generate_private_key("ssh-ed25519")

    @property
    def host_key(self) -> HostKey:
        return host_key_of(self.host_private.convert_to_public())

    @property
    def login(self) -> SshLogin:
        key = self.client_private.export_private_key().decode()
        return SshLogin(user="hapanel", private_key=key)

    def door(self, host_key: HostKey | None) -> NodeDoor:
        return NodeDoor(node="master", host="127.0.0.1", port=self.port, host_key=host_key)

    async def answer(self, process: Process) -> None:
        self.asked.append(process.command or "")
        self.environments.append(dict(process.env))
        said = self.says.get(process.command or "")
        if said is None:
            process.stderr.write(b"hapanel-node-command: refused: no such command in the list\n")
            process.exit(126)
        elif isinstance(said, str):
            process.stdout.write(said.encode())
            process.exit(0)
        else:
            await said(process)


@asynccontextmanager
async def listening(node: SshNode) -> AsyncIterator[SshNode]:
    """The server on a port of its own for the block."""

    class Door(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return True

        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
            node.signed_in += 1
            return bool(key == node.client_private.convert_to_public())

    server = await asyncssh.create_server(
        Door,
        "127.0.0.1",
        0,
        server_host_keys=[node.host_private],
        process_factory=node.answer,
        encoding=None,
        config=None,
    )
    node.port = server.sockets[0].getsockname()[1]
    try:
        yield node
    finally:
        server.close()
