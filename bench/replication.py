"""Decoding and judging what two nodes say of 200 DRBD resources, in each form that DRBD has."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

from bench.goals import Figure
from hapanel.drbd.decode.events import events_text
from hapanel.drbd.decode.status_json import status_json
from hapanel.drbd.decode.status_text import status_text
from hapanel.drbd.join import join, resources_of
from hapanel.drbd.judge import judge
from hapanel.ports.replication import NodeReplication, NodeStatus

RESOURCES = 200
GOAL_SECONDS = 0.1
ROUNDS = 5
NOW = datetime(2026, 1, 1, tzinfo=UTC)

TEXT = """\
{name} node-id:{me} role:{role} suspended:no force-io-failures:no
    write-ordering:flush
  volume:0 minor:{minor} disk:UpToDate backing_dev:/dev/vg/{name} quorum:yes
      size:33554432 read:73728 written:90112 al-writes:12 bm-writes:3 upper-pending:0
      lower-pending:0 al-suspended:no blocked:no
  {peer} node-id:{other} connection:Connected role:{peer_role} congested:no
      ap-in-flight:0 rs-in-flight:0
    volume:0 replication:Established peer-disk:UpToDate resync-suspended:no
        received:0 sent:73728 out-of-sync:0 pending:0 unacked:0

"""
EVENTS = """\
exists resource name:{name} role:{role} suspended:no may_promote:no promotion_score:10101
exists connection name:{name} peer-node-id:{other} conn-name:{peer} connection:Connected \
role:{peer_role} congested:no
exists device name:{name} volume:0 minor:{minor} backing_dev:/dev/vg/{name} disk:UpToDate \
client:no quorum:yes size:33554432 read:73728 written:90112 al-writes:12 bm-writes:3
exists peer-device name:{name} peer-node-id:{other} conn-name:{peer} volume:0 \
replication:Established peer-disk:UpToDate peer-client:no resync-suspended:no received:0 \
sent:73728 out-of-sync:0 pending:0 unacked:0
"""


def measure() -> list[Figure]:
    """CPU seconds to decode one node's 200 resources, and to join and judge both nodes'."""
    sides = [_sides(node) for node in ("east", "west")]
    forms: list[tuple[str, Callable[[str], NodeStatus], str]] = [
        ("text", status_text, "".join(TEXT.format(**one) for one in sides[0])),
        ("JSON", status_json, json.dumps([_json(one) for one in sides[0]])),
        ("events2", events_text, "".join(EVENTS.format(**one) for one in sides[0]) + "exists -\n"),
    ]
    figures = [
        Figure(
            f"DRBD, {RESOURCES} resources from {name}",
            _cpu(lambda decode=decode, text=text: decode(text)),  # type: ignore[misc]
            "s",
            GOAL_SECONDS,
            {"bytes": len(text)},
        )
        for name, decode, text in forms
    ]
    return [*figures, _judging(sides)]


def _judging(sides: list[list[dict[str, object]]]) -> Figure:
    nodes = [
        NodeReplication(
            node=node,
            status=status_text("".join(TEXT.format(**one) for one in side)),
            seen_at=NOW,
        )
        for node, side in zip(("east", "west"), sides, strict=True)
    ]

    def all_of_them() -> None:
        for name in resources_of(nodes):
            judge(join(name, nodes, NOW))

    name = f"DRBD, {RESOURCES} resources of two nodes joined and judged"
    return Figure(name, _cpu(all_of_them), "s", GOAL_SECONDS)


def _cpu(work: Callable[[], object]) -> float:
    """The least CPU seconds of some rounds."""
    found = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def _sides(node: str) -> list[dict[str, object]]:
    first = node == "east"
    return [
        {
            "name": f"vm-{number}",
            "minor": number,
            "me": 0 if first else 1,
            "other": 1 if first else 0,
            "peer": "west" if first else "east",
            "role": "Primary" if first == (number % 2 == 0) else "Secondary",
            "peer_role": "Secondary" if first == (number % 2 == 0) else "Primary",
        }
        for number in range(RESOURCES)
    ]


def _json(one: dict[str, object]) -> dict[str, object]:
    peer_device = {
        "volume": 0,
        "replication-state": "Established",
        "peer-disk-state": "UpToDate",
        "resync-suspended": "no",
        "received": 0,
        "sent": 73728,
        "out-of-sync": 0,
    }
    device = {
        "volume": 0,
        "minor": one["minor"],
        "disk-state": "UpToDate",
        "quorum": True,
        "size": 33554432,
    }
    connection = {
        "peer-node-id": one["other"],
        "name": one["peer"],
        "connection-state": "Connected",
        "peer-role": one["peer_role"],
        "peer_devices": [peer_device],
    }
    return {
        "name": one["name"],
        "node-id": one["me"],
        "role": one["role"],
        "suspended": False,
        "devices": [device],
        "connections": [connection],
    }
