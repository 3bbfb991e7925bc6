"""The matrix of the forecast page: failures beside each other, guests below each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext

from hapanel.ha.forecast.outcome import Forecast, GuestForecast, Outcome
from hapanel.ui.paging import asked_page
from hapanel.web.forecast_words import STATES, WORDS, short

COUNTED = frozenset({Outcome.RECOVERS, Outcome.LOST, Outcome.FAILS_THERE, Outcome.UNKNOWN})
FEWEST_TOGETHER = 2


@dataclass(frozen=True, slots=True)
class Question:
    """What the address asks: the nodes that die together, the comparison, and the chosen cell.

    together: at least two nodes, or none; is_implied: nobody had to ask for them. is_other: the
    cell is in the comparison's column.
    """

    together: tuple[str, ...] = ()
    is_implied: bool = False
    is_compared: bool = False
    fail: tuple[str, ...] = ()
    guest: str = ""
    is_other: bool = False
    page: int = 1

    @classmethod
    def of(cls, request: HttpRequest, nodes: Sequence[str]) -> Question:
        """The question in an address; nodes that are not there are left out. Of two nodes both are
        always asked about."""
        asked = request.GET
        named = tuple(name for name in nodes if name in asked.getlist("together"))
        is_implied = len(nodes) == FEWEST_TOGETHER
        if is_implied:
            named = tuple(nodes)
        return cls(
            together=named if len(named) >= FEWEST_TOGETHER else (),
            is_implied=is_implied,
            is_compared=asked.get("compare") == "qdevice",
            fail=tuple(sorted(set(asked.getlist("fail")))),
            guest=asked.get("guest", ""),
            is_other="other" in asked,
            page=asked_page(request),
        )

    def href(self, **changes: Any) -> str:
        """The address of this question with changes."""
        asked = replace(self, **changes)
        query = {
            "fail": asked.fail,
            "guest": asked.guest,
            "together": () if asked.is_implied else asked.together,
            "compare": "qdevice" if asked.is_compared else "",
            "other": "1" if asked.is_other else "",
            "page": asked.page if asked.page > 1 else "",
        }
        return "?" + urlencode({k: v for k, v in query.items() if v}, doseq=True)


@dataclass(frozen=True, slots=True)
class Column:
    """One failure: how many of the guests under HA that it touches come back. is_other: with the
    QDevice that there is not, or without the one that there is."""

    told: Forecast
    recover: int
    touched: int
    is_other: bool = False

    @classmethod
    def of(cls, told: Forecast, *, is_other: bool = False) -> Column:
        counts = told.counts()
        touched = sum(counts[each] for each in COUNTED)
        return cls(told, counts[Outcome.RECOVERS], touched, is_other)

    @property
    def name(self) -> str:
        return ", ".join(self.told.fail)

    @property
    def title(self) -> str:
        """Such as `master dies`."""
        if len(self.told.fail) > 1:
            return gettext("%(nodes)s die together") % {"nodes": self.name}
        return gettext("%(node)s dies") % {"node": self.name}


@dataclass(frozen=True, slots=True)
class Cell:
    """What becomes of one guest in one failure."""

    guest: GuestForecast
    href: str
    is_chosen: bool
    is_other: bool

    @property
    def state(self) -> str:
        return STATES[self.guest.outcome]

    @property
    def word(self) -> str | Promise:
        return WORDS[self.guest.outcome]

    @property
    def short(self) -> str:
        return short(self.guest)

    @property
    def is_quiet(self) -> bool:
        return self.guest.outcome is Outcome.STAYS


@dataclass(frozen=True, slots=True)
class Row:
    """One guest in all failures."""

    guest: GuestForecast
    cells: list[Cell]

    @property
    def is_container(self) -> bool:
        return self.guest.sid.startswith("ct:")


def columns_of(told: Sequence[Forecast], other: Sequence[Forecast]) -> list[Column]:
    """The failures in their order, each followed by its comparison when there is one."""
    if not other:
        return [Column.of(each) for each in told]
    pairs = zip(told, other, strict=True)
    return [c for a, b in pairs for c in (Column.of(a), Column.of(b, is_other=True))]


def touched_by(columns: Sequence[Column]) -> list[int]:
    """The places of the guests to which some failure makes a difference, those under HA first."""
    found: dict[int, bool] = {}
    for column in columns:
        for i, guest in enumerate(column.told.guests):
            if guest.is_touched:
                managed = guest.outcome is not Outcome.NOT_MANAGED
                found[i] = found.get(i, False) or managed
    return sorted(found, key=lambda i: (not found[i], i))


def chosen_cell(
    question: Question, columns: Sequence[Column], worst: Column
) -> tuple[Column, GuestForecast]:
    """The cell that the address names; else one of the worst failure."""
    named = [each for each in columns if each.told.fail == question.fail]
    beside = [each for each in named if each.is_other is question.is_other]
    column = [*beside, *named, worst][0]
    guests = column.told.guests
    asked = [guest for guest in guests if str(guest.vmid) == question.guest]
    worth_telling = [guest for guest in guests if guest.outcome in COUNTED]
    touched = [guest for guest in guests if guest.is_touched]
    return column, [*asked, *worth_telling, *touched, *guests][0]


def rows_of(
    places: Sequence[int],
    columns: Sequence[Column],
    question: Question,
    chosen: tuple[Column, GuestForecast],
) -> list[Row]:
    """The guests at these places of every column."""
    column, guest = chosen
    return [
        Row(
            columns[0].told.guests[place],
            [
                Cell(
                    told := each.told.guests[place],
                    question.href(
                        fail=each.told.fail, guest=str(told.vmid), is_other=each.is_other
                    ),
                    is_chosen=each is column and told.vmid == guest.vmid,
                    is_other=each.is_other,
                )
                for each in columns
            ],
        )
        for place in places
    ]
