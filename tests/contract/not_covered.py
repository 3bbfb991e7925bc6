"""Recordings that no situation asks again, each with its reason. The first rule that fits holds."""

from __future__ import annotations

BY_NAME: dict[str, str] = {
    "nodedown-ask-dead-node-itself": "no answer: the recorder's forwarder cut the connection",
}
BY_PATH: tuple[tuple[str, str], ...] = (
    (r"/(qemu|lxc|startall|stopall|bulk-action)\b", "guests"),
    (r"/tasks/UPID:[^:]+:\w+:\w+:\w+:(qm|vz|ha)\w+:", "guests"),
    (r"", "not asked yet"),
)
