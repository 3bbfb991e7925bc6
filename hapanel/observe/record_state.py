"""The cluster's own row: how it is reached, its quorum, its HA manager, its votes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from hapanel.ha.quorum import ballot, judge_quorate
from hapanel.live.stream import Kind
from hapanel.observe.answers import Answers
from hapanel.observe.events import Fact, Happening
from hapanel.observe.journal import Journal
from hapanel.observe.memory import Memory
from hapanel.observe.reachable_addresses import found_addresses
from hapanel.ports.cluster import NodeVotes, QDevice
from hapanel.ports.errors import ClusterError
from nodes.models import Cluster, Node, Reach

# These move with every look and are no news by themselves.
_SILENT = {"observed_at", "attempted_at", "answered_by"}


def reach_of(error: ClusterError) -> Reach:
    """The word for how a look failed."""
    try:
        return Reach(error.kind)
    except ValueError:
        return Reach.FAULT


def write_state(cluster: Cluster, answers: Answers, memory: Memory, journal: Journal) -> None:
    """Write how the look went and what it said about the cluster as a whole."""
    said = _quorum(memory) | _ha(memory) | _names(cluster, answers)
    refused = answers.refused
    said |= {
        "reach": Reach.PERMISSION if refused else Reach.OK,
        "reach_detail": refused.reason[:300] if refused else "",
        "answered_by": answers.answered_by[:200],
    }
    news = _changed(cluster, said)
    _tell(cluster, news, journal)
    journal.hint(Kind.CLUSTER, [cluster.name] if news.keys() - _SILENT else [])
    news["observed_at"] = news["attempted_at"] = answers.look.answered_at
    _write(cluster, news)


def write_failure(
    cluster: Cluster, error: ClusterError, attempted_at: datetime, journal: Journal
) -> None:
    """Write that nobody answered, or not well. Nothing else is touched: what was seen stands,
    with its age."""
    reach = reach_of(error)
    news = _changed(cluster, {"reach": reach, "reach_detail": error.reason[:300]})
    if "reach" in news and cluster.reach in {Reach.OK, Reach.PERMISSION}:
        params = {"because": error.reason[:200]}
        journal.tell([Happening(Fact.API_UNREACHABLE, cluster.name, params)])
    journal.hint(Kind.CLUSTER, [cluster.name] if news else [])
    _write(cluster, news | {"attempted_at": attempted_at})


def write_votes(cluster: Cluster, journal: Journal) -> None:
    """Count the votes anew from what is recorded of nodes and QDevice."""
    rows = list(Node.objects.filter(cluster=cluster))
    votes = [
        NodeVotes(name=row.name, node_id=row.node_id, votes=row.votes)
        for row in rows
        if row.votes is not None
    ]
    if not rows or len(votes) < len(rows):
        return
    online = {row.name for row in rows if row.is_online}
    count = ballot(votes, online, qdevice_of(cluster))
    said = {
        "expected_votes": count.expected,
        "total_votes": count.total,
        "quorum": count.needed,
    }
    news = _changed(cluster, said)
    if news:
        journal.hint(Kind.CLUSTER, [cluster.name])
        _write(cluster, news)


def qdevice_of(cluster: Cluster) -> QDevice | None:
    """The QDevice as it was recorded; None when it was not asked for yet."""
    if cluster.qdevice is None:
        return None
    return msgspec.convert(cluster.qdevice, QDevice)


def _quorum(memory: Memory) -> dict[str, Any]:
    picture = memory.picture
    quorate = judge_quorate(picture.membership, picture.ha)
    return {} if quorate is None else {"quorate": quorate}


def _ha(memory: Memory) -> dict[str, Any]:
    ha = memory.picture.ha
    if ha is None:
        return {}
    return {
        "ha_manager_node": ha.manager_node or "",
        "ha_manager_state": (ha.manager_state or "")[:32],
        "ha_armed_state": (ha.armed_state or "")[:32],
        "ha_quorum_text": ha.quorum_text[:200],
    }


def _names(cluster: Cluster, answers: Answers) -> dict[str, Any]:
    membership = answers.look.membership
    if membership is None:
        return {}
    return {
        "pve_name": (membership.cluster_name or "")[:63],
        "found_addresses": found_addresses(cluster, membership),
    }


def _tell(cluster: Cluster, news: dict[str, Any], journal: Journal) -> None:
    """The lines of history in what is new."""
    blind = cluster.reach not in {Reach.OK, Reach.PERMISSION, Reach.NEVER}
    if "reach" in news and blind:
        journal.tell([Happening(Fact.API_REACHABLE, cluster.name)])
    moved_from = cluster.ha_manager_node
    if moved_from and news.get("ha_manager_node"):
        params = {"source": moved_from, "target": news["ha_manager_node"]}
        journal.tell([Happening(Fact.HA_MANAGER_MOVED, cluster.name, params)])


def tell_quorum(cluster: Cluster, quorate: bool | None, memory: Memory, journal: Journal) -> None:
    """A line of history once a change of quorum has been said twice."""
    announced = memory.quorum.hear(quorate)
    if announced is not None:
        fact = Fact.QUORUM_REGAINED if announced else Fact.QUORUM_LOST
        journal.tell([Happening(fact, cluster.name)])


def _changed(cluster: Cluster, said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if getattr(cluster, name) != value}


def _write(cluster: Cluster, news: dict[str, Any]) -> None:
    Cluster.objects.filter(pk=cluster.pk).update(**news)
    for name, value in news.items():
        setattr(cluster, name, value)
