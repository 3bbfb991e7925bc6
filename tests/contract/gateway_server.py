"""A TLS server that misbehaves on demand, and a CA of its own for it."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TOKEN_ID, TOKEN_SECRET = "panel@pve!hapanel", "0b5ee3d4-1111-2222-3333-444455556666"


@dataclass(frozen=True)
class Request:
    """What the server read: method, path with query, header lines in lower case, body."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


Behaviour = Callable[[ssl.SSLSocket, Request], Any]


def answer(status: int, reason: str, body: bytes | str | dict[str, Any] | None = None) -> bytes:
    """One whole HTTP answer, as Proxmox writes it."""
    if isinstance(body, dict):
        body = msgspec.json.encode(body)
    raw = body.encode() if isinstance(body, str) else body or b""
    head = (
        f"HTTP/1.1 {status} {reason}\r\nContent-Length: {len(raw)}\r\n"
        "Content-Type: application/json;charset=UTF-8\r\n"
        f"Connection: {'Keep-Alive' if status < 400 else 'close'}\r\n\r\n"
    )
    return head.encode() + raw


def ok(data: Any, **beside: Any) -> bytes:
    """200 with the envelope around `data`."""
    return answer(200, "OK", {"data": data, **beside})


class Authority:
    """A throw-away CA; `leaf` makes a server's certificate, by wish without its AKI."""

    def __init__(self, name: str = "Test CA") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(self._name, self._name, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.certificate = builder.sign(self._key, hashes.SHA256())

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def leaf(self, ip: str, *, with_aki: bool = False) -> tuple[x509.Certificate, bytes]:
        """The certificate for `ip` and a PEM with it and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node.test")])
        builder = _builder(name, self._name, key).add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(ip))]), critical=False
        )
        if with_aki:
            aki = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
            builder = builder.add_extension(aki, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return certificate, certificate.public_bytes(serialization.Encoding.PEM) + private


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
    )


@dataclass
class CrookedServer:
    """Answers with what `behave` does and keeps each request.

    `freeze` makes it swallow everything, as a crashed machine does; `thaw` ends that.
    """

    authority: Authority
    behave: Behaviour
    ip: str = "127.0.0.1"
    with_aki: bool = False
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    def __enter__(self) -> CrookedServer:
        self.certificate, pem = self.authority.leaf(self.ip, with_aki=self.with_aki)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "leaf.pem"
            file.write_bytes(pem)
            self._context.load_cert_chain(file)
        self._listener = socket.create_server((self.ip, self.port), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._ended = threading.Event()
        self._thaw = threading.Event()
        self._thaw.set()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"https://{self.ip}:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [request.path.removeprefix("/api2/json") for request in self.requests]

    def stop(self) -> None:
        """Close the port and every connection, as a stopped daemon does."""
        self._ended.set()
        self._thaw.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.close()

    def freeze(self) -> None:
        """Swallow what comes: connections and requests hang, nothing refuses."""
        self._thaw.clear()

    def thaw(self) -> None:
        """Answer again."""
        self._thaw.set()

    def wait(self, seconds: float) -> None:
        """For behaviours: stay silent, but no longer than the test lasts."""
        self._ended.wait(seconds)

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(plain)
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError, ValueError):
            self._thaw.wait()
            with self._context.wrap_socket(plain, server_side=True) as tls:
                self._open.append(tls)
                for request in _requests(tls):
                    self.requests.append(request)
                    self._thaw.wait()
                    raw = self.behave(tls, request)
                    if not isinstance(raw, bytes):
                        return
                    tls.sendall(raw)
                    if b"Connection: close" in raw[:400]:
                        return


def _requests(tls: ssl.SSLSocket) -> Iterator[Request]:
    stream = tls.makefile("rb")
    while line := stream.readline().decode("latin-1").strip():
        method, path, _ = line.split(" ", 2)
        headers = {}
        while header := stream.readline().decode("latin-1").strip():
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0))).decode()
        yield Request(method, path, headers, body)
