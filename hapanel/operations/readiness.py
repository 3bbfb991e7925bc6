"""Readiness and capacity of a cluster, judged from the records: for pages and the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from threading import Lock

import msgspec

from hapanel.ha.capacity.loss import Loss, Survey
from hapanel.ha.capacity.planned import Plan, Planned, plan
from hapanel.ha.forecast.snapshot import Snapshot
from hapanel.ha.readiness.facts import Facts
from hapanel.ha.readiness.judge import Headline, Readiness, readiness
from hapanel.kernel.refusal import Refused, gettext_noop, refusal_kind
from hapanel.operations.forecast_facts import snapshot_of
from hapanel.operations.forecasts import why_not_seen
from nodes.models import Cluster, Node
from nodes.selectors import verdict_of
from vms.replication import replication_of

UNKNOWN_STORAGE = refusal_kind(
    "unknown-storage",
    gettext_noop("%(cluster)s has no storage %(storage)s."),
    gettext_noop("Leave the storage out, or name one that holds disk images: %(storages)s."),
    status=422,
    field="storage",
)
_REMEMBERED = 8
Services = Mapping[int, Sequence[str]]


@lru_cache(maxsize=_REMEMBERED)
def _losses(picture: bytes) -> tuple[Loss, ...]:
    """Remembered for the last pictures: a large cluster takes more than a second."""
    return Survey(msgspec.msgpack.decode(picture, type=Snapshot)).each()


def losses_of(seen: Snapshot) -> tuple[Loss, ...]:
    """What has to fit where when each node of `seen` dies."""
    return _losses(msgspec.msgpack.encode(seen))


def capacity_of(cluster: Cluster) -> tuple[Loss, ...]:
    """What has to fit where when each node of `cluster` dies. Raises Refused."""
    return losses_of(_seen(cluster))


def planned_on(cluster: Cluster, wanted: Planned) -> Plan:
    """Whether `wanted` fits, and still with one node less. Raises Refused."""
    seen = _seen(cluster)
    names = {each.storage for each in seen.storages if "images" in each.content.split(",")}
    if wanted.storage and wanted.storage not in names:
        listed = ", ".join(sorted(names)) or "-"
        raise Refused(
            UNKNOWN_STORAGE(cluster=cluster.name, storage=wanted.storage, storages=listed)
        )
    return plan(seen, wanted, losses_of(seen))


def _seen(cluster: Cluster) -> Snapshot:
    refusal = why_not_seen(cluster)
    if refusal is not None:
        raise Refused(refusal)
    return snapshot_of(cluster)


def readiness_of(cluster: Cluster, nodes: Sequence[Node], services: Services) -> Readiness:
    """Everything, room for the guests of each node included. services: names by guest id.

    Raises Refused when the cluster was not seen lately.
    """
    seen = _seen(cluster)
    facts = _facts(cluster, nodes, seen, services, losses_of(seen))
    replicated = tuple(one.judgement for one in replication_of(cluster).resources)
    return readiness(msgspec.structs.replace(facts, replication=replicated or None))


def at_a_glance(cluster: Cluster, nodes: Sequence[Node]) -> Readiness:
    """What one pass over the records tells, without a run of the engine: for the overview."""
    seen = snapshot_of(cluster, only_managed=True)
    made = readiness(_facts(cluster, nodes, seen, {}, None))
    _headlines.keep(cluster, nodes, made.headline)
    return made


def _facts(
    cluster: Cluster,
    nodes: Sequence[Node],
    seen: Snapshot,
    services: Services,
    losses: tuple[Loss, ...] | None,
) -> Facts:
    return Facts(
        seen=seen,
        votes=verdict_of(cluster, nodes),
        services=services,
        losses=losses,
        sees_ha=not cluster.is_ha_stale(),
    )


class _Headlines:
    """The last headline of each cluster, for marks that stand on every page."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[int, tuple[object, Headline]] = {}

    def of(self, cluster: Cluster, nodes: Sequence[Node]) -> Headline:
        """Judged anew after each look at the cluster, and when its own row or a node changed."""
        key = _stamp(cluster, nodes)
        with self._lock:
            known = self._known.get(cluster.pk)
        if known is not None and known[0] == key:
            return known[1]
        return at_a_glance(cluster, nodes).headline

    def keep(self, cluster: Cluster, nodes: Sequence[Node], headline: Headline) -> None:
        """Remember what was just judged."""
        with self._lock:
            self._known[cluster.pk] = (_stamp(cluster, nodes), headline)


def _stamp(cluster: Cluster, nodes: Sequence[Node]) -> object:
    """What the headline depends on and is at hand without a question."""
    own = (
        cluster.observed_at,
        cluster.is_stale(),
        cluster.is_ha_stale(),
        cluster.quorate,
        cluster.expected_votes,
        cluster.ha_manager_node,
        cluster.ha_manager_state,
        cluster.ha_armed_state,
        repr(cluster.qdevice),
    )
    rows = tuple((n.name, n.status, n.votes, n.lrm_dead, n.lrm_state, n.maxmem) for n in nodes)
    return own, rows


_headlines = _Headlines()


def headline_of(cluster: Cluster, nodes: Sequence[Node]) -> Headline:
    """The one sentence about a cluster and how bad it is, the same on every page."""
    return _headlines.of(cluster, nodes)
