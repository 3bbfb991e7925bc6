"""One node's part in the cluster's replication, for the page of the node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hapanel.ui.replication_states import finding_shown
from hapanel.ui.states import Shown
from nodes.models import Node
from nodes.replication import NodeWord
from vms.replication import ClusterReplication, Resource
from vms.replication_drawing import Box, Boxes, link_of


@dataclass(frozen=True, slots=True)
class NodeLink:
    """One link of a node, as the node itself tells it."""

    peer: str
    shown: Shown


@dataclass(frozen=True, slots=True)
class NodeSide:
    """One resource on one node, for the page of the node."""

    name: str
    health: Shown
    box: Box
    links: tuple[NodeLink, ...]


def node_sides(seen: ClusterReplication, node: Node) -> dict[str, Any]:
    """What the page of a node shows of its replication."""
    word = seen.known.word(node.name)
    sides = [
        _node_side(resource, node, word)
        for resource in seen.resources
        if resource.replication.side(node.name) is not None
    ]
    return {"word": word, "sides": sides, "is_on": seen.known.is_on}


def _node_side(resource: Resource, node: Node, word: NodeWord) -> NodeSide:
    box = Boxes(resource, {node.name: word}, {node.name: node.ip}).of(node.name, None)
    links = tuple(
        NodeLink(link.second if link.first == node.name else link.first, link_of(end.peer))
        for link in resource.replication.links
        for end in link.ends
        if end.node == node.name
    )
    return NodeSide(resource.name, finding_shown(resource.judgement.findings[0]), box, links)
