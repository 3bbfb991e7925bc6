"""A lab of its own for contract tests: started, asked with bare requests, hurt, ended."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

SECONDS_TO_ANSWER = 60

T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """Status, reason phrase, header (lower case) and body of one answer."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The decoded body; None when it is empty."""
        return json.loads(self.body) if self.body else None

    @property
    def data(self) -> Any:
        """What is in the envelope."""
        return self.json["data"]


def free_net() -> str:
    """Three octets of a loopback net whose first node address nobody listens on.

    Processes that begin together have numbers next to each other, and must not look for a net in
    the same place in the moment before a lab listens there.
    """
    begin = os.getpid() * 29
    for number in range(begin, begin + 250):
        net = f"127.9.{number % 250}"
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex((f"{net}.20", 8006)) != 0:
                return net
    raise RuntimeError("no free loopback net")


class LabProcess:
    """One running lab."""

    def __init__(self, scenario: str = "clusterubd", speed: float = 20, *more: str) -> None:
        command = [sys.executable, "-m", "hapanel.lab", "--scenario", scenario]
        command += ["--speed", str(speed), "--net", free_net(), *more]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.ready: dict[str, Any] = json.loads(self._process.stdout.readline())
        self.speed = speed
        self.pid = self._process.pid
        self.hosts = {n["name"]: n["url"].split("/")[2].split(":")[0] for n in self.ready["nodes"]}
        self.context = ssl.create_default_context(cadata=self.ready["ca"])

    def close(self) -> int:
        """Ends it with SIGTERM; its exit status."""
        self._process.terminate()
        status = self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return status

    @property
    def operate(self) -> dict[str, str]:
        """Header of the operate token."""
        return token_header(self.ready["token_id"], self.ready["token_secret"])

    @property
    def watch(self) -> dict[str, str]:
        """Header of the watch-only token."""
        return token_header(self.ready["watch_token_id"], self.ready["watch_token_secret"])

    def sign_in(self, user: str = "root@pam", password: str | None = None) -> dict[str, str]:
        """Cookie and CSRF header of a fresh ticket."""
        secret = self.ready["root_password"] if password is None else password
        form = {"username": user, "password": secret}
        ticket = self.ask("POST", "/access/ticket", form, headers={}).data
        return {
            "Cookie": f"PVEAuthCookie={quote(ticket['ticket'], safe='')}",
            "CSRFPreventionToken": ticket["CSRFPreventionToken"],
        }

    def ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        node: str | None = None,
        timeout: float = 15,
    ) -> Answer:
        """One request on its own connection, by the operate token unless headers say otherwise."""
        host = self.hosts[node] if node else next(iter(self.hosts.values()))
        connection = http.client.HTTPSConnection(host, 8006, timeout=timeout, context=self.context)
        sent = dict(self.operate if headers is None else headers)
        target, body = f"/api2/json{quote(path, safe='/:!@?=&')}", None
        if params and method in ("GET", "DELETE"):
            target += "?" + urlencode(params)
        elif params:
            body = urlencode(params)
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        with contextlib.closing(connection):
            connection.request(method, target, body, sent)
            got = connection.getresponse()
            header = {name.lower(): value for name, value in got.getheaders()}
            return Answer(got.status, got.reason, header, got.read())

    def ctl(self, action: str, *args: str) -> dict[str, Any]:
        """One control action; raises urllib's HTTPError when it is refused."""
        request = urllib.request.Request(
            self.ready["control_url"],
            data=json.dumps({"action": action, "args": args}).encode(),
            headers={"Authorization": f"Bearer {self.ready['control_token']}"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as answer:
            return dict(json.load(answer))

    def guest(self, vmid: int) -> dict[str, Any]:
        """What the lab itself knows of a guest."""
        return dict(self.ctl("status")["guests"][str(vmid)])

    def end_of(self, upid: str) -> dict[str, Any]:
        """Follows a task to its end; its last status."""
        path = f"/nodes/{upid.split(':')[1]}/tasks/{upid}/status"
        return dict(
            eventually(lambda: _ended(self.ask("GET", path).data), seconds=SECONDS_TO_ANSWER)
        )

    def log_of(self, upid: str) -> list[str]:
        """All lines of a task's log."""
        path = f"/nodes/{upid.split(':')[1]}/tasks/{upid}/log"
        return [line["t"] for line in self.ask("GET", path, {"limit": 0}).data]


def _ended(status: dict[str, Any]) -> dict[str, Any] | None:
    return status if status["status"] == "stopped" else None


def token_header(token_id: str, secret: str) -> dict[str, str]:
    """The Authorization header of an API token."""
    return {"Authorization": f"PVEAPIToken={token_id}={secret}"}


def eventually(look: Callable[[], T | None], *, seconds: float = 10) -> T:
    """The first truthy thing that `look` sees."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@contextlib.contextmanager
def running(scenario: str = "clusterubd", speed: float = 20) -> Iterator[LabProcess]:
    """A lab for the length of a block."""
    lab = LabProcess(scenario, speed)
    try:
        yield lab
    finally:
        lab.close()
