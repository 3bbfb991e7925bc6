"""Repeating the verify of a DRBD resource, as people ask for it: set, change, remove.

A schedule is the panel's own and touches no cluster. When its time comes it asks for an operation
like anybody else (`hapanel.operations.verify_due`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time

from django.db import transaction
from django.utils import timezone

from hapanel.audit.actor import Actor
from hapanel.audit.models import record
from hapanel.drbd.configuration.rules.link import VERIFY_MISSING
from hapanel.drbd.verify_times import Every, Rhythm, Weekday, due_after
from hapanel.kernel.refusal import Refusal, Refused, refusal_kind
from hapanel.kernel.refusal import gettext_noop as _
from hapanel.live.stream import Kind as HintKind
from hapanel.live.stream import publish
from hapanel.operations.drbd_scene import recorded_resource
from hapanel.operations.models import VerifyReport, VerifySchedule
from nodes.models import Cluster, DrbdNode

NO_ALGORITHM = refusal_kind(
    "verify-needs-algorithm",
    _(
        "The two copies of %(resource)s can never be compared: its configuration on %(nodes)s sets "
        "no verify-alg."
    ),
    _("Set verify-alg crc32c in its net section on both nodes, then adjust it on each."),
)
NO_SCHEDULE = refusal_kind(
    "verify-schedule-unknown",
    _("The verify of %(resource)s is not repeated."),
    _("Set a day and an hour for it first."),
    status=404,
)


@dataclass(frozen=True)
class ScheduleWish:
    """Verify `resource` every so often on `weekday` at `at`, by the panel's time zone."""

    cluster: Cluster
    resource: str
    every: Every
    weekday: Weekday
    at: time


def refusals_of_schedule(cluster: Cluster, resource: str) -> tuple[Refusal, ...]:
    """Why the verify of a resource cannot be repeated. Raises Refused (404) when it is unknown."""
    recorded_resource(cluster, resource)
    missing = no_algorithm(cluster, resource)
    return (missing,) if missing else ()


def no_algorithm(cluster: Cluster, resource: str) -> Refusal | None:
    """The refusal for want of a verify-alg, as lint found it in the nodes' files; None also while
    no file was read: DRBD has the last word."""
    nodes = [
        row.node
        for row in DrbdNode.objects.filter(cluster=cluster)
        if any(
            one["code"] == VERIFY_MISSING.code and one["params"].get("name") == resource
            for one in row.findings
        )
    ]
    return NO_ALGORITHM(resource=resource, nodes=", ".join(nodes)) if nodes else None


def set_schedule(wish: ScheduleWish, actor: Actor) -> tuple[VerifySchedule, bool]:
    """Record it in place of an earlier one; whether there was none. Raises Refused."""
    refusals = refusals_of_schedule(wish.cluster, wish.resource)
    if refusals:
        raise Refused(*refusals)
    now = timezone.now()
    begins = timezone.localdate(now, timezone.get_default_timezone())
    rhythm = Rhythm(wish.every, wish.weekday, wish.at, begins)
    with transaction.atomic():
        schedule, is_new = VerifySchedule.objects.update_or_create(
            cluster=wish.cluster,
            resource=wish.resource,
            defaults={
                "every": wish.every.value,
                "weekday": wish.weekday.value,
                "at": wish.at,
                "begins": begins,
                "changed_by": actor.name[:150],
                "changed_at": now,
                "next_due": next_due(rhythm, now),
                "waits_because": None,
                "try_at": None,
            },
        )
        said = f"{schedule.every} {schedule.weekday} {wish.at:%H:%M}"
        _tell(schedule, actor, "verify_schedule_set" if is_new else "verify_schedule_changed", said)
    return schedule, is_new


def remove_schedule(schedule: VerifySchedule, actor: Actor) -> None:
    """Repeat it no more. A verify that runs already goes on."""
    with transaction.atomic():
        schedule.delete()
        _tell(schedule, actor, "verify_schedule_removed", "")


def next_due(rhythm: Rhythm, after: datetime) -> datetime:
    """The first due time later than `after`, by the panel's time zone."""
    return due_after(rhythm, after, timezone.get_default_timezone())


def schedule_of(cluster: Cluster, resource: str) -> VerifySchedule | None:
    """The schedule of a resource, with its cluster and its last operation."""
    found = VerifySchedule.objects.filter(cluster=cluster, resource=resource)
    return found.select_related("cluster", "operation").first()


def last_report(cluster: Cluster, resource: str) -> VerifyReport | None:
    """What the last verify that reached its end found, whoever asked for it."""
    found = VerifyReport.objects.filter(cluster=cluster, resource=resource)
    return found.select_related("operation").first()


def hint(schedule: VerifySchedule) -> None:
    """Tell whoever looks at the resource."""
    publish([(schedule.cluster.name, HintKind.DRBD, schedule.resource)])


def _tell(schedule: VerifySchedule, actor: Actor, action: str, said: str) -> None:
    detail = {"rhythm": said} if said else {}
    columns = {**actor.as_columns(), **detail}
    record(action=action, cluster=schedule.cluster.name, subject=schedule.resource, **columns)
    hint(schedule)
