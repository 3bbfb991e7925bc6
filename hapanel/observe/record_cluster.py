"""Nodes, storages and HA resources: from differences to rows."""

from __future__ import annotations

from hapanel.live.stream import Kind
from hapanel.observe.events import Fact, Happening, node_happenings
from hapanel.observe.facts import UNKNOWN, NodeFacts
from hapanel.observe.journal import Journal
from hapanel.observe.picture import Differences, Look
from nodes.models import Cluster, Node, Storage
from vms.models import HaResource

_NODE = [
    "status",
    "node_id",
    "ip",
    "maxcpu",
    "maxmem",
    "lrm_state",
    "lrm_dead",
    "last_seen_at",
    "last_seen_by",
    "changed_at",
]
_STORAGE = [
    "status",
    "type",
    "shared",
    "content",
    "total",
    "used",
    "last_seen_at",
    "last_seen_by",
    "changed_at",
]
_SERVICE = [
    "node",
    "state",
    "crm_state",
    "request_state",
    "max_restart",
    "max_relocate",
    "failback",
    "changed_at",
]


def write_nodes(cluster: Cluster, found: Differences, look: Look, journal: Journal) -> None:
    """Write new, changed and removed nodes; tells the history which were lost or came back."""
    if not found.nodes and not found.gone_nodes:
        return
    old = {row.name: row for row in Node.objects.filter(cluster=cluster)}
    rows: list[Node] = []
    for facts in found.nodes:
        row = old.get(facts.name)
        if old:
            journal.tell(node_happenings(row, facts))
        rows.append(_node(cluster, row, facts, look))
    Node.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["cluster", "name"],
        update_fields=_NODE,
    )
    if found.gone_nodes:
        Node.objects.filter(cluster=cluster, name__in=found.gone_nodes).delete()
        journal.tell(Happening(Fact.NODE_REMOVED, name) for name in found.gone_nodes)
    journal.hint(Kind.NODE, [*(row.name for row in rows), *found.gone_nodes])
    journal.hint(Kind.CLUSTER, [cluster.name])


def _node(cluster: Cluster, old: Node | None, facts: NodeFacts, look: Look) -> Node:
    row = Node(cluster=cluster, name=facts.name)
    _fill(row, facts, _NODE)
    row.changed_at = look.answered_at
    if not facts.is_seen:
        is_news = old is None or old.last_seen_at is None
        row.last_seen_at = cluster.observed_at if is_news or old is None else old.last_seen_at
        row.last_seen_by = cluster.seen_by if is_news or old is None else old.last_seen_by
    return row


def write_storages(cluster: Cluster, found: Differences, look: Look, journal: Journal) -> None:
    """Write new, changed and removed storages."""
    rows: list[Storage] = []
    for facts in found.storages:
        row = Storage(cluster=cluster, node=facts.node, storage=facts.storage)
        _fill(row, facts, _STORAGE)
        row.changed_at = look.answered_at
        if facts.status == UNKNOWN:
            row.last_seen_at, row.last_seen_by = cluster.observed_at, cluster.seen_by
        rows.append(row)
    if rows:
        Storage.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["cluster", "node", "storage"],
            update_fields=_STORAGE,
            batch_size=500,
        )
    for node, storage in found.gone_storages:
        Storage.objects.filter(cluster=cluster, node=node, storage=storage).delete()
    changed = [(row.node, row.storage) for row in rows] + found.gone_storages
    journal.hint(Kind.STORAGE, (f"{node}/{storage}" for node, storage in changed))


def write_services(cluster: Cluster, found: Differences, look: Look, journal: Journal) -> None:
    """Write new, changed and removed HA resources."""
    rows: list[HaResource] = []
    for facts in found.services:
        row = HaResource(cluster=cluster, sid=facts.sid)
        _fill(row, facts, _SERVICE)
        row.changed_at = look.answered_at
        rows.append(row)
    if rows:
        HaResource.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["cluster", "sid"],
            update_fields=_SERVICE,
            batch_size=500,
        )
    if found.gone_services:
        HaResource.objects.filter(cluster=cluster, sid__in=found.gone_services).delete()
    journal.hint(Kind.HA, [*(row.sid for row in rows), *found.gone_services])


def _fill(row: Node | Storage | HaResource, facts: object, names: list[str]) -> None:
    """Copy what the facts know; what they do not (times, what the slow parts read) is left."""
    for name in names:
        if hasattr(facts, name):
            setattr(row, name, getattr(facts, name))
