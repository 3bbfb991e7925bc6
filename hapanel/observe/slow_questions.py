"""What changes rarely: asked once a minute or less, one question per round, sooner on a hint."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from hapanel.live.stream import Kind, connection
from hapanel.observe.journal import Journal
from hapanel.observe.record_state import write_votes
from hapanel.ports.cluster_gateway import ClusterGateway
from hapanel.ports.errors import ClusterError, Unreachable
from nodes.models import Cluster, Event, Node, SshAccess, Storage
from vms.ha_records import record_rules
from vms.models import HaResource

logger = logging.getLogger(__name__)

HISTORY_KEPT = timedelta(days=90)

INTERFACES_AT_ONCE = 2
_KEPT_SECONDS = 86400

Answer = Callable[[Cluster, ClusterGateway, Journal], None]
Rights = Mapping[str, Mapping[str, bool]]
JudgeRights = Callable[[Rights], list[str]]


@dataclass(frozen=True)
class Question:
    """One rare question: how often, in seconds, and what is done with the answer."""

    name: str
    seconds: float
    run: Answer


def ask_slowly(
    cluster: Cluster, gateway: ClusterGateway, judge_rights: JudgeRights | None = None
) -> None:
    """Ask the question that is most overdue, and those that were never asked.

    judge_rights: names the privileges that are missing among the token's own. A question that
    fails waits for its next turn: the look itself says when the cluster is away.
    """
    asked, now = _asked(cluster.pk), time.time()
    questions = QUESTIONS if judge_rights is None else (*QUESTIONS, _rights_by(judge_rights))
    never = [question for question in questions if question.name not in asked]
    due = [q for q in questions if q.name in asked and now - asked[q.name] >= q.seconds]
    due.sort(key=lambda question: asked[question.name] + question.seconds)
    for question in never or due[:1]:
        connection().hset(_key(cluster.pk), question.name, repr(time.time()))
        connection().expire(_key(cluster.pk), _KEPT_SECONDS)
        if not _ask(question, cluster, gateway):
            return


def ask_rights(cluster: Cluster, gateway: ClusterGateway, judge_rights: JudgeRights) -> None:
    """Ask for the token's rights now. Raises ClusterError."""
    journal = Journal()
    _rights_by(judge_rights).run(cluster, gateway, journal)
    journal.write(cluster, timezone.now())


def want_slowly(cluster_id: int, *names: str) -> None:
    """Something hints that these answers changed: ask again soon. Raises RedisError."""
    now = time.time()
    for name in names:
        if connection().hexists(_key(cluster_id), name):
            seconds = next(q.seconds for q in QUESTIONS if q.name == name)
            connection().hset(_key(cluster_id), name, repr(now - seconds))


def _ask(question: Question, cluster: Cluster, gateway: ClusterGateway) -> bool:
    """Whether the next question may be asked too."""
    journal = Journal()
    try:
        question.run(cluster, gateway, journal)
    except Unreachable:
        return False
    except ClusterError as error:
        logger.info("%s: %s not read: %s", cluster.name, question.name, error.reason)
    with transaction.atomic():
        journal.write(cluster, timezone.now())
    return True


def _asked(cluster_id: int) -> dict[str, float]:
    found = cast("dict[bytes, bytes]", connection().hgetall(_key(cluster_id)))
    return {name.decode(): float(at) for name, at in found.items()}


def _key(cluster_id: int) -> str:
    return f"hapanel:slow:{cluster_id}"


def _set(cluster: Cluster, journal: Journal, **said: Any) -> bool:
    """Write the fields of the cluster that changed; whether any did."""
    news = {name: value for name, value in said.items() if getattr(cluster, name) != value}
    if news:
        Cluster.objects.filter(pk=cluster.pk).update(**news)
        for name, value in news.items():
            setattr(cluster, name, value)
        journal.hint(Kind.CLUSTER, [cluster.name])
    return bool(news)


def _votes(cluster: Cluster, gateway: ClusterGateway, journal: Journal) -> None:
    for answer in gateway.votes():
        changed = (
            Node.objects.filter(cluster=cluster, name=answer.name)
            .exclude(votes=answer.votes, corosync_links=list(answer.links))
            .update(votes=answer.votes, corosync_links=list(answer.links))
        )
        journal.hint(Kind.NODE, [answer.name] if changed else [])
    # A machine on its own has no corosync and no votes to count; its one vote is all there is.
    if not Node.objects.filter(cluster=cluster, votes__isnull=False).exists():
        Node.objects.filter(cluster=cluster).update(votes=1)
    write_votes(cluster, journal)


def _qdevice(cluster: Cluster, gateway: ClusterGateway, journal: Journal) -> None:
    said = msgspec.to_builtins(gateway.qdevice())
    before = dict(cluster.qdevice or {})
    if _without_poll_time(said) != _without_poll_time(before):
        _set(cluster, journal, qdevice=said)
    write_votes(cluster, journal)


