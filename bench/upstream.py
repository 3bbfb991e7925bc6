"""`python -m bench.upstream`: a cluster's API over TLS, answered from memory by its own process.

It prints one JSON line {"url", "ca"} and ends when its standard input does. GET /bench/count tells
how many API calls came in so far, how many connections are open and were at most;
/bench/change?SHARE changes that share of the guests; /bench/fail?STATUS answers every call so, and
/bench/fail?0 no more.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import json
import ssl
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bench.pve import MadeUpCluster

HOST = "127.0.0.1"
HEAD = (
    "HTTP/1.1 {status}\r\nServer: pve-api-daemon/3.0\r\n"
    "Content-Type: application/json;charset=UTF-8\r\n"
    "Content-Length: {length}\r\nConnection: Keep-Alive\r\n\r\n"
)


class Upstream:
    """The answers, made once and again after each change."""

    def __init__(self, cluster: MadeUpCluster) -> None:
        self._cluster = cluster
        self._calls = 0
        self._open = 0
        self._most_open = 0
        self._failing = 0
        self._bodies = {
            "/cluster/resources": cluster.resources(),
            "/cluster/status": cluster.status(),
            "/cluster/ha/status/current": cluster.ha_status(),
            "/cluster/config/nodes": cluster.votes(),
            "/cluster/config/qdevice": b'{"data":{}}',
            "/version": b'{"data":{"version":"9.2.11","release":"9.2","repoid":"0"}}',
        }

    def answer(self, path: str) -> tuple[str, bytes]:
        """Status and body for a path."""
        if path.startswith("/bench/"):
            return "200 OK", self._steer(path)
        self._calls += 1
        if self._failing:
            return f"{self._failing} bench", b""
        path = path.removeprefix("/api2/json").partition("?")[0]
        if path in self._bodies:
            return "200 OK", self._bodies[path]
        # Empty lists for every other question about the whole; guests have an empty configuration.
        return "200 OK", b'{"data":{}}' if path.endswith("/config") else b'{"data":[]}'

    def _steer(self, path: str) -> bytes:
        if path.startswith("/bench/change?"):
            self._cluster.change(float(path.partition("?")[2]))
            self._bodies["/cluster/resources"] = self._cluster.resources()
        if path.startswith("/bench/fail?"):
            self._failing = int(path.partition("?")[2])
        told = {"calls": self._calls, "open": self._open, "most_open": self._most_open}
        return json.dumps(told).encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one kept connection."""
        counted = False
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                path = request.split(b" ", 2)[1].decode()
                if not counted and not path.startswith("/bench/"):
                    counted = True
                    self._open += 1
                    self._most_open = max(self._most_open, self._open)
                status, body = self.answer(path)
                writer.write(HEAD.format(status=status, length=len(body)).encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
            pass  # the other side, or the benchmark, is done
        finally:
            self._open -= counted
            writer.close()


def make_certificate(folder: Path) -> str:
    """Write a CA's key and leaf for HOST into `folder`; the CA as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "leaf.pem").write_bytes(pem + secret)
    return pem.decode()


async def run(nodes: int, guests: int) -> None:
    """Serve until standard input ends."""
    upstream = Upstream(MadeUpCluster(nodes, guests))
    with tempfile.TemporaryDirectory() as folder:
        ca = make_certificate(Path(folder))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(Path(folder) / "leaf.pem")
    server = await asyncio.start_server(upstream.serve, HOST, 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"url": f"https://{HOST}:{port}", "ca": ca}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", type=int, default=32)
    parser.add_argument("--guests", type=int, default=10_000)
    chosen = parser.parse_args()
    asyncio.run(run(chosen.nodes, chosen.guests))
