"""What happens if nodes die now, judged from the records: for pages, the API and the shell."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import timedelta
from threading import Lock

import msgspec
from django.utils import timezone

from hapanel.ha import migration_refusals as no
from hapanel.ha.forecast.oracle import Oracle
from hapanel.ha.forecast.outcome import Forecast
from hapanel.ha.forecast.snapshot import Snapshot
from hapanel.kernel.refusal import Refusal, Refused, gettext_noop, refusal_kind
from hapanel.operations.forecast_facts import snapshot_of
from nodes.models import Cluster, Reach

UNKNOWN_NODE = refusal_kind(
    "unknown-node",
    gettext_noop("%(cluster)s has no node %(node)s."),
    gettext_noop("It has these: %(nodes)s."),
    status=422,
    field="fail",
)
NOTHING_FAILS = refusal_kind(
    "nothing-fails",
    gettext_noop("No node is named that shall die."),
    gettext_noop("Name at least one node of the cluster."),
    status=422,
    field="fail",
)
FORECAST_OF_THE_PAST = refusal_kind(
    "forecast-of-the-past",
    gettext_noop("The panel keeps no picture of the cluster as it was at that time."),
    gettext_noop("Leave `at` out, or name a time that is still to come."),
    status=422,
    field="at",
)
CLOCK_SLACK = timedelta(seconds=30)
_REMEMBERED = 8
# All single failures of a large cluster and then some; there are endlessly many combinations.
_ANSWERS_REMEMBERED = 100


class _Pictures:
    """The oracles of the last pictures, each asked by many requests until something changes."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: OrderedDict[bytes, tuple[Oracle, dict[tuple[str, ...], Forecast]]] = (
            OrderedDict()
        )

    def ask(self, seen: Snapshot, *fails: Sequence[str]) -> tuple[Forecast, ...]:
        """One answer for each of `fails`, the remembered one when nothing changed since."""
        key = msgspec.msgpack.encode(seen)
        with self._lock:
            if key not in self._known:
                self._known[key] = (Oracle(seen), {})
            self._known.move_to_end(key)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
            return tuple(self._answer(*self._known[key], fail) for fail in fails)

    @staticmethod
    def _answer(
        oracle: Oracle, answers: dict[tuple[str, ...], Forecast], fail: Sequence[str]
    ) -> Forecast:
        wanted = tuple(sorted(set(fail)))
        found = answers.get(wanted)
        if found is None:
            if len(answers) >= _ANSWERS_REMEMBERED:
                answers.clear()
            found = answers[wanted] = oracle.forecast(*wanted)
        return found


_pictures = _Pictures()


def why_not_seen(cluster: Cluster) -> Refusal | None:
    """Why nothing can be foretold of `cluster` now: it was never seen, or not lately."""
    if cluster.observed_at is None or cluster.reach not in {Reach.OK, Reach.PERMISSION}:
        why = cluster.reach_detail or str(Reach(cluster.reach).label)
        return no.CLUSTER_NOT_SEEN(cluster=cluster.name, reason=why)
    if cluster.is_stale():
        age = round((timezone.now() - cluster.observed_at).total_seconds())
        return no.CLUSTER_STALE(cluster=cluster.name, seconds=age)
    return None


def picture_of(cluster: Cluster) -> Snapshot:
    """What is recorded of `cluster`, where that is the present. Raises Refused."""
    refusal = why_not_seen(cluster)
    if refusal is not None:
        raise Refused(refusal)
    return snapshot_of(cluster)


def foretell(seen: Snapshot, fails: Sequence[Sequence[str]]) -> tuple[Forecast, ...]:
    """What happens if the nodes of each of `fails` die together. KeyError for an unknown one."""
    return _pictures.ask(seen, *fails)


def forecast(cluster: Cluster, fail: Sequence[str]) -> Forecast:
    """What happens if these nodes of `cluster` die now. Raises Refused."""
    seen = picture_of(cluster)
    if not fail:
        raise Refused(NOTHING_FAILS())
    names = [node.name for node in seen.nodes]
    unknown = [name for name in dict.fromkeys(fail) if name not in names]
    if unknown:
        listed = ", ".join(names)
        raise Refused(
            *(UNKNOWN_NODE(cluster=cluster.name, node=name, nodes=listed) for name in unknown)
        )
    return foretell(seen, [fail])[0]


def forecast_each(cluster: Cluster) -> tuple[Forecast, ...]:
    """What happens if any one of its members dies now, by name. Raises Refused."""
    seen = picture_of(cluster)
    return foretell(seen, [[node.name] for node in seen.nodes if node.is_member])
