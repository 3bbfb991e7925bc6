"""What the page of a resource says of its verifies: the last one's report, and the schedule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils import timezone

from hapanel.drbd.findings import Code
from hapanel.kernel.refusal import Refusal
from hapanel.operations.models import Fate, VerifyReport, VerifySchedule
from hapanel.operations.verify_due import WINDOW
from hapanel.operations.verify_schedule import last_report, no_algorithm, schedule_of
from hapanel.ports.replication import Role
from nodes.models import Cluster
from vms.replication import Resource
from vms.verify_words import mending_words, rhythm_sentence

BLOCK = 4096
"""DRBD counts differences in blocks of this many bytes."""


@dataclass(frozen=True, slots=True)
class ReportShown:
    """The last report. `still`: whether the copies differ now; None while nobody sees it."""

    report: VerifyReport
    still: bool | None

    @property
    def blocks(self) -> int:
        """The blocks that differed."""
        return -(-self.report.differing // BLOCK)


@dataclass(frozen=True, slots=True)
class ScheduleShown:
    """The schedule in words: what waits and why, and what became of the time before."""

    schedule: VerifySchedule
    sentence: str
    waits: Refusal | None
    tried_until: datetime
    last_no: Refusal | None

    @property
    def was_started(self) -> bool:
        """Whether an operation came of the due time before."""
        return self.schedule.last_fate == Fate.STARTED


@dataclass(frozen=True, slots=True)
class VerifyShown:
    """Everything of the panel. `hindered`: why it cannot be repeated; `mending`: what to do about
    copies that differ now; `zone`: the reader's own time zone where it is not the panel's."""

    report: ReportShown | None
    schedule: ScheduleShown | None
    hindered: Refusal | None
    mending: str
    zone: str


def verify_shown(cluster: Cluster, resource: Resource) -> VerifyShown:
    """What there is to say of the verifies of a resource, in three queries."""
    report, schedule = last_report(cluster, resource.name), schedule_of(cluster, resource.name)
    differ = resource.judgement.has(Code.VERIFY_DIFFERENCES)
    reader = timezone.get_current_timezone_name()
    return VerifyShown(
        report=ReportShown(report, _still(resource)) if report else None,
        schedule=_schedule(schedule) if schedule else None,
        hindered=no_algorithm(cluster, resource.name),
        mending=mending_words(resource.name, *_roles(resource)) if differ else "",
        zone="" if reader == settings.TIME_ZONE else reader,
    )


def _still(resource: Resource) -> bool | None:
    if resource.judgement.has(Code.VERIFY_DIFFERENCES):
        return True
    are_seen = all(side.now is not None for side in resource.replication.sides)
    links = resource.replication.links
    return False if are_seen and all(link.is_connected for link in links) else None


def _roles(resource: Resource) -> tuple[list[str], list[str]]:
    """The nodes that are Primary, and the others."""
    primary = [
        side.node
        for side in resource.replication.sides
        if side.now is not None and side.now.role is Role.PRIMARY
    ]
    nodes = [side.node for side in resource.replication.sides]
    return primary, [node for node in nodes if node not in primary]


def _schedule(schedule: VerifySchedule) -> ScheduleShown:
    waits, last = schedule.waits_because, schedule.last_because
    return ScheduleShown(
        schedule=schedule,
        sentence=rhythm_sentence(schedule.rhythm),
        waits=Refusal.from_record(waits) if waits else None,
        tried_until=schedule.next_due + WINDOW,
        last_no=Refusal.from_record(last) if last else None,
    )
