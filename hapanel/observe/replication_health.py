"""The judgement of a cluster's resources, recorded when it changes, with a line of history."""

from __future__ import annotations

from datetime import datetime

from hapanel.drbd.findings import Code, Severity
from hapanel.observe.events import Fact, Happening
from hapanel.observe.journal import Journal
from nodes.models import Cluster, DrbdResource
from vms.replication import Resource, replication_of

# Said while it lasts and gone by itself: no line of history each.
FLEETING = frozenset({Code.CONTRADICTION})


def judge_anew(cluster: Cluster, at: datetime, journal: Journal) -> None:
    """Judge every resource and write what changed of its health and its links."""
    for resource in replication_of(cluster, at).resources:
        if resource.record is not None:
            _write(resource, resource.record, at, journal)


def _write(resource: Resource, record: DrbdResource, at: datetime, journal: Journal) -> None:
    lasting = [one for one in resource.judgement.findings if one.code not in FLEETING]
    health = lasting[0].code.value if lasting else record.health
    apart_since = _apart_since(resource, record, at)
    if health == record.health and apart_since == record.apart_since:
        return
    if lasting and health != record.health:
        first = lasting[0]
        if record.health or first.severity is not Severity.OK:
            journal.tell([_judged(resource.name, first.code, first.severity, record.health)])
        record.since = at
    record.health, record.apart_since = health, apart_since
    DrbdResource.objects.filter(pk=record.pk).update(
        health=record.health, since=record.since, apart_since=apart_since
    )


def _judged(name: str, code: Code, severity: Severity, before: str) -> Happening:
    shape = {Severity.DANGER: "danger", Severity.WARN: "warn", Severity.OK: "ok"}
    return Happening(
        Fact.REPLICATION_JUDGED,
        name,
        {"health": code.value, "before": before},
        severity=shape.get(severity, "info"),
    )


def _apart_since(resource: Resource, record: DrbdResource, at: datetime) -> datetime | None:
    """Since when a link does not stand. A side that is not seen changes nothing about it."""
    links = [link for link in resource.replication.links if link.ends]
    if not links:
        return record.apart_since
    if all(link.is_connected for link in links):
        return None
    return record.apart_since or at
