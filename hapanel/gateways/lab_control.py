"""The way to a lab's control server: plain HTTP with a bearer token (docs/lab.md, "Hurting it")."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import msgspec

from hapanel.ports.errors import BadRequest, ClusterError, Garbage, SignInRefused, Unreachable
from hapanel.ports.lab import LabPicture

TIMEOUT_SECONDS = 5.0
OK, UNAUTHORIZED = 200, 401


@dataclass(frozen=True, slots=True)
class LabControlGateway:
    """Fulfils `hapanel.ports.lab.LabControl` with one short connection for each request."""

    url: str
    token: str = field(repr=False)

    def look(self) -> LabPicture:
        """How the lab is now. Raises ClusterError."""
        try:
            return msgspec.json.decode(self._ask("GET"), type=LabPicture)
        except msgspec.DecodeError as odd:
            raise Garbage(f"no lab answers at {self.url}: {odd}", address=self.url) from odd

    def do(self, action: str, *args: str) -> None:
        """Carry out one action. Raises ClusterError."""
        self._ask("POST", json.dumps({"action": action, "args": args}))

    def _ask(self, method: str, body: str | None = None) -> bytes:
        """The body of a good answer; no proxy is ever asked, the lab is near."""
        place = urlsplit(self.url)
        headers = {"Authorization": f"Bearer {self.token}", "Connection": "close"}
        line = http.client.HTTPConnection(place.hostname or "", place.port, timeout=TIMEOUT_SECONDS)
        try:
            with closing(line):
                line.request(method, place.path or "/", body, headers)
                answer = line.getresponse()
                told = answer.read()
        except (OSError, http.client.HTTPException) as fault:
            happened = body is not None and not isinstance(fault, ConnectionRefusedError)
            raise Unreachable(str(fault), address=self.url, may_have_happened=happened) from fault
        if answer.status != OK:
            raise self._refused(answer.status, told)
        return told

    def _refused(self, status: int, told: bytes) -> ClusterError:
        try:
            reason = str(json.loads(told)["error"])
        except (ValueError, LookupError, TypeError):
            reason = f"{self.url} answers {status}, but is no lab"
            return Garbage(reason, status=status, address=self.url)
        kind = SignInRefused if status == UNAUTHORIZED else BadRequest
        return kind(reason, status=status, address=self.url)
