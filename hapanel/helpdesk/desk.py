"""The records behind the prober: what it needs to know, and where its verdicts go."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.db import close_old_connections, transaction
from django.db.models import Q
from django.utils import timezone

from hapanel.helpdesk import recent
from hapanel.helpdesk.models import Service, ServiceOutage, ServiceState
from hapanel.helpdesk.prober import Surroundings
from hapanel.helpdesk.verdict import Condition, Look, Moving, Verdict
from hapanel.helpdesk.watch import Change, Move, Subject
from hapanel.live.attention import Watched, is_watched
from hapanel.live.stream import Kind as HintKind
from hapanel.live.stream import publish
from hapanel.operations.models import Kind, Operation, State
from hapanel.operations.timeline import hint
from hapanel.operations.wishes import MigrationMode
from hapanel.ports.probe import ProbeTarget
from nodes.models import Cluster

_AT_WORK = (State.QUEUED, State.RUNNING)
OUTAGES = frozenset({Condition.DOWN, Condition.DEGRADED, Condition.MAINTENANCE})


class RecordedDesk:
    """The `Desk` of the running panel; its methods block on the database and on Redis."""

    def read(self) -> Surroundings:
        """Services, migrations, reach and attention, in three queries."""
        close_old_connections()
        at_work = Operation.objects.filter(state__in=_AT_WORK, vmid__isnull=False)
        operations = list(at_work.order_by())
        last, now = recent.last_probes(), timezone.now()
        return Surroundings(
            subjects=tuple(subject_of(s, last.get(s.pk), now) for s in Service.objects.order_by()),
            moves={move.operation_id: move for move in map(_move_of, operations) if move},
            operated=frozenset((o.cluster_id or 0, o.vmid or 0) for o in operations),
            is_watched=is_watched(Watched.SERVICES),
            idle_seconds=settings.PROBE_SECONDS,
            reach={
                pk: f"{reach} {answered_by}"
                for pk, reach, answered_by in Cluster.objects.order_by().values_list(
                    "pk", "reach", "answered_by"
                )
            },
        )

    def record(self, change: Change) -> None:
        """Write a verdict and the outage that it begins, turns or ends; tell whoever looks."""
        close_old_connections()
        with transaction.atomic():
            service = Service.objects.select_related("cluster").filter(pk=change.pk).first()
            if service is None:
                return  # removed meanwhile
            service.state = change.verdict.condition.value
            service.since = change.verdict.since
            service.reason = change.verdict.reason
            service.save(update_fields=["state", "since", "reason"])
            _record_outage(service, change)
            publish([(service.cluster.name, HintKind.SERVICE, str(service.pk))])

    def note_recent(self, looks: Mapping[int, Look]) -> None:
        """Keep the last probes where the pages read their age."""
        recent.note(looks)

    def note_downtime(self, operation_id: int, milliseconds: int) -> None:
        """Note what clients missed; of several services of a guest the one that missed most."""
        close_old_connections()
        smaller = Q(client_downtime_ms=None) | Q(client_downtime_ms__lt=milliseconds)
        operations = Operation.objects.filter(smaller, pk=operation_id)
        with transaction.atomic():
            if operations.update(client_downtime_ms=milliseconds):
                hint(Operation.objects.select_related("cluster").get(pk=operation_id))


def subject_of(service: Service, last: recent.LastProbe | None, now: datetime) -> Subject:
    """The service as the prober sees it when it begins with it.

    After a time without probes nobody knows whether it was up: that verdict starts anew.
    """
    verdict = Verdict(Condition(service.state), service.since, service.reason)
    if last is not None and last.is_stale(now):
        verdict = Verdict(Condition.UNKNOWN, last.at)
    return Subject(
        pk=service.pk,
        cluster_id=service.cluster_id,
        vmids=frozenset(service.vmids),
        target=ProbeTarget(url=service.url, verify_tls=service.verify_tls),
        verdict=verdict,
    )


def _move_of(operation: Operation) -> Move | None:
    # Queued ones too: they begin within a second, and a series needs answers from before.
    if operation.kind != Kind.MIGRATE:
        return None
    mode = operation.params.get("mode")
    # Without a wish the worker takes what fits: a container restarts, a machine moves live.
    stops = operation.guest_type == "lxc" if mode is None else mode != MigrationMode.ONLINE
    return Move(
        operation_id=operation.pk,
        cluster_id=operation.cluster_id or 0,
        vmid=operation.vmid or 0,
        moving=Moving.STOPPED if stops else Moving.LIVE,
        started_at=operation.started_at or operation.created_at,
    )


def _record_outage(service: Service, change: Change) -> None:
    verdict = change.verdict
    if verdict.condition is Condition.UNKNOWN:
        return  # an outage is not over because we cannot look
    current = service.outages.filter(ended_at=None).first()
    if current and verdict.condition in OUTAGES and current.began_at == verdict.since:
        # The same gap, judged anew: a short stop during a migration became an outage.
        current.state, current.reason = verdict.condition.value, verdict.reason
        current.save(update_fields=["state", "reason"])
        return
    if current:
        current.ended_at = max(verdict.since, current.began_at)
        current.save(update_fields=["ended_at"])
    if verdict.condition in OUTAGES:
        ServiceOutage.objects.create(
            service=service,
            state=ServiceState(verdict.condition.value),
            began_at=verdict.since,
            reason=verdict.reason,
            operation_id=change.operation_id,
        )
