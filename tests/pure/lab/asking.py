"""Asks a story's nodes as a client would, without sockets: virtual time stays virtual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from hapanel.lab.faults import ApiFault
from hapanel.lab.net.http import Request, Response
from hapanel.lab.server import NodeApi
from tests.pure.lab.stories import Story

ROOT = "root@pam"


class Client:
    """root@pam, who signed in a moment ago, or whoever `headers` say."""

    def __init__(self, story: Story) -> None:
        self._story = story
        faults = {name: ApiFault() for name in story.world.nodes}
        self._apis = {name: NodeApi(name, story.cluster, faults) for name in story.world.nodes}

    async def ask(
        self,
        node: str,
        method: str,
        path: str,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """The answer of that node."""
        form = urlencode({name: str(value) for name, value in (params or {}).items()})
        as_query = method in ("GET", "DELETE")
        request = Request(
            method,
            f"/api2/json{path}",
            form if as_query else "",
            self._as_root() if headers is None else headers,
            b"" if as_query else form.encode(),
        )
        return await self._apis[node].answer(request)

    async def data(self, node: str, method: str, path: str, /, **params: object) -> Any:
        """What is in the envelope of an answer that must be good."""
        answer = await self.ask(node, method, path, params)
        assert answer.status == 200, (method, path, answer.status, answer.reason)
        return msgspec.json.decode(answer.body)["data"]

    def _as_root(self) -> dict[str, str]:
        ticket, csrf = self._story.cluster.tickets.issue(ROOT, self._story.world.now())
        return {"cookie": f"PVEAuthCookie={quote(ticket, safe='')}", "csrfpreventiontoken": csrf}
