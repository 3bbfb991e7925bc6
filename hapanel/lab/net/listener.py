"""A listening socket that can be frozen like a machine without power.

A dead machine refuses nothing: packets vanish. On loopback the nearest thing is a listening
socket whose backlog is full; Linux then drops every further SYN and the client waits.
"""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Awaitable, Callable
from enum import StrEnum

BACKLOG = 256
FILLERS = 8

Serve = Callable[["Connection"], Awaitable[None]]


class Door(StrEnum):
    """How the address behaves towards those who connect."""

    OPEN = "open"
    CLOSED = "closed"
    BLACK_HOLE = "black hole"


class Connection:
    """One accepted connection: reader, writer and the task that serves it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.task: asyncio.Task[None] | None = None

    def freeze(self) -> None:
        """Nobody serves it any more, and it is not closed: what the client sends is swallowed."""
        if self.task is not None:
            self.task.cancel()
        transport = self.writer.transport
        if isinstance(transport, asyncio.Transport) and transport.is_reading():
            transport.pause_reading()

    def reset(self) -> None:
        """Closes without a farewell."""
        if self.task is not None:
            self.task.cancel()
        self.writer.transport.abort()


class Listener:
    """An address with a door. `serve` is run for each accepted connection."""

    def __init__(
        self, host: str, port: int, serve: Serve, *, tls: ssl.SSLContext | None = None
    ) -> None:
        self.host, self.port = host, port
        self.door = Door.CLOSED
        self._serve = serve
        self.tls = tls
        self._socket: socket.socket | None = None
        self._acceptor: asyncio.Task[None] | None = None
        self._connections: set[Connection] = set()
        self._frozen: set[Connection] = set()
        self._fillers: list[socket.socket] = []
        self._opening: set[asyncio.Task[None]] = set()

    def set_door(self, door: Door) -> None:
        """Opens, closes or freezes; the connections follow."""
        if door is self.door:
            return
        self._leave_black_hole()
        match door:
            case Door.OPEN:
                self._open()
            case Door.CLOSED:
                self.drop_connections()
                self._close_socket()
            case Door.BLACK_HOLE:
                self._freeze()
        self.door = door

    def drop_connections(self) -> None:
        """Resets every connection."""
        for connection in list(self._connections):
            connection.reset()
        self._connections.clear()

    def _listen(self, backlog: int) -> socket.socket:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.setblocking(False)
            self._socket.bind((self.host, self.port))
            self.port = self._socket.getsockname()[1]
        self._socket.listen(backlog)
        return self._socket

    def _open(self) -> None:
        listening = self._listen(BACKLOG)
        self._acceptor = asyncio.get_running_loop().create_task(self._accept(listening))

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, _ = await loop.sock_accept(listening)
            except OSError as fault:
                if fault.errno in (errno.EMFILE, errno.ENFILE):
                    await asyncio.sleep(0.1)
                    continue
                return
            opening = loop.create_task(self._welcome(accepted))
            self._opening.add(opening)
            opening.add_done_callback(self._opening.discard)

    async def _welcome(self, accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=64 * 1024)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol, accepted, ssl=self.tls
            )
        except (OSError, ssl.SSLError):
            accepted.close()
            return
        connection = Connection(reader, asyncio.StreamWriter(transport, protocol, reader, loop))
        if self.door is not Door.OPEN:
            self._frozen.add(connection)
            connection.freeze()
            return
        self._connections.add(connection)
        connection.task = loop.create_task(self._attend(connection))

    async def _attend(self, connection: Connection) -> None:
        try:
            await self._serve(connection)
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError, ssl.SSLError):
            pass
        except asyncio.CancelledError:
            return
        finally:
            self._connections.discard(connection)
        connection.writer.close()
        with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
            await asyncio.wait_for(connection.writer.wait_closed(), 2)

    def _freeze(self) -> None:
        self._stop_accepting()
        for connection in list(self._connections):
            self._frozen.add(connection)
            connection.freeze()
        self._connections.clear()
        self._listen(0)
        for _ in range(FILLERS):
            filler = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect((self.host, self.port))
            self._fillers.append(filler)

    def _leave_black_hole(self) -> None:
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()
        for connection in self._frozen:
            connection.writer.transport.abort()
        self._frozen.clear()

    def _stop_accepting(self) -> None:
        if self._acceptor is not None:
            self._acceptor.cancel()
            self._acceptor = None

    def _close_socket(self) -> None:
        self._stop_accepting()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
