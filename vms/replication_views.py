"""Pages of a cluster's replication: the drawing, its judgement, history, and LVM side by side."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from hapanel.access import Permission, may
from hapanel.drbd.findings import Evidence, Fact, Finding
from hapanel.drbd.snapshots import snapshots_of
from hapanel.observe.event_words import sentence
from hapanel.observe.events import REPLICATION_FACTS
from hapanel.ui.fragment import fragment
from hapanel.ui.guard import requires
from hapanel.ui.replication_states import fact_word, finding_shown
from hapanel.ui.states import Shown
from nodes.models import Cluster, Event, Node, Storage
from nodes.node_interfaces import interfaces_of
from nodes.replication import NodeWord
from nodes.replication_files import FilesShown, files_beside
from nodes.selectors import cluster_named
from vms.replication import ClusterReplication, Resource, replication_of
from vms.replication_acts import cures_of, offers_of
from vms.replication_drawing import Row, rows_of
from vms.replication_load import loads_shown
from vms.replication_lvm import group_rows
from vms.verify_panel import verify_shown

PARTS = ("replication", "replication-verify", "replication-files", "replication-history")
EVENTS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class EvidenceShown:
    """One fact that a finding rests on, with its label."""

    label: str
    evidence: Evidence

    @property
    def is_size(self) -> bool:
        return self.evidence.fact is Fact.OUT_OF_SYNC

    @property
    def is_age(self) -> bool:
        return self.evidence.fact in {Fact.AGE, Fact.BOTH_PRIMARY, Fact.MEASURED_OVER}

    @property
    def is_rate(self) -> bool:
        return self.evidence.fact in {Fact.WRITE_RATE, Fact.SENT_RATE}

    @property
    def moment(self) -> datetime | None:
        """When it was, of facts that are moments."""
        if self.evidence.fact not in {Fact.LAST_PRIMARY, Fact.APART_SINCE}:
            return None
        return datetime.fromisoformat(str(self.evidence.value))


@dataclass(frozen=True, slots=True)
class FindingShown:
    """A finding with its shape and what it rests on, by node."""

    finding: Finding
    shown: Shown
    evidence: tuple[tuple[str, tuple[EvidenceShown, ...]], ...]


@requires(Permission.SEE_CLUSTERS)
def replication_page(request: HttpRequest, cluster: str, resource: str = "") -> HttpResponse:
    """All resources of the cluster, and one of them in full: the named one, or the worst."""
    found = cluster_named(cluster)
    seen = replication_of(found)
    chosen = seen.resource(resource) if resource else next(iter(seen.resources), None)
    if resource and chosen is None:
        raise Http404(resource)
    nodes = list(found.nodes.order_by("name"))
    context: dict[str, Any] = {
        "cluster": found,
        "seen": seen,
        "resources": [(one, finding_shown(one.judgement.findings[0])) for one in seen.resources],
        "chosen": chosen,
        "faults": [word for word in seen.known.words if word.fault or _complains(word)],
        "groups": group_rows(seen, [node.name for node in nodes]),
        "shared": _shared_storages(found) if not seen.resources else [],
        "is_set_up": seen.known.access is not None,
        "is_on": seen.known.is_on,
        "ssh_tells": any(word.is_now for word in seen.known.words),
        "may_set_up": may(request.user, Permission.CHANGE_CLUSTERS),
        "section": "replication",
        "now": timezone.now(),
    }
    if chosen is not None:
        context |= _about(found, seen, chosen, nodes)
    return fragment(request, "vms/replication.html", context, *PARTS)


def _complains(word: NodeWord) -> bool:
    return word.is_now and word.row is not None and bool(word.row.complaint)


def _about(
    cluster: Cluster, seen: ClusterReplication, chosen: Resource, nodes: list[Node]
) -> dict[str, Any]:
    ips = {node.name: node.ip for node in nodes}
    words = {word.node: word for word in seen.known.words}
    findings = [_shown(finding) for finding in chosen.judgement.findings]
    rows: list[Row] = rows_of(chosen, words, ips)
    offers = offers_of(chosen)
    return {
        "findings": findings,
        "first": findings[0],
        "offers": offers,
        "cures": cures_of(chosen, offers),
        "verify": verify_shown(cluster, chosen),
        "rows": rows,
        "events": [(event, sentence(event)) for event in _events(cluster, chosen.name)],
        # Only their own part shows them, and setting them side by side is a fifth of the time.
        "files": SimpleLazyObject(lambda: _files(chosen, words)),
        "interfaces": interfaces_of(nodes, timezone.now()),
        "loads": loads_shown(chosen, seen.known),
        "snapshots": [
            one
            for word in seen.known.words
            for one in snapshots_of(chosen.name, word.node, word.lvm)
        ],
        "version": next((w.row.drbd_version for w in words.values() if w.row), ""),
    }


def _files(chosen: Resource, words: dict[str, NodeWord]) -> list[FilesShown]:
    """The first side's configuration beside that of each other one."""
    first, *others = [
        words.get(side.node, NodeWord(side.node)) for side in chosen.replication.sides
    ]
    shown = [files_beside(first, other) for other in others or [first]]
    return [files for files in shown if files is not None]


def _shown(finding: Finding) -> FindingShown:
    by_node: dict[str, list[EvidenceShown]] = {}
    for one in finding.evidence:
        by_node.setdefault(one.node, []).append(EvidenceShown(fact_word(one.fact), one))
    evidence = tuple((node, tuple(facts)) for node, facts in by_node.items())
    return FindingShown(finding, finding_shown(finding), evidence)


def _events(cluster: Cluster, name: str) -> QuerySet[Event]:
    events = Event.objects.filter(cluster=cluster, fact__in=REPLICATION_FACTS, subject=name)
    return events.order_by("-at", "-id")[:EVENTS_SHOWN]


def _shared_storages(cluster: Cluster) -> list[Storage]:
    """What the API tells of a volume group that nodes share: that it is there, and its size."""
    shared = Storage.objects.filter(cluster=cluster, shared=True, type__in=["lvm", "lvmthin"])
    return list(shared.order_by("storage", "node"))
