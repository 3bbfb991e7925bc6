"""Which changes are worth a line in the cluster's history, as facts in the past tense.

The codes are worded for people by hapanel/observe/event_words.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from hapanel.observe.facts import UNKNOWN, GuestFacts, NodeFacts
from nodes.models import Cluster, Event, Node, NodeStatus
from vms.models import Guest


class Fact(StrEnum):
    """Everything that observation writes into the history."""

    NODE_ADDED = "node_added"
    NODE_REMOVED = "node_removed"
    NODE_LOST = "node_lost"
    NODE_RETURNED = "node_returned"
    NODE_FENCED = "node_fenced"
    NODE_CUT_OFF = "node_cut_off"
    MAINTENANCE_BEGAN = "maintenance_began"
    MAINTENANCE_ENDED = "maintenance_ended"
    GUEST_ADDED = "guest_added"
    GUEST_REMOVED = "guest_removed"
    GUEST_MOVED = "guest_moved"
    GUEST_STARTED = "guest_started"
    GUEST_STOPPED = "guest_stopped"
    GUEST_UNKNOWN = "guest_unknown"
    GUEST_RENAMED = "guest_renamed"
    GUEST_REPLACED = "guest_replaced"
    QUORUM_LOST = "quorum_lost"
    QUORUM_REGAINED = "quorum_regained"
    HA_MANAGER_MOVED = "ha_manager_moved"
    API_UNREACHABLE = "api_unreachable"
    API_REACHABLE = "api_reachable"
    REPLICATION_JUDGED = "replication_judged"
    DRBD_ROLE_CHANGED = "drbd_role_changed"
    DRBD_DISK_CHANGED = "drbd_disk_changed"
    DRBD_LINK_CHANGED = "drbd_link_changed"
    SSH_LOST = "ssh_lost"
    SSH_REGAINED = "ssh_regained"


# What the history of a resource lists.
REPLICATION_FACTS = (
    Fact.REPLICATION_JUDGED,
    Fact.DRBD_ROLE_CHANGED,
    Fact.DRBD_DISK_CHANGED,
    Fact.DRBD_LINK_CHANGED,
)

SEVERITY: dict[Fact, str] = {
    Fact.NODE_LOST: "danger",
    Fact.NODE_FENCED: "danger",
    Fact.NODE_CUT_OFF: "danger",
    Fact.GUEST_REPLACED: "warn",
    Fact.NODE_RETURNED: "ok",
    Fact.NODE_REMOVED: "warn",
    Fact.MAINTENANCE_BEGAN: "warn",
    Fact.GUEST_REMOVED: "warn",
    Fact.GUEST_UNKNOWN: "warn",
    Fact.QUORUM_LOST: "danger",
    Fact.QUORUM_REGAINED: "ok",
    Fact.API_UNREACHABLE: "danger",
    Fact.API_REACHABLE: "ok",
    Fact.SSH_LOST: "warn",
    Fact.SSH_REGAINED: "ok",
}


@dataclass(frozen=True)
class Happening:
    """One fact about a subject, before it is written."""

    fact: Fact
    subject: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    severity: str = ""  # the fact's own as a rule

    def as_event(self, cluster: Cluster, at: datetime) -> Event:
        """The record of it."""
        return Event(
            cluster=cluster,
            at=at,
            fact=self.fact.value,
            severity=self.severity or SEVERITY.get(self.fact, "info"),
            subject=self.subject[:100],
            params=self.params,
        )


_SEEN = {NodeStatus.ONLINE.value, NodeStatus.MAINTENANCE.value}


def node_happenings(row: Node | None, facts: NodeFacts) -> Iterator[Happening]:
    """What the step from the record `row` to `facts` means."""
    if row is None:
        yield Happening(Fact.NODE_ADDED, facts.name)
        return
    if row.status == facts.status:
        return
    match facts.status:
        case NodeStatus.FENCE:
            yield Happening(Fact.NODE_FENCED, facts.name)
        case NodeStatus.OFFLINE if row.status in _SEEN:
            yield Happening(Fact.NODE_LOST, facts.name)
        case NodeStatus.ONLINE | NodeStatus.MAINTENANCE if row.status not in _SEEN:
            yield Happening(Fact.NODE_RETURNED, facts.name)
        case NodeStatus.MAINTENANCE:
            yield Happening(Fact.MAINTENANCE_BEGAN, facts.name)
        case NodeStatus.ONLINE if row.status == NodeStatus.MAINTENANCE:
            yield Happening(Fact.MAINTENANCE_ENDED, facts.name)


def guest_happenings(
    row: Guest | None, facts: GuestFacts, *, node_is_seen: bool
) -> Iterator[Happening]:
    """What the step from the record `row` to `facts` means.

    A dead node's guests get no line each: the node's own line stands for them.
    """
    subject = f"{facts.vmid} {facts.name}".strip()
    about = {"vmid": facts.vmid, "node": facts.node}
    if row is None or row.gone_at is not None:
        yield Happening(Fact.GUEST_ADDED, subject, about)
        return
    if row.type != facts.type:
        yield Happening(Fact.GUEST_REPLACED, subject, about | {"before": str(row)})
    elif row.name != facts.name and row.name and facts.name:
        yield Happening(Fact.GUEST_RENAMED, str(row), about | {"name": facts.name})
    if row.node != facts.node:
        moved = {"vmid": facts.vmid, "source": row.node, "target": facts.node}
        yield Happening(Fact.GUEST_MOVED, subject, moved)
    last = row.status_was if row.status == UNKNOWN else row.status
    if facts.status == UNKNOWN:
        if node_is_seen and row.status != UNKNOWN:
            yield Happening(Fact.GUEST_UNKNOWN, subject, about)
    elif last == "stopped" and facts.status != "stopped":
        yield Happening(Fact.GUEST_STARTED, subject, about)
    elif facts.status == "stopped" and last not in {"stopped", UNKNOWN, ""}:
        yield Happening(Fact.GUEST_STOPPED, subject, about)
