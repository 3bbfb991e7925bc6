"""Event streams of clients that take nothing give their place back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hapanel.access import Permission
from hapanel.live import sse
from hapanel.live.hub import Subscriber
from hapanel.live.sse import EventStreams


class OnePlace:
    """The hub's side of one stream."""

    def __init__(self) -> None:
        self.open = 0

    async def subscribe(self, permissions: frozenset[Permission]) -> Subscriber:
        self.open += 1
        return Subscriber(permissions)

    def unsubscribe(self, _subscriber: Subscriber) -> None:
        self.open -= 1

    async def newest_id(self) -> str:
        return ""


async def _never(*_message: Any) -> Any:
    await asyncio.sleep(3600)


async def _takes_no_body(message: Any) -> None:
    if message["type"] == "http.response.body":
        await _never()


def test_a_client_that_takes_nothing_loses_its_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "SEND_SECONDS", 0.05)
    hub: Any = OnePlace()
    streams = EventStreams(hub, lambda _headers: frozenset(Permission))
    scope = {"type": "http", "method": "GET", "path": sse.PATH, "headers": [], "query_string": b""}

    async def visit() -> None:
        async with asyncio.timeout(5):
            await streams(scope, _never, _takes_no_body)

    asyncio.run(visit())
    assert hub.open == 0
