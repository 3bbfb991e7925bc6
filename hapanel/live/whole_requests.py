"""Requests reach a thread only when they are there as a whole.

Pages run in a few threads. One that waited there for a body that comes a byte a minute would be
lost to everybody else, and a dozen of them would be the end of the panel; here waiting costs a
coroutine. The panel takes no files, so what is larger than any of its forms is refused unread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

# The API's own limit is lower; the largest form holds a certificate, percent-encoded.
LARGEST_BODY = 256 * 1024
BODY_SECONDS = 20.0

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


class WholeRequests:
    """The ASGI application `inner` behind a reader of bodies.

    `seconds`: how long a body may take. 408 when it takes longer, 413 beyond LARGEST_BODY bytes.
    """

    def __init__(self, inner: Any, seconds: float = BODY_SECONDS) -> None:
        self._inner = inner
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body, then let `inner` answer."""
        headers = _unambiguous(scope["headers"])
        try:
            async with asyncio.timeout(self._seconds):
                body = await _body(headers, receive)
        except TimeoutError:
            return await _refuse(send, 408, b"The request did not come to its end.\n")
        except _TooLarge:
            return await _refuse(send, 413, b"The request is too large.\n")
        except _Gone:
            return None
        await self._inner({**scope, "headers": headers}, _Replay(body, receive), send)
        return None


class _TooLarge(Exception):
    """The body is larger than anything that makes sense."""


class _Gone(Exception):
    """The sender left before the end of its request."""


class _Replay:
    """`receive` as the server gives it, with the body in one piece."""

    def __init__(self, body: bytes, rest: Receive) -> None:
        self._body: bytes | None = body
        self._rest = rest

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._rest()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


def _unambiguous(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Without names that have an underscore: WSGI takes `x_forwarded_for` for the header of nearly
    that name, which is the proxy's to set."""
    return [(name, value) for name, value in headers if b"_" not in name]


async def _body(headers: Headers, receive: Receive) -> bytes:
    """The whole body. Raises _TooLarge and _Gone."""
    named = dict(headers)
    if int(named.get(b"content-length", b"0")) > LARGEST_BODY:
        raise _TooLarge
    body = bytearray()
    more = b"content-length" in named or b"transfer-encoding" in named
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        body += message.get("body", b"")
        if len(body) > LARGEST_BODY:
            raise _TooLarge
        more = message.get("more_body", False)
    return bytes(body)


async def _refuse(send: Send, status: int, words: bytes) -> None:
    """Answer and hang up, so that the rest of the body is not read either."""
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(words)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": words, "more_body": False})
