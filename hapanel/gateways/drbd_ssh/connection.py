"""One ssh connection: who answers is proved first, and nothing of this machine's user takes part.

No agent, no configuration file, no known_hosts and no environment variable is read or sent. What
the node says is bounded in time and size, whatever it is.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass

import asyncssh

from hapanel.ports.errors import (
    Garbage,
    SignInRefused,
    Unreachable,
)
from hapanel.ports.node_shell import HostKey, NodeDoor, SshLogin
from hapanel.ports.ssh_errors import (
    SILENT,
    HostKeyChanged,
    HostKeyUnknown,
)

CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 8.0
# A connection that is cut without a word is noticed after at most so many of these.
KEEPALIVE_SECONDS, KEEPALIVES = 2.0, 2
# The status of 200 resources takes less than half of it.
MOST_BYTES = 4 * 1024 * 1024
LONGEST_LINE = 16 * 1024

# asyncssh tells of each connection and each command at INFO.
logging.getLogger("asyncssh").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Output:
    """What a command left behind. `exit` is None when a signal ended it."""

    stdout: bytes
    stderr: bytes
    exit: int | None


class _Proof(asyncssh.SSHClient):
    """Compares the key that a node shows with the pinned one; remembers what was seen."""

    def __init__(self, pinned: HostKey | None) -> None:
        self._pinned = pinned
        self.seen: HostKey | None = None

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        del host, addr, port
        self.seen = host_key_of(key)
        return self._pinned is not None and self.seen.key == self._pinned.key


def host_key_of(key: asyncssh.SSHKey) -> HostKey:
    """A public key as it is recorded: without the comment, which says nothing."""
    words = key.export_public_key("openssh").decode().split()
    return HostKey(key=" ".join(words[:2]), fingerprint=key.get_fingerprint("sha256"))


def address_of(door: NodeDoor) -> str:
    """The door as errors name it."""
    host = f"[{door.host}]" if ":" in door.host else door.host
    return f"ssh://{host}:{door.port}"


async def show_host_key(door: NodeDoor) -> HostKey:
    """The key that answers at `door`. Nobody signs in. Raises Unreachable."""
    address = address_of(door)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            key = await asyncssh.get_server_host_key(door.host, door.port, config=None)
    except TimeoutError as error:
        raise Unreachable(SILENT, address=address) from error
    except (OSError, asyncssh.Error) as error:
        raise Unreachable(_words(error), address=address) from error
    if key is None:
        raise Unreachable("it shows no host key", address=address)
    return host_key_of(key)


class Connection:
    """A connection that stands; made by `connect`."""

    def __init__(self, connection: asyncssh.SSHClientConnection, address: str) -> None:
        self._connection = connection
        self.address = address

    async def run(self, command: str) -> Output:
        """Run one command to its end. Raises Unreachable when that takes too long or the
        connection is cut, Garbage when it says too much."""
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                return await self._run(command)
        except TimeoutError as error:
            # What hangs once hangs again: the whole connection is given up.
            self._connection.abort()
            raise Unreachable(f"`{command}` does not end", address=self.address) from error
        except (OSError, asyncssh.Error) as error:
            raise Unreachable(_words(error), address=self.address) from error

    async def _run(self, command: str) -> Output:
        process = await self._connection.create_process(
            command, encoding=None, stdin=asyncssh.DEVNULL, send_env=(), env=()
        )
        try:
            stdout, stderr = await asyncio.gather(
                self._all_of(process.stdout), self._all_of(process.stderr)
            )
            await process.wait_closed()
        finally:
            process.close()
        return Output(stdout, stderr, process.exit_status)

    async def _all_of(self, reader: asyncssh.SSHReader[bytes]) -> bytes:
        pieces, size = [], 0
        while piece := await reader.read(65536):
            size += len(piece)
            if size > MOST_BYTES:
                raise Garbage(f"more than {MOST_BYTES} bytes", address=self.address)
            pieces.append(piece)
        return b"".join(pieces)

    async def lines(self, command: str) -> AsyncGenerator[bytes, None]:
        """The lines of a command that does not end by itself, as they come.

        Raises Unreachable when the connection is cut, Garbage for a line without an end.
        """
        try:
            process = await self._connection.create_process(
                command, encoding=None, stdin=asyncssh.DEVNULL, send_env=(), env=()
            )
            async with process:
                async with aclosing(self._lines_of(process.stdout)) as lines:
                    async for line in lines:
                        yield line
                said = (await process.stderr.read(LONGEST_LINE)).decode(errors="replace")
        except (OSError, asyncssh.Error) as error:
            raise Unreachable(_words(error), address=self.address) from error
        status = process.exit_status
        raise Unreachable(
            f"`{command}` ended ({status}): {said.strip()[:200]}", address=self.address
        )

    async def _lines_of(self, reader: asyncssh.SSHReader[bytes]) -> AsyncGenerator[bytes, None]:
        rest = b""
        while piece := await reader.read(65536):
            *whole, rest = (rest + piece).split(b"\n")
            for line in whole:
                yield line
            if len(rest) > LONGEST_LINE:
                raise Garbage("a line without an end", address=self.address)

    async def close(self) -> None:
        """End it; a node that hangs is not waited for."""
        self._connection.close()
        with suppress(TimeoutError, OSError, asyncssh.Error):
            async with asyncio.timeout(1.0):
                await self._connection.wait_closed()
        self._connection.abort()


async def connect(login: SshLogin, door: NodeDoor) -> Connection:
    """Connect, let the node prove itself, sign in. Raises HostKeyUnknown, HostKeyChanged,
    SignInRefused or Unreachable."""
    address = address_of(door)
    if door.host_key is None:
        seen = await show_host_key(door)
        raise HostKeyUnknown(seen=seen.fingerprint, address=address)
    proof = _Proof(door.host_key)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            connection = await _open(login, door, proof)
    except TimeoutError as error:
        raise Unreachable(SILENT, address=address) from error
    except asyncssh.HostKeyNotVerifiable as error:
        raise await _why_not_verified(door, proof, error) from error
    except asyncssh.KeyExchangeFailed as error:
        # It has no key of the pinned kind any more.
        raise await _why_not_verified(door, proof, error) from error
    except asyncssh.PermissionDenied as error:
        raise SignInRefused(f"{login.user} is refused", address=address) from error
    except (OSError, asyncssh.Error) as error:
        raise Unreachable(_words(error), address=address) from error
    return Connection(connection, address)


async def _open(login: SshLogin, door: NodeDoor, proof: _Proof) -> asyncssh.SSHClientConnection:
    try:
        key = asyncssh.import_private_key(login.private_key)
    except (asyncssh.KeyImportError, ValueError) as error:
        raise SignInRefused("the private key cannot be read", address=address_of(door)) from error
    assert door.host_key is not None
    return await asyncssh.connect(
        door.host,
        door.port,
        client_factory=lambda: proof,
        username=login.user,
        client_keys=[key],
        preferred_auth="publickey",
        known_hosts=([], [], []),
        server_host_key_algs=_algorithms(door.host_key),
        x509_trusted_certs=None,
        config=None,
        agent_path=None,
        password=None,
        gss_host=None,
        send_env=(),
        env=(),
        connect_timeout=CONNECT_SECONDS,
        login_timeout=CONNECT_SECONDS,
        keepalive_interval=KEEPALIVE_SECONDS,
        keepalive_count_max=KEEPALIVES,
    )


def _algorithms(pinned: HostKey) -> list[str]:
    """A node has several host keys; asked for the kind that was pinned it shows that one."""
    kind = pinned.key.split(" ", 1)[0]
    return ["rsa-sha2-512", "rsa-sha2-256"] if kind == "ssh-rsa" else [kind]


async def _why_not_verified(door: NodeDoor, proof: _Proof, error: Exception) -> Unreachable:
    seen = proof.seen or await show_host_key(door)
    pinned = door.host_key
    if pinned is None or seen.key == pinned.key:
        return Unreachable(_words(error), address=address_of(door))
    return HostKeyChanged(
        pinned=pinned.fingerprint, seen=seen.fingerprint, address=address_of(door)
    )


def _words(error: Exception) -> str:
    """What the network or ssh says, in its own short words."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    return (str(error) or type(error).__name__)[:200]
