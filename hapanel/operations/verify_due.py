"""What becomes of a scheduled verify when its time has come: begun once, late, or not at all.

Beat asks every few seconds, and several workers may look at the same schedule. Who moves its
`next_due` on, by one UPDATE ... WHERE next_due = what was read, has the due time; the operation is
recorded in the same transaction, so a killed worker leaves both or neither. The operation's key
is the due time's own, which the database keeps unique besides.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from hapanel.audit.models import record
from hapanel.drbd.actions import Action, refusals_of
from hapanel.drbd.verify_times import due_until
from hapanel.kernel.refusal import Refusal, Refused, refusal_kind
from hapanel.kernel.refusal import gettext_noop as _
from hapanel.operations.drbd_action import DrbdWish, request_drbd_action
from hapanel.operations.drbd_scene import recorded_resource, recorded_scene
from hapanel.operations.models import Fate, Kind, Operation, State, VerifySchedule
from hapanel.operations.verify_schedule import hint, no_algorithm
from hapanel.operations.wishes import Asker, Via
from hapanel.ports.replication import Role
from nodes.models import Cluster
from vms.replication import Resource, replication_of

# A verify meant for the night may begin this much later, and no more.
WINDOW = timedelta(hours=3)
TRY_AGAIN = timedelta(minutes=1)
SCHEDULE = Asker("schedule", Via.SCHEDULE)

TOO_LATE = refusal_kind(
    "verify-missed",
    _("Nobody was there to begin it within %(hours)s hours: the panel or its worker did not run."),
    _("Verify by hand when it is wanted before its next time."),
)
LINK_TAKEN = refusal_kind(
    "verify-link-taken",
    _("Operation %(operation)s compares %(resource)s over the same link."),
    _("It begins by itself when that one has ended in time."),
)


@dataclass(frozen=True, slots=True)
class _Turn:
    """A schedule as it was read, the due time to be seen to, how many before it were passed over,
    and the one that follows."""

    schedule: VerifySchedule
    due: datetime
    skipped: int
    following: datetime

    @property
    def earlier_no(self) -> dict[str, Any] | None:
        """Why this due time was refused when it was tried before."""
        is_same = self.due == self.schedule.next_due
        return self.schedule.waits_because if is_same else None

    def move(self, **changes: Any) -> bool:
        """Write, unless somebody was quicker or changed the schedule."""
        mine = VerifySchedule.objects.filter(
            pk=self.schedule.pk, next_due=self.schedule.next_due, begins=self.schedule.begins
        )
        if not mine.update(**changes):
            return False
        if self.skipped:
            _note(self.schedule, Fate.MISSED, times=self.skipped)
        return True


def due_schedules(now: datetime) -> list[int]:
    """The schedules whose time has come, and that did not just try in vain."""
    found = VerifySchedule.objects.filter(_is_due(now)).order_by("next_due", "pk")
    return list(found.values_list("pk", flat=True))


def see_to(schedule_id: int, now: datetime | None = None) -> None:
    """Begin what is due of a schedule, or note why not. Harmless when nothing is due."""
    now = now or timezone.now()
    found = VerifySchedule.objects.select_related("cluster").filter(_is_due(now), pk=schedule_id)
    schedule = found.first()
    if schedule is None:
        return
    zone = timezone.get_default_timezone()
    past, following = due_until(schedule.rhythm, schedule.next_due, now, zone)
    turn = _Turn(schedule, past[-1], len(past) - 1, following)
    if now - turn.due > WINDOW:
        _let_go(turn)
        return
    try:
        _begin(turn)
    except Refused as refused:
        _wait(turn, refused.refusals[0], now)


def _is_due(now: datetime) -> Q:
    return Q(next_due__lte=now) & (Q(try_at=None) | Q(try_at__lte=now))


def _begin(turn: _Turn) -> None:
    """Record the operation and move on, both or neither. Raises Refused, and then neither."""
    schedule = turn.schedule
    with transaction.atomic():
        if not turn.move(**_passed(turn, Fate.STARTED, None)):
            return
        operation = _ask(schedule, turn.due)
        VerifySchedule.objects.filter(pk=schedule.pk).update(operation=operation)
        hint(schedule)


def _ask(schedule: VerifySchedule, due: datetime) -> Operation:
    cluster, name = schedule.cluster, schedule.resource
    resource = recorded_resource(cluster, name)
    hindered = no_algorithm(cluster, name) or _link_taken(cluster, resource)
    if hindered:
        raise Refused(hindered)
    wish = DrbdWish(cluster, name, _node_for(resource), Action.VERIFY)
    key = f"verify-schedule-{schedule.pk}-{due:%Y%m%dT%H%M%SZ}"
    return request_drbd_action(wish, SCHEDULE, idempotency_key=key)


def _node_for(resource: Resource) -> str:
    """Where it is begun: on a Primary, whose copy is in use and compared with each other one; on
    another side when that one may not."""
    sides = sorted(
        resource.replication.sides,
        key=lambda side: (side.now is None or side.now.role is not Role.PRIMARY, side.node),
    )
    nodes = [side.node for side in sides]
    able = (n for n in nodes if not refusals_of(Action.VERIFY, recorded_scene(resource, n)))
    return next(able, nodes[0])


def _link_taken(cluster: Cluster, resource: Resource) -> Refusal | None:
    """A verify of another resource between the same nodes: both would only take turns."""
    verifies = Operation.objects.filter(
        cluster=cluster,
        kind=Kind.DRBD_ACTION,
        params__action=Action.VERIFY.value,
        state__in=[State.QUEUED, State.RUNNING],
    ).exclude(resource=resource.name)
    running = list(verifies)
    if not running:
        return None
    nodes = _nodes_of(resource)
    known = {one.name: _nodes_of(one) for one in replication_of(cluster).resources}
    for operation in running:
        if len(nodes & known.get(operation.resource, set())) > 1:
            return LINK_TAKEN(operation=operation.pk, resource=operation.resource)
    return None


def _nodes_of(resource: Resource) -> set[str]:
    return {side.node for side in resource.replication.sides}


def _wait(turn: _Turn, refusal: Refusal, now: datetime) -> None:
    """Note why it does not begin; it is tried again while it is not too late."""
    is_news = turn.earlier_no is None or turn.earlier_no.get("code") != refusal.code
    with transaction.atomic():
        written = turn.move(
            next_due=turn.due, waits_because=refusal.as_record(), try_at=now + TRY_AGAIN
        )
        if written and is_news:
            hint(turn.schedule)


def _let_go(turn: _Turn) -> None:
    """It is too late: nothing is made up for."""
    fate = Fate.REFUSED if turn.earlier_no else Fate.MISSED
    hours = round(WINDOW.total_seconds() / 3600)
    because = turn.earlier_no or TOO_LATE(hours=hours).as_record()
    with transaction.atomic():
        if turn.move(**_passed(turn, fate, because)):
            VerifySchedule.objects.filter(pk=turn.schedule.pk).update(operation=None)
            _note(turn.schedule, fate, code=because["code"])
            hint(turn.schedule)


def _passed(turn: _Turn, fate: Fate, because: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "next_due": turn.following,
        "waits_because": None,
        "try_at": None,
        "last_due": turn.due,
        "last_fate": fate,
        "last_because": because,
    }


def _note(schedule: VerifySchedule, fate: Fate, **detail: Any) -> None:
    """A line for the audit log: what a schedule did not do, nobody else would tell."""
    record(
        SCHEDULE.name,
        "scheduled_verify_left_out",
        cluster=schedule.cluster.name,
        subject=schedule.resource,
        via=SCHEDULE.via.value,
        outcome=fate.value,
        **detail,
    )
