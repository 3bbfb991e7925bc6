"""The upstream server as the benchmarks use it: started, steered and ended."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import msgspec
import urllib3

TOKEN_ID, TOKEN_SECRET = "bench@pve!panel", "00000000-0000-4000-8000-000000000000"


class Served:
    """A made-up cluster behind TLS, for the length of a with-block."""

    def __init__(self, nodes: int = 32, guests: int = 10_000) -> None:
        words = ["-m", "bench.upstream", "--nodes", str(nodes), "--guests", str(guests)]
        self._process = subprocess.Popen(
            [sys.executable, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        ready = json.loads(self._process.stdout.readline())
        self.url: str = ready["url"]
        self.ca: str = ready["ca"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self.ca)

    def steer(self, path: str) -> dict[str, int]:
        """Ask something of /bench/; calls that came in so far, connections open now and at most."""
        with urllib.request.urlopen(f"{self.url}/bench/{path}", context=self._context()) as answer:
            told: dict[str, int] = json.loads(answer.read())
        return told

    def fail(self, status: int) -> None:
        """Answer every call with this status from now on; 0: well again."""
        self.steer(f"fail?{status}")

    def change(self, share: float) -> None:
        """Change this share of the guests."""
        self.steer(f"change?{share}")

    def calls_per_second(
        self, seconds: float, meanwhile: Callable[[float], None] = time.sleep
    ) -> float:
        """How many calls come in, averaged over some seconds in which `meanwhile` is done."""
        before, began = self.steer("count")["calls"], time.monotonic()
        meanwhile(seconds)
        return (self.steer("count")["calls"] - before) / (time.monotonic() - began)


class Bare:
    """The floor: one kept TLS connection without any panel around it."""

    def __init__(self, url: str, ca: str, headers: Mapping[str, str] | None = None) -> None:
        place, context = urlsplit(url), ssl.create_default_context(cadata=ca)
        self._headers = headers
        self._pool = urllib3.HTTPSConnectionPool(
            str(place.hostname), place.port, ssl_context=context, maxsize=1
        )

    def fetch(self) -> bytes:
        """The body of /cluster/resources."""
        path = "/api2/json/cluster/resources"
        answer = self._pool.request("GET", path, headers=self._headers)
        if answer.status != 200:
            raise SystemExit(f"{path} answered {answer.status}")
        return answer.data


class Row(msgspec.Struct, gc=False):
    """What anybody who decodes the answer into types has to read of a row."""

    id: str
    type: str
    node: str = ""
    status: str = ""
    vmid: int | None = None
    name: str | None = None
    hastate: str | None = None
    lock: str | None = None
    tags: str = ""
    template: bool = False
    cpu: float | None = None
    maxcpu: float | None = None
    mem: int | None = None
    maxmem: int | None = None
    disk: int | None = None
    maxdisk: int | None = None
    uptime: int | None = None
    netin: int | None = None
    netout: int | None = None


class Rows(msgspec.Struct, gc=False):
    """The envelope."""

    data: list[Row]


DECODER = msgspec.json.Decoder(Rows, strict=False)