def _without_poll_time(qdevice: dict[str, Any]) -> dict[str, Any]:
    """The text ends with the time of the last poll, which is no change."""
    return {name: value for name, value in qdevice.items() if name != "text"}


def _version(cluster: Cluster, gateway: ClusterGateway, journal: Journal) -> None:
    _set(cluster, journal, pve_version=gateway.version()[:32])


def _resources(cluster: Cluster, gateway: ClusterGateway, journal: Journal) -> None:
    """What only the configuration tells of an HA resource: group, comment and limits."""
    rows = {row.sid: row for row in HaResource.objects.filter(cluster=cluster)}
    for service in gateway.ha_services():
        row = rows.get(service.sid)
        said: dict[str, Any] = {
            "group": (service.group or "")[:64],
            "comment": service.comment or "",
        }
        if row is not None and any(getattr(row, name) != value for name, value in said.items()):
            HaResource.objects.filter(pk=row.pk).update(**said, changed_at=timezone.now())
            journal.hint(Kind.HA, [service.sid])


def _rules(cluster: Cluster, gateway: ClusterGateway, journal: Journal) -> None:
    changed = record_rules(cluster, gateway.ha_rules())
    journal.hint(Kind.HA, ["rules"] if changed else [])


def _groups(cluster: Cluster, gateway: ClusterGateway, journal: Journal) -> None:
    said = msgspec.to_builtins(gateway.ha_groups())
    changed = _set(cluster, journal, ha_groups=list(said))
    journal.hint(Kind.HA, ["groups"] if changed else [])


def _options(cluster: Cluster, gateway: ClusterGateway, journal: Journal) -> None:
    said = gateway.datacenter_options()
    _set(cluster, journal, datacenter_options=None if said is None else msgspec.to_builtins(said))


def _storages(cluster: Cluster, gateway: ClusterGateway, journal: Journal) -> None:
    for answer in gateway.storages():
        vg = (answer.vgname or "")[:128]
        rows = Storage.objects.filter(cluster=cluster, storage=answer.storage).exclude(vg=vg)
        nodes = list(rows.values_list("node", flat=True))
        if nodes:
            rows.update(vg=vg)
            journal.hint(Kind.STORAGE, (f"{node}/{answer.storage}" for node in nodes))


def _rights_by(judge: JudgeRights) -> Question:
    """Whether the token still may what the panel needs: rights are given and taken any time."""

    def run(cluster: Cluster, gateway: ClusterGateway, journal: Journal) -> None:
        _set(cluster, journal, missing_privileges=judge(gateway.permissions()))

    return Question("rights", 300, run)


def _volume_groups(cluster: Cluster, gateway: ClusterGateway, journal: Journal) -> None:
    """One node in its turn: the question wakes disks, and a big cluster has many nodes."""
    nodes = list(Node.objects.filter(cluster=cluster, status__in=["online", "maintenance"]))
    if not nodes:
        return
    turn = int(connection().incr(f"hapanel:slow:turn:{cluster.pk}"))
    node = nodes[turn % len(nodes)]
    found = [
        {"vg": group.vg, "size": group.size, "free": group.free}
        for group in gateway.volume_groups(node.name)
    ]
    if found != node.volume_groups:
        Node.objects.filter(pk=node.pk).update(volume_groups=found)
        journal.hint(Kind.NODE, [node.name])


def _interfaces(cluster: Cluster, gateway: ClusterGateway, journal: Journal) -> None:
    """Some nodes in their turn, and only where the addresses in DRBD's files are compared."""
    if not SshAccess.objects.filter(cluster=cluster, is_on=True).exists():
        return
    seen = Node.objects.filter(cluster=cluster, status__in=["online", "maintenance"])
    by_age = seen.order_by(F("interfaces_at").asc(nulls_first=True), "name")
    for node in by_age[:INTERFACES_AT_ONCE]:
        said = msgspec.to_builtins(gateway.node_addresses(node.name))
        said = {name: list(value) for name, value in said.items()}
        journal.hint(Kind.NODE, [node.name] if said != node.interfaces else [])
        Node.objects.filter(pk=node.pk).update(interfaces=said, interfaces_at=timezone.now())


def _history(cluster: Cluster, gateway: ClusterGateway, journal: Journal) -> None:
    """No question at all: what is older than anybody asks for goes."""
    del gateway, journal
    oldest = datetime.now(UTC) - HISTORY_KEPT
    Event.objects.filter(cluster=cluster, at__lt=oldest).delete()


# In this order at the first meeting. All of them together are an eighth of a call a second.
QUESTIONS = (
    Question("votes", 60, _votes),
    Question("qdevice", 30, _qdevice),
    Question("version", 600, _version),
    Question("storages", 120, _storages),
    Question("rules", 60, _rules),
    Question("resources", 120, _resources),
    Question("groups", 300, _groups),
    Question("options", 120, _options),
    Question("volume groups", 60, _volume_groups),
    Question("interfaces", 120, _interfaces),
    Question("history", 3600, _history),
)
