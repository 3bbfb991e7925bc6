"""What is known of the addresses on each node's interfaces, for lint and for its readers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from nodes.models import Node

# Read every few minutes; what is older than this judges nothing any more.
FRESH_FOR = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Interfaces:
    """The addresses of one node as they were read last. `is_known`: and that was not long ago.

    `open_families` are those (`inet`, `inet6`) of which the node may have more addresses.
    """

    node: str
    addresses: tuple[str, ...] = ()
    open_families: tuple[str, ...] = ()
    read_at: datetime | None = None
    is_known: bool = False


def interfaces_of(nodes: Iterable[Node], now: datetime) -> tuple[Interfaces, ...]:
    """What is known of each of the nodes, in their order."""
    return tuple(_interfaces(node, now) for node in nodes)


def _interfaces(node: Node, now: datetime) -> Interfaces:
    if node.interfaces is None or node.interfaces_at is None:
        return Interfaces(node.name)
    return Interfaces(
        node.name,
        tuple(node.interfaces["addresses"]),
        tuple(node.interfaces["open_families"]),
        node.interfaces_at,
        is_known=bool(node.interfaces["addresses"]) and now - node.interfaces_at <= FRESH_FOR,
    )


def addresses_by_node(found: Iterable[Interfaces]) -> Mapping[str, frozenset[str]]:
    """Each node's addresses as lint takes them: empty where they are not known."""
    return {one.node: frozenset(one.addresses if one.is_known else ()) for one in found}


def open_families_by_node(found: Iterable[Interfaces]) -> Mapping[str, frozenset[str]]:
    """Of which families each node may have more than these."""
    return {one.node: frozenset(one.open_families) for one in found}
