"""The page that says what happens if nodes die now: a matrix, and the story of one cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext

from hapanel.access import Permission
from hapanel.ha.forecast.outcome import Forecast, GuestForecast, Outcome
from hapanel.ha.forecast.timing import Window
from hapanel.ha.forecast.what_if import has_qdevice, with_other_qdevice
from hapanel.kernel.refusal import Refused
from hapanel.operations.forecasts import foretell, picture_of
from hapanel.ui.fragment import fragment
from hapanel.ui.guard import requires
from hapanel.web.forecast_chart import NARROW, WIDE, Chart, chart_of
from hapanel.web.forecast_matrix import (
    FEWEST_TOGETHER,
    Column,
    Question,
    chosen_cell,
    columns_of,
    rows_of,
    touched_by,
)
from hapanel.web.forecast_words import STAGE_STATES, STATES, WORDS
from nodes.models import Cluster
from nodes.selectors import cluster_named, nodes_of, verdict_of

ROWS = 50
_BAD = frozenset({Outcome.LOST, Outcome.FAILS_THERE})
LEGEND = tuple((STATES[each], WORDS[each]) for each in Outcome)


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
    """One cell told at length. is_other: as the comparison has it."""

    column: Column
    guest: GuestForecast
    charts: tuple[Chart, Chart]  # for a desk and for a phone
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
    seen = picture_of(cluster)
    nodes = [node.name for node in seen.nodes if node.is_member]
    question = Question.of(request, nodes)
    fails = _failures(question, nodes)
    other = foretell(with_other_qdevice(seen), fails) if question.is_compared else ()
    columns = columns_of(foretell(seen, fails), other)
    # Whoever loses all nodes at once is not the question of the verdict.
    alone = [each for each in columns if not each.is_other and len(each.told.fail) == 1]
    touched = touched_by(columns)
    if not touched:
        return {"empty": True}
    worst = max(alone, key=lambda each: (each.touched - each.recover, each.touched))
    chosen = chosen_cell(question, columns, worst)
    number = min(question.page, -(-len(touched) // ROWS))
    return {
        "question": question,
        "columns": columns,
        "choices": nodes if len(nodes) > FEWEST_TOGETHER else [],
        # One alone is no failure together yet, but its tick stays.
        "ticked": request.GET.getlist("together"),
        "has_qdevice": has_qdevice(seen),
        "compare_href": question.href(is_compared=True, page=1),
        "worst": worst,
        "cured": _same_failure(columns, worst),
        "cure": verdict_of(cluster, nodes_of(cluster)).cure if not worst.told.quorate else None,
        "level": _level(worst),
        "rows": rows_of(touched[(number - 1) * ROWS : number * ROWS], columns, question, chosen),
        "legend": LEGEND,
        "story": story_of(*chosen),
        "previous": question.href(page=number - 1) if number > 1 else "",
        "next": question.href(page=number + 1) if number * ROWS < len(touched) else "",
        "unknowns": [each.sentence(gettext) for each in worst.told.unknowns],
    }


def _failures(question: Question, nodes: Sequence[str]) -> list[list[str]]:
    """Each node alone, and those that die together: first where somebody asked for them, since
    the matrix of a large cluster is wider than the page."""
    failures = [[node] for node in nodes]
    if question.together:
        place = len(failures) if question.is_implied else 0
        failures.insert(place, list(question.together))
    return failures


def _same_failure(columns: Sequence[Column], worst: Column) -> Column | None:
    """The worst failure as the comparison has it; None when nothing is compared."""
    found = (each for each in columns if each.is_other and each.told.fail == worst.told.fail)
    return next(found, None)


def _level(worst: Column) -> str:
    """A loss that has not happened is a warning, here as on the overview."""
    if not worst.touched:
        return "off"
    if worst.touched == worst.recover:
        return "ok"
    is_known = any(guest.outcome in _BAD for guest in worst.told.guests)
    return "warn" if is_known else "unknown"


def story_of(column: Column, guest: GuestForecast) -> Story:
    """What happens to the guest from the failure on."""
    told: Forecast = column.told
    moments = [
        Moment(beat.at, STAGE_STATES[beat.stage], beat.sentence(gettext)) for beat in told.beats
    ]
    reasons = [each.sentence(gettext) for each in guest.reasons or guest.unknowns]
    title, *more = reasons or [""]
    at = guest.started.typical if guest.started else None
    moments.append(Moment(at, STATES[guest.outcome], title, " ".join(more), guest.seconds))
    return Story(
        column,
        guest,
        (chart_of(told, guest, WIDE), chart_of(told, guest, NARROW)),
        moments,
        [each.sentence(gettext) for each in guest.unknowns] if guest.reasons else [],
        [each.sentence(gettext) for each in guest.passed],
    )
