"""The cluster's own row: how it is reached, its quorum, its HA manager, its votes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
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
_SILENT = {"observed_at", "attempted_at", "answered_by", "ha_seen_at"}
# Less than this apart, clocks count as equal: the stamp of an answer is good to a second.
_SAME_CLOCK = 2.0
# From here on the log says that forecasts and times cannot be compared.
_CLOCK_IS_WRONG = 60.0

logger = logging.getLogger(__name__)


def reach_of(error: ClusterError) -> Reach:
    """The word for how a look failed."""
    try:
        return Reach(error.kind)
    except ValueError:
        return Reach.FAULT


def write_state(cluster: Cluster, answers: Answers, memory: Memory, journal: Journal) -> None:
    """Write how the look went and what it said about the cluster as a whole."""
    said = _quorum(cluster, memory) | _ha(memory) | _names(cluster, answers)
    said |= _clock(cluster, answers.clock_offset)
    lacking = memory.still_lacking(answers)
    said |= {
        "reach": reach_of(lacking) if lacking else Reach.OK,
        "reach_detail": lacking.reason[:300] if lacking else "",
        "answered_by": answers.answered_by[:200],
        "seen_by": answers.seen_by[:63] or cluster.seen_by,
        "other_views": [view.as_record() for _, view in sorted(memory.views.items())],
    }
    news = _changed(cluster, said)
    if lacking and "reach" in news:
        logger.warning(
            "%s is seen in part only: %s (%s)", cluster.name, lacking.reason, lacking.kind
        )
    _tell(cluster, news, journal)
    journal.tell(_cut_off(cluster, memory))
    journal.hint(Kind.CLUSTER, [cluster.name] if news.keys() - _SILENT else [])
    at = answers.look.answered_at
    news |= {"observed_at": at, "attempted_at": at}
    if answers.look.ha is not None:
        news["ha_seen_at"] = at
    _write(cluster, news)


def write_failure(
    cluster: Cluster, error: ClusterError, attempted_at: datetime, journal: Journal
) -> None:
    """Write that nobody answered, or not well. Nothing else is touched: what was seen stands,
    with its age."""
    reach = reach_of(error)
    news = _changed(cluster, {"reach": reach, "reach_detail": error.reason[:300]})
    if not _is_blind(cluster) and cluster.attempted_at is not None:
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


def _cut_off(cluster: Cluster, memory: Memory) -> Iterator[Happening]:
    """Nodes that answer the panel by themselves although the others do not see them."""
    known = {view["node"] for view in cluster.other_views}
    for node, view in memory.views.items():
        if node not in known and node not in memory.picture.nodes_seen:
            yield Happening(Fact.NODE_CUT_OFF, node, {"sees": ", ".join(view.sees)})


def judged_quorate(memory: Memory) -> bool | None:
    """Whether the node that answers has quorum, by the last answers; None when nobody tells."""
    return judge_quorate(memory.picture.membership, memory.picture.ha)


def _quorum(cluster: Cluster, memory: Memory) -> dict[str, Any]:
    """A No of a node that sees all the others is believed when it is said twice: one odd answer
    shall not turn a page red. With a node missing it is believed at once."""
    quorate, picture = judged_quorate(memory), memory.picture
    sees_all = len(picture.nodes_seen) == len(picture.nodes)
    if quorate is False and cluster.quorate and sees_all and not memory.quorum.is_certain:
        return {}
    return {"quorate": quorate}


def _clock(cluster: Cluster, offset: float | None) -> dict[str, Any]:
    """How far ahead the cluster's clock is: written when it moved, not with each answer."""
    if offset is None:
        return {}
    known = cluster.clock_offset or 0.0
    if abs(offset - known) < _SAME_CLOCK:
        return {}
    if abs(offset) >= _CLOCK_IS_WRONG:
        logger.warning("%s: its clock is %+.0f s off the panel's", cluster.name, offset)
    return {"clock_offset": round(offset) if abs(offset) >= _SAME_CLOCK else 0.0}


def _ha(memory: Memory) -> dict[str, Any]:
    ha = memory.picture.ha
    if ha is None:
        return {"ha_manager_node": "", "ha_manager_state": "", "ha_armed_state": ""}
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
    if _is_blind(cluster):
        journal.tell([Happening(Fact.API_REACHABLE, cluster.name)])
    moved_from = cluster.ha_manager_node
    if moved_from and news.get("ha_manager_node"):
        params = {"source": moved_from, "target": news["ha_manager_node"]}
        journal.tell([Happening(Fact.HA_MANAGER_MOVED, cluster.name, params)])


def _is_blind(cluster: Cluster) -> bool:
    """Whether the last look at it failed: only a good one moves both times."""
    return cluster.attempted_at != cluster.observed_at


def tell_quorum(cluster: Cluster, announced: bool | None, journal: Journal) -> None:
    """A line of history once a change of quorum has been said twice; None: nothing to announce."""
    if announced is not None:
        fact = Fact.QUORUM_REGAINED if announced else Fact.QUORUM_LOST
        journal.tell([Happening(fact, cluster.name)])


def _changed(cluster: Cluster, said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if getattr(cluster, name) != value}


def _write(cluster: Cluster, news: dict[str, Any]) -> None:
    Cluster.objects.filter(pk=cluster.pk).update(**news)
    for name, value in news.items():
        setattr(cluster, name, value)
