"""The tools folder of a node: small programs that ask the lab, by a socket beside them."""

import asyncio
import contextlib
import socket
import sys
from pathlib import Path

from hapanel.lab.drbd.events import Stream
from hapanel.lab.drbd.tools import NodeTools

# Started for every command, so it imports next to nothing: json and socket alone take 40 ms.
PROGRAM = '''#!{python} -IS
"""A tool of a lab node: says to the lab how it was called and repeats its answer."""
import _signal, _socket, os, sys

_signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)
folder, name = os.path.split(sys.argv[0])
os.chdir(folder)
lab = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
lab.connect("lab.socket")
lab.sendall("\\0".join([name, *sys.argv[1:]]).encode() + b"\\n")
answer = open(lab.fileno(), "rb", closefd=False)
while header := answer.readline():
    where, number = header.split()
    if where == b"exit":
        sys.exit(int(number))
    stream = sys.stdout.buffer if where == b"out" else sys.stderr.buffer
    stream.write(answer.read(int(number)))
    stream.flush()
sys.exit(1)
'''


def _frame(where: str, text: str) -> bytes:
    body = text.encode()
    return f"{where} {len(body)}\n".encode() + body


class ToolServer:
    """Answers the programs of one node; streams stay open until their reader goes."""

    def __init__(self, tools: NodeTools, folder: Path) -> None:
        self._tools = tools
        self.folder = folder
        self._streams: set[Stream] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._write_programs()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with contextlib.chdir(folder):  # a socket's path may have 107 bytes, a folder's more
            self._socket.bind("lab.socket")
        self._socket.listen()
        self._opening = asyncio.get_running_loop().create_task(self._open())

    def _write_programs(self) -> None:
        self.folder.mkdir(parents=True)
        for name in self._tools.names:
            path = self.folder / name
            path.write_text(PROGRAM.format(python=sys.executable))
            path.chmod(0o755)

    async def _open(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, sock=self._socket)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            tool, *words = (await reader.readline()).decode().rstrip("\n").split("\0")
            if self._tools.is_followed(tool, words):
                await self._follow(words, reader, writer)
            else:
                answer = self._tools.run(tool, words)
                writer.write(_frame("out", answer.stdout) + _frame("err", answer.stderr))
                writer.write(f"exit {answer.exit}\n".encode())
                await writer.drain()
        except (ConnectionError, ValueError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _follow(
        self, words: list[str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        def emit(line: str) -> None:
            writer.write(_frame("out", line))

        stream = self._tools.stream(words, emit)
        stream.begin()
        self._streams.add(stream)
        try:
            await reader.read()  # until the program ends
        finally:
            self._streams.discard(stream)

    def changed(self) -> None:
        """Tells every stream."""
        for stream in self._streams:
            stream.follow()

    def tick(self) -> None:
        """Lets streams tell of progress."""
        for stream in self._streams:
            stream.tick()

    async def close(self) -> None:
        """Ends the server; the folder is its owner's."""
        self._opening.cancel()
        if self._server is not None:
            self._server.close()
        with contextlib.suppress(OSError):
            self._socket.close()
