"""Probes against servers that refuse, hang, cut and lie."""

from __future__ import annotations

import asyncio
import socket
import ssl
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hapanel.gateways.http_probe import place_of, probe
from hapanel.ports.probe import Failure, ProbeResult, ProbeTarget
from tests.contract.gateway_server import Authority

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def says(raw: bytes) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        writer.close()

    return handler


async def hangs(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(2)
    writer.close()


async def cuts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    writer.transport.abort()


def probed(handler: Handler, scheme: str = "http", seconds: float = 3.5) -> ProbeResult:
    async def run() -> ProbeResult:
        async with serving(handler) as port:
            url = f"{scheme}://127.0.0.1:{port}/health?a=b"
            return await probe(ProbeTarget(url=url, answer_seconds=seconds))

    return asyncio.run(run())


def test_an_answer_has_its_status_and_milliseconds() -> None:
    result = probed(says(b"HTTP/1.1 200 OK\r\n\r\nhello"))
    assert (result.status, result.failure) == (200, None)
    assert 0 < result.ms < 1000


def test_an_error_page_is_an_answer_too() -> None:
    assert probed(says(b"HTTP/1.0 503 Service Unavailable\r\n\r\n")).status == 503


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    raw = b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\n\r\n"
    assert probed(says(raw)).status == 302


def test_a_client_is_what_it_looks_like() -> None:
    seen: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    assert probed(handler).status == 204
    assert seen[0].startswith(b"GET /health?a=b HTTP/1.1\r\nHost: 127.0.0.1:")


def test_a_closed_port_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    result = asyncio.run(probe(ProbeTarget(url=f"http://127.0.0.1:{port}/")))
    assert result.failure is Failure.REFUSED


def test_a_server_that_says_nothing_is_given_up_in_time() -> None:
    result = probed(hangs, seconds=0.2)
    assert result.failure is Failure.NO_ANSWER
    assert 150 < result.ms < 1000


def test_a_machine_that_swallows_packets_is_no_connection() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        for connection in waiting:
            connection.setblocking(False)
            connection.connect_ex(("127.0.0.1", port))
        target = ProbeTarget(url=f"http://127.0.0.1:{port}/", connect_seconds=0.3)
        result = asyncio.run(probe(target))
        for connection in waiting:
            connection.close()
    assert result.failure is Failure.NO_CONNECTION
    assert result.ms < 1000


def test_a_connection_that_ends_without_a_word_is_cut() -> None:
    assert probed(cuts).failure is Failure.CUT
    assert probed(says(b"")).failure is Failure.CUT


@pytest.mark.parametrize("raw", [b"SSH-2.0-OpenSSH_9.2\r\n", b"x" * 20_000, b"HTTP/1.1 abc\r\n"])
def test_what_is_not_http_is_garbage(raw: bytes) -> None:
    assert probed(says(raw)).failure is Failure.GARBAGE


def test_a_tcp_probe_is_content_with_a_connection() -> None:
    result = probed(hangs, scheme="tcp")
    assert (result.status, result.failure) == (None, None)


@pytest.mark.parametrize(
    ("code", "failure"),
    [(socket.EAI_NONAME, Failure.NAME), (socket.EAI_AGAIN, Failure.NO_NETWORK)],
)
def test_an_unknown_name_is_told_from_a_name_server_out_of_reach(
    monkeypatch: pytest.MonkeyPatch, code: int, failure: Failure
) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise socket.gaierror(code, "no")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert asyncio.run(probe(ProbeTarget(url="http://siakad.test/"))).failure is failure


def test_an_unknown_authority_is_refused_unless_the_service_says_skip() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "leaf.pem"
        file.write_bytes(Authority().leaf("127.0.0.1")[1])
        context.load_cert_chain(file)

    async def run(verify: bool) -> ProbeResult:
        async with serving(says(b"HTTP/1.1 200 OK\r\n\r\n"), context) as port:
            url = f"https://127.0.0.1:{port}/"
            return await probe(ProbeTarget(url=url, verify_tls=verify))

    assert asyncio.run(run(True)).failure is Failure.CERTIFICATE
    assert asyncio.run(run(False)).status == 200


@pytest.mark.parametrize(
    "url", ["ftp://a/", "http:///x", "tcp://host", "siakad", "http://a:99999/"]
)
def test_a_url_that_cannot_be_probed_is_a_mistake_of_the_caller(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        place_of(url)
