"""The tools folder of a node: small programs that ask the lab, by a socket beside them."""

import asyncio
import contextlib
import json
import socket
import sys
from pathlib import Path

from hapanel.lab.drbd.events import Stream
from hapanel.lab.drbd.tools import NodeTools

PROGRAM = '''#!{python} -IS
"""A tool of a lab node: says to the lab how it was called and repeats its answer."""
import json, os, signal, socket, sys

signal.signal(signal.SIGPIPE, signal.SIG_DFL)
folder, name = os.path.split(sys.argv[0])
os.chdir(folder)
lab = socket.socket(socket.AF_UNIX)
lab.connect("lab.socket")
lab.sendall(json.dumps([name, sys.argv[1:]]).encode() + b"\\n")
for line in lab.makefile("r"):
    where, what = json.loads(line)
    if where == "exit":
        sys.exit(what)
    print(what, end="", file=sys.stdout if where == "out" else sys.stderr, flush=True)
sys.exit(1)
'''


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
            tool, words = json.loads(await reader.readline())
            if self._tools.is_followed(tool, words):
                await self._follow(words, reader, writer)
            else:
                answer = self._tools.run(tool, words)
                for frame in (
                    ["out", answer.stdout],
                    ["err", answer.stderr],
                    ["exit", answer.exit],
                ):
                    writer.write(json.dumps(frame).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _follow(
        self, words: list[str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        def emit(line: str) -> None:
            writer.write(json.dumps(["out", line]).encode() + b"\n")

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
