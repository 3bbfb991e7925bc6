"""Just enough HTTP/1.1 for a server that must also be able to misbehave."""

import asyncio
import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

MAX_HEADER_LINES = 64
MAX_HEADER_BYTES = 8192
MAX_BODY = 512 * 1024
GZIP_ABOVE = 1024


class BadRequest(Exception):
    """The request cannot be read; the connection is closed after this status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True)
class Request:
    """One request. Header names are lower case; `path` is percent-decoded."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def wants_close(self) -> bool:
        """Whether the client asked to end the connection."""
        return self.headers.get("connection", "").lower() == "close"

    @property
    def takes_gzip(self) -> bool:
        """Whether the client can unpack gzip."""
        return "gzip" in self.headers.get("accept-encoding", "")

    def parameters(self) -> dict[str, str]:
        """Query and body (a form or a JSON object) as PVE reads them; lists joined by NUL."""
        pairs = parse_qsl(self.query, keep_blank_values=True)
        if self.body:
            pairs += self._body_pairs()
        found: dict[str, str] = {}
        for name, value in pairs:
            found[name] = f"{found[name]}\0{value}" if name in found else value
        return found

    def _body_pairs(self) -> list[tuple[str, str]]:
        if self.headers.get("content-type", "").startswith("application/json"):
            try:
                decoded = msgspec.json.decode(self.body, type=dict[str, object])
            except msgspec.DecodeError as fault:
                raise BadRequest(400, "malformed JSON") from fault
            return [(name, _plain(value)) for name, value in decoded.items()]
        return parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, list):
        return "\0".join(_plain(item) for item in value)
    return str(value)


@dataclass
class Response:
    """One answer; `headers` come on top of those that every answer has."""

    status: int
    reason: str
    body: bytes = b""
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def packed(self, request: Request) -> "Response":
        """The same answer, compressed when the client can and it is long enough."""
        if not request.takes_gzip or len(self.body) <= GZIP_ABOVE:
            return self
        headers = {**self.headers, "Content-Encoding": "gzip"}
        body = gzip.compress(self.body, compresslevel=1, mtime=0)
        return Response(self.status, self.reason, body, self.content_type, headers)

    def wire(self, *, close: bool, server: str) -> bytes:
        """The bytes to send. An answer without a content type has no length either: PVE's 401."""
        now = formatdate(usegmt=True)
        lines = [
            f"HTTP/1.1 {self.status} {self.reason}",
            "Cache-Control: max-age=0",
            f"Connection: {'close' if close else 'Keep-Alive'}",
            f"Date: {self.headers.get('Date', now)}",
            "Pragma: no-cache",
            f"Server: {server}",
            f"Expires: {now}",
        ]
        if self.content_type is not None:
            lines += [f"Content-Length: {len(self.body)}", f"Content-Type: {self.content_type}"]
        more = {name: value for name, value in self.headers.items() if name != "Date"}
        lines += [f"{name}: {value}" for name, value in more.items()]
        head = "\r\n".join(line.replace("\n", " ") for line in lines)
        return head.encode("utf-8", "replace") + b"\r\n\r\n" + self.body


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request, or None when the client hung up. Raises BadRequest."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError as fault:
        raise BadRequest(400, "request header too large") from fault
    lines = head.decode("latin-1").split("\r\n")[:-2]
    if len(head) > MAX_HEADER_BYTES or len(lines) > MAX_HEADER_LINES:
        raise BadRequest(400, "request header too large")
    method, target = _request_line(lines[0])
    headers = dict(_header(line) for line in lines[1:])
    body = await _read_body(reader, headers)
    parts = urlsplit(target)
    return Request(method, unquote(parts.path), parts.query, headers, body)


def _request_line(line: str) -> tuple[str, str]:
    parts = line.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise BadRequest(400, "bad request")
    return parts[0], parts[1]


def _header(line: str) -> tuple[str, str]:
    name, separator, value = line.partition(":")
    if not separator:
        raise BadRequest(400, "bad header")
    return name.strip().lower(), value.strip()


async def _read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if "transfer-encoding" in headers:
        raise BadRequest(501, "chunked transfer encoding not supported")
    raw = headers.get("content-length", "0")
    length = int(raw) if raw.isdigit() else -1
    if length < 0:
        raise BadRequest(400, "bad content length")
    if length > MAX_BODY:
        raise BadRequest(501, "for data too large")
    return await reader.readexactly(length) if length else b""
