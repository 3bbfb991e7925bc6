"""The lab's control: what a lab tells of itself, and how its hardware is switched.

The panel knows a lab by URL only. What is sent and told here is documented in docs/lab.md, "Hurting
it"; `tests/contract/test_gateway_lab_control.py` compares the words with a running lab's.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

import msgspec


class LabNetwork(StrEnum):
    """What a cable carries."""

    CLUSTER = "cluster"  # corosync
    REPLICATION = "replication"  # DRBD and migrations


# What may be wrong with a node's API -> the unit of the number that goes with it, blank for none.
API_FAULTS: Mapping[str, str] = {
    "ok": "",
    "slow": "ms",
    "refuse": "",
    "reset": "",
    "hang": "",
    "hang-body": "",
    "drip": "",
    "drop-answer": "",
    "error": "status",
    "garbage": "",
    "html": "",
    "cut-json": "",
    "huge": "MB",
    "wrong-types": "",
    "unknown-words": "",
    "flicker": "",
    "other-cluster": "",
}
POWER_OFF = "off"
RUNNING = "running"


class LabNode(msgspec.Struct, frozen=True, kw_only=True):
    """A node as it truly is. power: off, booting or on. sees: whom its corosync counts as members.
    api: how its API fails, a word of API_FAULTS."""

    power: str
    address: str
    sees: tuple[str, ...] = ()
    quorate: bool = False
    api: str = "ok"
    maintenance: bool = False

    @property
    def has_power(self) -> bool:
        """Whether it runs or boots."""
        return self.power != POWER_OFF


class LabLink(msgspec.Struct, frozen=True, kw_only=True):
    """One network between two nodes that somebody touched or used; all others are whole."""

    nodes: tuple[str, str]
    network: str
    mbit: float = 0.0
    cut: bool = False


class LabGuest(msgspec.Struct, frozen=True, kw_only=True):
    """A guest. node: where its configuration is. runs_on: where it runs, None when nowhere."""

    name: str
    kind: str
    node: str
    runs_on: str | None = None
    state: str = ""


class LabPicture(msgspec.Struct, frozen=True, kw_only=True):
    """The whole truth about a lab. qdevice: on, off, or None without one. guests: by VMID."""

    nodes: dict[str, LabNode]
    links: tuple[LabLink, ...] = ()
    guests: dict[str, LabGuest] = {}
    qdevice: str | None = None
    speed: float = 1.0

    def others(self, node: str) -> list[str]:
        """All nodes but this one."""
        return [name for name in self.nodes if name != node]

    def cut_off(self, node: str, network: str) -> frozenset[str]:
        """The nodes that `node` does not reach over `network`, because cables are cut."""
        return frozenset(
            other
            for link in self.links
            if link.cut and link.network == network and node in link.nodes
            for other in link.nodes
            if other != node
        )

    def is_unplugged(self, node: str, network: str) -> bool:
        """Whether the node reaches nobody over the network. Two nodes share one cable."""
        others = self.others(node)
        return bool(others) and self.cut_off(node, network) >= set(others)

    def is_frayed(self, node: str, network: str) -> bool:
        """Whether the node misses some of those whose own cable is whole."""
        missed = self.cut_off(node, network)
        return not self.is_unplugged(node, network) and any(
            not self.is_unplugged(other, network) for other in missed
        )


class LabControl(Protocol):
    """The way to a lab's control. Both raise a `hapanel.ports.errors.ClusterError`: Unreachable
    when it does not answer, BadRequest with its own words when it refuses."""

    def look(self) -> LabPicture:
        """How the lab is now."""
        ...

    def do(self, action: str, *args: str) -> None:
        """Carry out one action of `ctl`, such as `crash master`."""
        ...
