"""/api/v1/events/: server-sent events as a raw ASGI application.

A stream costs a coroutine and a queue, no thread and no database connection: who is there is
looked up in a thread when the stream opens and about once a minute, so the stream of somebody who
signed out ends.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Protocol
from urllib.parse import parse_qs

from hapanel.access import Permission
from hapanel.kernel.refusal import Refusal
from hapanel.live.hub import Hub, HubUnavailable, Subscriber
from hapanel.rest import refusals as no
from hapanel.rest.problem import MEDIA_TYPE, problem

PATH = "/api/v1/events/"
KEEP_ALIVE_SECONDS = 15.0
CHECK_SECONDS = 60.0
# A browser that takes nothing for so long is gone, whatever TCP says.
SEND_SECONDS = 30.0
RETRY_MS = 2000
CHALLENGE = b'Bearer realm="HA Panel"'

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = dict[str, str]


class Who(Protocol):
    """Finds out who sent these headers: what she may see; None when nobody is signed in.

    Blocks on the database.
    """

    def __call__(self, headers: Headers) -> frozenset[Permission] | None: ...


class EventStreams:
    """The ASGI application; `who` knows people, `hub` has the hints."""

    def __init__(self, hub: Hub, who: Who) -> None:
        self._hub = hub
        self._who = who
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="events-who")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request for events."""
        if scope["method"] != "GET":
            return await _refuse(
                send, no.METHOD_NOT_ALLOWED(method=scope["method"]), (b"allow", b"GET")
            )
        headers = _headers(scope["headers"])
        permissions = await self._permissions(headers)
        if permissions is None:
            return await _refuse(send, no.NOT_SIGNED_IN(), (b"www-authenticate", CHALLENGE))
        if not permissions:
            return await _refuse(send, no.ROLE_LACKS())
        try:
            subscriber = await self._hub.subscribe(permissions)
        except HubUnavailable:
            return await _refuse(send, no.PANEL_INCOMPLETE(), (b"retry-after", b"5"))
        try:
            greeting = await self._greeting(subscriber, _last_id(scope, headers))
        except HubUnavailable:
            self._hub.unsubscribe(subscriber)
            return await _refuse(send, no.PANEL_INCOMPLETE(), (b"retry-after", b"5"))
        try:
            await self._stream(subscriber, headers, greeting, receive, send)
        finally:
            self._hub.unsubscribe(subscriber)
        return None

    async def _permissions(self, headers: Headers) -> frozenset[Permission] | None:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._who, headers)

    async def _greeting(self, subscriber: Subscriber, last_id: str) -> bytes:
        """The first bytes: how soon to come again, and what was missed or where to resume."""
        hello = f"retry: {RETRY_MS}\n\n".encode()
        if last_id:
            return hello + await self._hub.missed(subscriber, last_id)
        newest = await self._hub.newest_id()
        # An id without data is no event, but the browser remembers it.
        return hello + (f"id: {newest}\n\n".encode() if newest else b"")

    async def _stream(
        self,
        subscriber: Subscriber,
        headers: Headers,
        greeting: bytes,
        receive: Receive,
        send: Send,
    ) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    (b"content-type", b"text/event-stream; charset=utf-8"),
                    (b"cache-control", b"no-store"),
                    (b"x-content-type-options", b"nosniff"),
                    (b"x-accel-buffering", b"no"),
                ],
            }
        )
        sides = [
            asyncio.create_task(_until_disconnected(receive)),
            asyncio.create_task(self._until_refused(headers, subscriber.permissions)),
            asyncio.create_task(_pump(subscriber, greeting, send)),
        ]
        try:
            await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for side in sides:
                side.cancel()
            await asyncio.gather(*sides, return_exceptions=True)
        with suppress(TimeoutError):  # whoever takes nothing does not hear of the end either
            await _send_in_time(send, b"", more=False)

    async def _until_refused(self, headers: Headers, granted: frozenset[Permission]) -> None:
        """Returns when the person signed out, was removed, or has another role by now."""
        while True:
            # Spread, so that a thousand streams do not ask in the same instant.
            await asyncio.sleep(CHECK_SECONDS * random.uniform(0.75, 1.25))  # noqa: S311
            if await self._permissions(headers) != granted:
                return


async def _pump(subscriber: Subscriber, greeting: bytes, send: Send) -> None:
    """Send what comes. Time is kept without a task of its own for each frame: with thousands of
    streams those cost as much as the sending.
    """
    await _send_in_time(send, greeting)
    while True:
        try:
            async with asyncio.timeout(KEEP_ALIVE_SECONDS):
                frame = await subscriber.get()
        except TimeoutError:
            # An event and not a comment: a browser sees only events, and has to tell a stream
            # on which nothing happens from one that was cut without a word.
            frame = b"event: alive\ndata: {}\n\n"
        if frame is None:
            return
        await _send_in_time(send, frame)


async def _until_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_in_time(send: Send, body: bytes, *, more: bool = True) -> None:
    """Raises TimeoutError when the client takes nothing."""
    async with asyncio.timeout(SEND_SECONDS):
        await _send_body(send, body, more=more)


async def _send_body(send: Send, body: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def _refuse(send: Send, refusal: Refusal, *headers: tuple[bytes, bytes]) -> None:
    """Answer as the whole API does when it says no."""
    body = json.dumps(problem([refusal])).encode()
    own = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    status = refusal.status
    await send({"type": "http.response.start", "status": status, "headers": [*own, *headers]})
    await _send_body(send, body, more=False)


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> Headers:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in raw}


def _last_id(scope: Scope, headers: Headers) -> str:
    """From the header that browsers send by themselves, or from ?last_event_id=."""
    if given := headers.get("last-event-id"):
        return given
    query = parse_qs(bytes(scope.get("query_string", b"")).decode("latin-1"))
    return query.get("last_event_id", [""])[0]
