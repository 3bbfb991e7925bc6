"""Hints on their way from the Redis stream to one browser: ids, frames, and who may have which."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from hapanel.access import Permission
from hapanel.live.stream import Kind

SEEN = "seen"
_ID = re.compile(r"^(\d{1,20})-(\d{1,20})$")

# What somebody must be allowed to see to be told that it changed.
PERMISSION: dict[str, Permission] = {
    Kind.CLUSTER: Permission.SEE_CLUSTERS,
    Kind.NODE: Permission.SEE_CLUSTERS,
    Kind.GUEST: Permission.SEE_CLUSTERS,
    Kind.STORAGE: Permission.SEE_CLUSTERS,
    Kind.HA: Permission.SEE_CLUSTERS,
    Kind.DRBD: Permission.SEE_CLUSTERS,
    Kind.METRICS: Permission.SEE_CLUSTERS,
    Kind.OPERATION: Permission.SEE_OPERATIONS,
    Kind.SERVICE: Permission.SEE_SERVICES,
    Kind.AUDIT: Permission.SEE_AUDIT,
    Kind.LAB: Permission.SWITCH_LAB,
    SEEN: Permission.SEE_CLUSTERS,
}

HintId = tuple[int, int]


def parse_id(text: str) -> HintId | None:
    """A stream id as numbers that can be compared; None when it is none."""
    match = _ID.match(text.strip())
    return (int(match[1]), int(match[2])) if match else None


@dataclass(frozen=True, slots=True)
class Hint:
    """One hint, already in the form in which it is sent. `id` is None for what is not kept."""

    frame: bytes
    permission: Permission | None
    id: HintId | None = None

    @classmethod
    def of_entry(cls, raw_id: str, fields: dict[str, str]) -> Hint:
        """The hint in one entry of the stream."""
        body = {name: fields.get(name, "") for name in ("cluster", "kind", "key")}
        frame = f"id: {raw_id}\nevent: changed\ndata: {json.dumps(body)}\n\n".encode()
        return cls(frame, PERMISSION.get(body["kind"]), parse_id(raw_id))

    @classmethod
    def seen(cls, cluster: str, at: str) -> Hint:
        """The cluster answered at `at`; the beat by which pages tell old from fresh."""
        body = {"cluster": cluster, "kind": SEEN, "key": at}
        frame = f"event: changed\ndata: {json.dumps(body)}\n\n".encode()
        return cls(frame, PERMISSION[SEEN])


RESET = b"event: reset\ndata: {}\n\n"
