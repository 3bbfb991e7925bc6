"""The panel's own figures for Prometheus, read from records and Redis, never from a cluster.

What is stale is absent: a figure that stood still would be taken for the present. The number of
questions does not grow with clusters, guests or services.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from django.db import DatabaseError
from django.db.models import Count
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from redis import RedisError

from hapanel.helpdesk.models import Service, ServiceState
from hapanel.helpdesk.recent import last_probes
from hapanel.operations.models import HOLDING_STATES, Operation
from nodes.models import Cluster, Node, NodeStatus, Reach
from nodes.upstream import calls_per_second_of
from vms.models import Guest

# Shown with 0 when no guest is in them; Proxmox's other words appear when a guest has them.
USUAL_GUEST_STATES = ("running", "stopped", "unknown")
ANSWERING = (ServiceState.UP, ServiceState.DEGRADED)

Figures = Iterator[GaugeMetricFamily]


class PanelFigures(Collector):
    """Asked anew for each scrape; without the database there is nothing to tell."""

    def collect(self) -> Figures:
        """All families; each has a sample only for what is known now."""
        now = timezone.now()
        wanted = ("name", "reach", "quorate", "observed_at")
        try:
            clusters = list(Cluster.objects.only(*wanted))
            fresh = {each.pk: each for each in clusters if not each.is_stale(now)}
            yield from _clusters(clusters, fresh, now)
            yield _nodes(fresh)
            yield _guests(fresh)
            yield _operations()
            yield _services(now)
            yield _upstream(clusters)
        except DatabaseError:
            return


def _clusters(clusters: list[Cluster], fresh: dict[int, Cluster], now: datetime) -> Figures:
    reachable = _family("cluster_reachable", "1: the last look succeeded, 0: it failed.", "cluster")
    age = _family("cluster_observed_age_seconds", "Seconds since the last good look.", "cluster")
    quorate = _family("cluster_quorate", "1: the cluster has quorum, 0: it has none.", "cluster")
    for cluster in clusters:
        is_fresh = cluster.pk in fresh
        # When nobody looks any more, the last success says nothing about now.
        if cluster.reach != Reach.NEVER and (is_fresh or cluster.reach != Reach.OK):
            reachable.add_metric([cluster.name], cluster.reach == Reach.OK)
        if cluster.observed_at is not None:
            seconds = (now - cluster.observed_at).total_seconds()
            age.add_metric([cluster.name], max(0.0, seconds))
        if is_fresh and cluster.quorate is not None:
            quorate.add_metric([cluster.name], cluster.quorate)
    yield from (reachable, age, quorate)


def _nodes(fresh: dict[int, Cluster]) -> GaugeMetricFamily:
    found = Node.objects.filter(cluster__in=fresh).order_by().values_list("cluster_id", "status")
    counted = {(pk, status): count for pk, status, count in found.annotate(count=Count("pk"))}
    family = _family("cluster_nodes", "Nodes by state.", "cluster", "state")
    for pk, cluster in fresh.items():
        for status in NodeStatus.values:
            family.add_metric([cluster.name, status], counted.get((pk, status), 0))
    return family


def _guests(fresh: dict[int, Cluster]) -> GaugeMetricFamily:
    found = Guest.objects.filter(cluster__in=fresh, gone_at=None).order_by()
    rows = found.values_list("cluster_id", "status").annotate(count=Count("pk"))
    counted = {pk: Counter(dict.fromkeys(USUAL_GUEST_STATES, 0)) for pk in fresh}
    for pk, status, count in rows:
        counted[pk][status] += count
    family = _family("guests", "Guests by state.", "cluster", "state")
    for pk, states in counted.items():
        for status, count in states.items():
            family.add_metric([fresh[pk].name, status], count)
    return family


def _operations() -> GaugeMetricFamily:
    found = Operation.objects.filter(state__in=HOLDING_STATES).order_by().values_list("state")
    counted = dict(found.annotate(count=Count("pk")))
    family = _family("operations", "Operations that have not ended, by state.", "state")
    for state in HOLDING_STATES:
        family.add_metric([state.value], counted.get(state.value, 0))
    return family


def _services(now: datetime) -> GaugeMetricFamily:
    probes = last_probes()
    family = _family("service_up", "1: the service answers, 0: not.", "cluster", "service")
    for pk, cluster, name, state in Service.objects.values_list(
        "pk", "cluster__name", "name", "state"
    ):
        probe = probes.get(pk)
        if probe and not probe.is_stale(now) and state != ServiceState.UNKNOWN:
            family.add_metric([cluster, name], state in ANSWERING)
    return family


def _upstream(clusters: list[Cluster]) -> GaugeMetricFamily:
    family = _family("upstream_calls_per_second", "Calls to the cluster, last minute.", "cluster")
    try:
        rates = calls_per_second_of([each.pk for each in clusters])
    except RedisError:
        return family
    for cluster in clusters:
        family.add_metric([cluster.name], rates[cluster.pk])
    return family


def _family(name: str, says: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"hapanel_{name}", says, labels=labels)
