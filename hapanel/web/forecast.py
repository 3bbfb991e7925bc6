"""The page that says what happens if a node dies now: a matrix, and the story of one cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext

from hapanel.access import Permission
from hapanel.ha.forecast.outcome import Forecast, GuestForecast, Outcome
from hapanel.ha.forecast.timing import Window
from hapanel.kernel.refusal import Refused
from hapanel.operations.forecasts import forecast_each
from hapanel.ui.fragment import fragment
from hapanel.ui.guard import requires
from hapanel.ui.paging import asked_page
from hapanel.web.forecast_chart import Chart, chart_of
from hapanel.web.forecast_words import STAGE_STATES, STATES, WORDS, short
from nodes.models import Cluster
from nodes.selectors import cluster_named, nodes_of, verdict_of

ROWS = 50
_BAD = frozenset({Outcome.LOST, Outcome.FAILS_THERE})
_COUNTED = frozenset({Outcome.RECOVERS, Outcome.LOST, Outcome.FAILS_THERE, Outcome.UNKNOWN})
LEGEND = tuple((STATES[each], WORDS[each]) for each in Outcome)


@dataclass(frozen=True, slots=True)
class Cell:
    """What becomes of one guest when one node dies."""

    guest: GuestForecast
    href: str
    is_chosen: bool

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


@dataclass(frozen=True, slots=True)
class Column:
    """One failing node: its name, and how many of the guests under HA that it touches come back."""

    told: Forecast
    recover: int
    touched: int

    @property
    def name(self) -> str:
        return ", ".join(self.told.fail)


@dataclass(frozen=True, slots=True)
class Moment:
    """A line of the story; `window` is told where it is known."""

    at: float | None
    state: str
    title: str
    text: str = ""
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """One cell told at length."""

    told: Forecast
    guest: GuestForecast
    chart: Chart
    moments: list[Moment]
    unknowns: list[str]
    passed: list[str]


@requires(Permission.SEE_CLUSTERS)
def forecast_page(request: HttpRequest, cluster: str) -> HttpResponse:
    """Which guest lands where when which node dies."""
    found = cluster_named(cluster)
    context: dict[str, Any] = {"cluster": found, "stale": found.is_stale(), "section": "forecast"}
    try:
        context |= _matrix(request, found)
    except Refused as refused:
        context["refusal"] = refused.refusals[0]
    return fragment(request, "web/forecast.html", context, "forecast")


def _matrix(request: HttpRequest, cluster: Cluster) -> dict[str, Any]:
    told = forecast_each(cluster)
    columns = [_column(each) for each in told]
    touched = _touched(told)
    if not touched:
        return {"columns": columns, "rows": [], "empty": True}
    worst = max(columns, key=lambda each: (each.touched - each.recover, each.touched))
    fail, guest = _chosen(request, told, worst.told)
    number = min(asked_page(request), -(-len(touched) // ROWS))
    shown = touched[(number - 1) * ROWS : number * ROWS]
    return {
        "columns": columns,
        "worst": worst,
        "cure": verdict_of(cluster, nodes_of(cluster)).cure if not worst.told.quorate else None,
        "level": _level(worst),
        "rows": [_row(i, told, fail, guest, number) for i in shown],
        "legend": LEGEND,
        "story": story_of(fail, guest),
        "total": len(touched),
        "previous": number - 1,
        "next": number + 1 if number * ROWS < len(touched) else 0,
        "unknowns": [each.sentence(gettext) for each in worst.told.unknowns],
    }


def _touched(told: Sequence[Forecast]) -> list[int]:
    """The places of the guests to which some failure makes a difference, those under HA first."""
    found: dict[int, bool] = {}
    for each in told:
        for i, guest in enumerate(each.guests):
            if guest.is_touched:
                managed = guest.outcome is not Outcome.NOT_MANAGED
                found[i] = found.get(i, False) or managed
    return sorted(found, key=lambda i: (not found[i], i))


def _column(told: Forecast) -> Column:
    counts = told.counts()
    return Column(told, counts[Outcome.RECOVERS], sum(counts[each] for each in _COUNTED))


def _level(worst: Column) -> str:
    """A loss that has not happened is a warning, here as on the overview."""
    if not worst.touched:
        return "off"
    if worst.touched == worst.recover:
        return "ok"
    is_known = any(guest.outcome in _BAD for guest in worst.told.guests)
    return "warn" if is_known else "unknown"


def _chosen(
    request: HttpRequest, told: Sequence[Forecast], worst: Forecast
) -> tuple[Forecast, GuestForecast]:
    """The cell that the address names; else one of the worst failure."""
    node, vmid = request.GET.get("fail", ""), request.GET.get("guest", "")
    fail = next((each for each in told if each.fail == (node,)), worst)
    named = [guest for guest in fail.guests if str(guest.vmid) == vmid]
    worth_telling = [guest for guest in fail.guests if guest.outcome in _COUNTED]
    rest = [guest for guest in fail.guests if guest.is_touched]
    return fail, (named or worth_telling or rest or list(fail.guests))[0]


def _row(
    place: int, told: Sequence[Forecast], fail: Forecast, chosen: GuestForecast, page: int
) -> Row:
    cells = []
    for each in told:
        guest = each.guests[place]
        query = {"fail": each.fail[0], "guest": guest.vmid} | ({"page": page} if page > 1 else {})
        is_chosen = each is fail and guest.vmid == chosen.vmid
        cells.append(Cell(guest, f"?{urlencode(query)}", is_chosen))
    return Row(told[0].guests[place], cells)


def story_of(told: Forecast, guest: GuestForecast) -> Story:
    """What happens to the guest from the failure on."""
    moments = [
        Moment(beat.at, STAGE_STATES[beat.stage], beat.sentence(gettext)) for beat in told.beats
    ]
    reasons = [each.sentence(gettext) for each in guest.reasons or guest.unknowns]
    title, *more = reasons or [""]
    at = guest.started.typical if guest.started else None
    moments.append(Moment(at, STATES[guest.outcome], title, " ".join(more), guest.seconds))
    return Story(
        told,
        guest,
        chart_of(told, guest),
        moments,
        [each.sentence(gettext) for each in guest.unknowns] if guest.reasons else [],
        [each.sentence(gettext) for each in guest.passed],
    )
