"""What becomes of a good answer on its way out of a node whose API is faulty."""

import asyncio
import random
import socket
import struct
from collections.abc import Callable

import msgspec

from hapanel.lab.disguise import other_cluster
from hapanel.lab.faults import ApiFault, Misbehaviour
from hapanel.lab.net.http import Response
from hapanel.lab.net.listener import Connection

JSON = "application/json;charset=UTF-8"
DRIP_SECONDS = 0.2
# Proxmox's own words for what nodes, relays and services answer with.
REASONS = {
    401: "Authentication failed!",
    403: "Permission check failed (/, Sys.Audit)",
    500: "lab fault",
    501: "Method 'GET' not implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    595: "No route to host",
    596: "Connection timed out",
}
_NO_LINGER = struct.pack("ii", 1, 0)


def spoiled(answer: Response, fault: ApiFault) -> Response | None:
    """The answer as it leaves a node with that fault; None when it never leaves."""
    match fault.kind:
        case Misbehaviour.DROP_ANSWER:
            return None
        case Misbehaviour.ERROR:
            return Response(fault.status, REASONS.get(fault.status, "lab fault"))
        case Misbehaviour.GARBAGE:
            return Response(200, "OK", bytes(range(256)) * 4, JSON)
        case Misbehaviour.HTML:
            page = b"<html><head><title>502 Bad Gateway</title></head><body>proxy</body></html>"
            return Response(200, "OK", page, "text/html")
        case Misbehaviour.CUT_JSON:
            return Response(200, "OK", answer.body[: max(1, len(answer.body) // 2)], JSON)
        case Misbehaviour.HUGE:
            padding = b'"' + b"x" * (fault.megabytes * 1024 * 1024) + b'"'
            return Response(200, "OK", b'{"data":' + padding + b"}", JSON)
        case kind if kind in _TWISTS:
            return _with_other_body(answer, _TWISTS[kind])
        case _:
            return answer


async def send(connection: Connection, raw: bytes, fault: ApiFault | None) -> None:
    """Write the answer, as slowly or incompletely as the fault wants. Holds the connection for as
    long as the fault lasts where it is to hang."""
    writer = connection.writer
    match fault.kind if fault else None:
        case Misbehaviour.HANG_BODY:
            writer.write(raw[: raw.index(b"\r\n\r\n") + 5])
            await writer.drain()
            await asyncio.Event().wait()
        case Misbehaviour.DRIP:
            for byte in raw:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(DRIP_SECONDS)
        case _:
            writer.write(raw)
            await writer.drain()


def reset(connection: Connection) -> None:
    """End the connection with an RST instead of a farewell."""
    plain = connection.writer.get_extra_info("socket")
    if plain is not None:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    connection.writer.transport.abort()


def _with_other_body(answer: Response, twist: Callable[[object], object]) -> Response:
    if answer.status != 200 or not answer.body:
        return answer
    body = msgspec.json.encode(twist(msgspec.json.decode(answer.body)))
    return Response(200, "OK", body, answer.content_type, answer.headers)


_KEPT = frozenset(("id", "type", "vmid", "node", "name", "upid", "sid", "storage", "status"))


def _wrong_types(value: object) -> object:
    """Everything but what rows are known by has the type of something else."""
    if isinstance(value, dict):
        return {
            key: item if key in _KEPT and not isinstance(item, (dict, list)) else _wrong_types(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [*(_wrong_types(item) for item in value), "a row that is none", None]
    return {"what": "is this"} if isinstance(value, (int, float)) else [value]


def _unknown_words(value: object) -> object:
    """Fields that no version has, and words for states that no version knows."""
    if isinstance(value, dict):
        changed = {key: _unknown_words(item) for key, item in value.items()}
        for key in ("status", "state", "hastate", "crm_state"):
            if isinstance(changed.get(key), str):
                changed[key] = "hibernating"
        return {**changed, "future-field": {"since": "PVE 11"}}
    if isinstance(value, list):
        return [*(_unknown_words(item) for item in value), {"type": "hologram", "id": "hologram/1"}]
    return value


def _flicker(value: object) -> object:
    """/cluster/status by chance tells the quorum of before: each of Proxmox's workers keeps the
    value that it read last, until the membership changes. The HA manager's row is right."""
    if isinstance(value, dict):
        rows = value.get("data")
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict) and row.get("type") == "cluster" and "quorate" in row:
                row["quorate"] = random.randrange(2)
    return value


_TWISTS: dict[Misbehaviour, Callable[[object], object]] = {
    Misbehaviour.WRONG_TYPES: _wrong_types,
    Misbehaviour.UNKNOWN_WORDS: _unknown_words,
    Misbehaviour.FLICKER: _flicker,
    Misbehaviour.OTHER_CLUSTER: other_cluster,
}
