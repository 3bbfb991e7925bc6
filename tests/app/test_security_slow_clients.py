"""Clients that send or read a byte a minute wait by themselves, and keep nobody else waiting."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest
from a2wsgi import WSGIMiddleware

from hapanel.live.whole_requests import LARGEST_BODY, WholeRequests

Message = MutableMapping[str, Any]
SECONDS = 0.2


class Server:
    """What an ASGI server does for one request: hands in `pieces`, takes the answer."""

    def __init__(self, *pieces: bytes, headers: dict[str, str] | None = None) -> None:
        self.sent: list[Message] = []
        self._pieces = list(pieces)
        given = {"content-length": str(sum(map(len, pieces)))} if headers is None else headers
        self.scope: Message = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "query_string": b"",
            "http_version": "1.1",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        }

    async def receive(self) -> Message:
        if not self._pieces:
            await asyncio.sleep(3600)
        body = self._pieces.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(self._pieces)}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    def status(self) -> int:
        return int(self.sent[0]["status"])


def _echo(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    length = int(environ.get("CONTENT_LENGTH") or 0)
    return [environ["wsgi.input"].read(length), environ.get("HTTP_X_FORWARDED_FOR", "").encode()]


def _ask(server: Server) -> bytes:
    app = WholeRequests(WSGIMiddleware(_echo, workers=1), SECONDS)
    asyncio.run(app(server.scope, server.receive, server.send))
    return b"".join(message.get("body", b"") for message in server.sent)


def test_a_body_in_pieces_arrives_as_a_whole() -> None:
    assert _ask(Server(b"na", b"me=", b"ada")) == b"name=ada"


def test_a_request_without_a_body_waits_for_none() -> None:
    server = Server(headers={})
    assert _ask(server) == b""
    assert server.status() == 200


def test_a_body_that_never_ends_gets_408_and_no_thread() -> None:
    server = Server(headers={"content-length": "10"})
    _ask(server)
    assert server.status() == 408
    assert (b"connection", b"close") in server.sent[0]["headers"]


@pytest.mark.parametrize("headers", [None, {"transfer-encoding": "chunked"}])
def test_what_is_larger_than_any_form_is_refused(headers: dict[str, str] | None) -> None:
    server = Server(b"a" * LARGEST_BODY, b"b", headers=headers)
    _ask(server)
    assert server.status() == 413


def test_a_header_with_an_underscore_is_not_taken_for_the_proxys() -> None:
    forged = {"x_forwarded_for": "10.0.0.1", "x-forwarded-for": "10.0.0.2"}
    assert _ask(Server(headers=forged)) == b"10.0.0.2"


def test_an_answer_leaves_its_thread_however_slowly_it_is_read() -> None:
    from hapanel.asgi import Application

    assert Application()._pages._inner.send_queue_size == 0
