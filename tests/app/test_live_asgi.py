"""The web process as uvicorn runs it: pages in threads, streams beside them, a polite end."""

from __future__ import annotations

import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hapanel import asgi

ROOT = Path(__file__).resolve().parents[2]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """uvicorn on a database of its own; its only page needs none."""
    port = _free_port()
    command = [sys.executable, "-m", "uvicorn", "hapanel.asgi:application"]
    command += ["--port", str(port), "--log-level", "warning", "--timeout-graceful-shutdown", "3"]
    environ = os.environ | {"HAPANEL_DATABASE_URL": f"sqlite:///{tmp_path}/web.sqlite3"}
    process = subprocess.Popen(command, env=environ, cwd=ROOT)
    deadline = time.monotonic() + 30
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        assert time.monotonic() < deadline, "the web process did not start"
        time.sleep(0.1)
    try:
        yield process, port
    finally:
        process.kill()
        process.wait(10)


def _get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def test_pages_and_streams_share_one_port_and_end_when_told(
    web: tuple[subprocess.Popen[bytes], int],
) -> None:
    process, port = web
    assert _get(port, "/healthz") == (200, b"ok\n")
    status, body = _get(port, "/api/v1/events/")
    assert (status, json.loads(body)["code"]) == (401, "not-signed-in")
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) in {0, -signal.SIGTERM}


def test_the_web_process_makes_room_for_as_many_streams_as_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _what, pair: limits.append(pair))
    for limit in ((1024, 524_288), (1024, 2048), (65_536, 524_288)):
        monkeypatch.setattr(resource, "getrlimit", lambda _what, limit=limit: limit)
        asgi.make_room_for_streams()
    assert limits == [(4500, 524_288), (2048, 2048)]
