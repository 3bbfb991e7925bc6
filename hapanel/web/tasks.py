"""The task drawer at the bottom of each page: what runs, and what ended last."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Case, IntegerField, QuerySet, When

from hapanel.operations.models import HOLDING_STATES, Operation

SHOWN = 8


@dataclass(frozen=True, slots=True)
class TaskDrawer:
    """`rows` are open operations first, then the last ended ones."""

    rows: list[Operation]
    is_open: bool

    @property
    def running(self) -> list[Operation]:
        return [row for row in self.rows if row.is_open]

    @property
    def leading(self) -> Operation | None:
        """The one whose progress the closed drawer shows."""
        return next(iter(self.running), None)

    @property
    def last(self) -> Operation | None:
        return next((row for row in self.rows if not row.is_open), None)

    @property
    def unclear(self) -> int:
        """How many wait for a person."""
        return sum(row.state == "needs_attention" for row in self.rows)


def open_first(operations: QuerySet[Operation]) -> QuerySet[Operation]:
    """Order: those that run or wait for somebody, then the others; newest first in each."""
    rank = Case(When(state__in=HOLDING_STATES, then=0), default=1, output_field=IntegerField())
    return operations.order_by(rank, "-created_at", "-id")


def drawer(*, is_open: bool) -> TaskDrawer:
    """The drawer's contents, one query."""
    rows = open_first(Operation.objects.select_related("cluster"))[:SHOWN]
    return TaskDrawer(list(rows), is_open)
