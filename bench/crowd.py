"""A crowd of viewers: open event streams that are read, and when each of them heard a hint."""

from __future__ import annotations

import selectors
import socket
import time
from types import TracebackType
from typing import Self

from bench.goals import percentile
from hapanel.live.stream import Kind, publish

HEAD = (
    "GET /api/v1/events/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    "Authorization: Bearer {token}\r\nAccept: text/event-stream\r\n\r\n"
)
AT_ONCE = 100
OPENING_SECONDS = 60.0
HEARING_SECONDS = 20.0


class Crowd:
    """So many event streams, for the length of a with-block."""

    def __init__(self, port: int, token: str, viewers: int) -> None:
        self._head = HEAD.format(port=port, token=token).encode()
        self._port = port
        self._viewers = viewers
        self._selector = selectors.DefaultSelector()
        self._heard: dict[int, bytes] = {}

    def __enter__(self) -> Self:
        """Open them, some at a time, as browsers come."""
        while len(self._selector.get_map()) < self._viewers:
            missing = self._viewers - len(self._selector.get_map())
            fresh = [self._open() for _ in range(min(AT_ONCE, missing))]
            self._await(b"200 OK", {viewer.fileno() for viewer in fresh}, OPENING_SECONDS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def _open(self) -> socket.socket:
        viewer = socket.create_connection(("127.0.0.1", self._port), 10)
        viewer.sendall(self._head)
        viewer.setblocking(False)
        self._selector.register(viewer, selectors.EVENT_READ)
        self._heard[viewer.fileno()] = b""
        return viewer

    def hear(self, cluster: str, key: str) -> list[float]:
        """Send one hint; seconds until each viewer had it."""
        self._drain()
        began = time.monotonic()
        publish([(cluster, Kind.GUEST, key)])
        everybody = set(self._heard)
        return [at - began for at in self._await(key.encode(), everybody, HEARING_SECONDS)]

    def _await(self, word: bytes, waiting: set[int], seconds: float) -> list[float]:
        """Until all of these have been sent the word; when each had it."""
        deadline, found = time.monotonic() + seconds, []
        while waiting:
            if time.monotonic() > deadline:
                raise SystemExit(f"{len(waiting)} of {len(self._heard)} streams missed {word!r}")
            for number in self._read(1.0):
                if number in waiting and word in self._heard[number]:
                    waiting.remove(number)
                    found.append(time.monotonic())
        return found

    def _drain(self) -> None:
        """Forget what was said before."""
        self._read(0)
        self._heard = dict.fromkeys(self._heard, b"")

    def _read(self, seconds: float) -> list[int]:
        """Take in what has come; the streams that said something."""
        spoke = []
        for key, _ in self._selector.select(seconds):
            said = key.fileobj.recv(65536)  # type: ignore[union-attr]
            if not said:
                raise SystemExit("the panel ended a stream")
            self._heard[key.fd] = (self._heard[key.fd] + said)[-4096:]
            spoke.append(key.fd)
        return spoke

    def idle(self, seconds: float) -> None:
        """Go on reading for a while, as browsers do."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._read(min(left, 0.5))
            self._heard = dict.fromkeys(self._heard, b"")


def fan_out(crowd: Crowd, cluster: str, hints: int) -> float:
    """The time in which 95 % of the viewers have a hint, in seconds."""
    times: list[float] = []
    for number in range(hints):
        times += crowd.hear(cluster, f"{9_000_000 + number}")
        crowd.idle(0.3)
    return percentile(times, 0.95)
