"""The story of a guest as an SVG timeline; the list below it on the page tells the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import ceil

from django.utils.translation import gettext

from hapanel.ha.forecast.outcome import Forecast, GuestForecast, Outcome, Stage

_LETTER = 6.2


@dataclass(frozen=True, slots=True)
class Sheet:
    """The paper that is drawn on, in the chart's own units: how wide, where bars begin and end, how
    far lanes lie apart, how many lines of time there are at most, and where a label stands."""

    width: float
    left: float
    right: float
    step: float
    ticks: int
    label_x: float
    label_dy: float
    label_anchor: str


TOP, BAR = 32.0, 19.0
# Labels stand before their bars, or above them where a phone leaves no room beside.
WIDE = Sheet(1000, 150, 976, 30, 6, 138, 13.5, "end")
NARROW = Sheet(340, 18, 317, 46, 4, 18, -6, "start")


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of one lane, in the chart's own units; `text` only where it fits."""

    x: float
    width: float
    look: str
    text: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One thing that the story is about."""

    label: str
    y: float
    label_y: float
    bars: list[Bar]

    @property
    def text_y(self) -> float:
        return self.y + 13.5


@dataclass(frozen=True, slots=True)
class Chart:
    """What the template draws. ticks: x and its label."""

    sheet: Sheet
    lanes: list[Lane]
    ticks: list[tuple[float, str]]
    bottom: float

    @property
    def height(self) -> float:
        return self.bottom + 22

    @property
    def axis_y(self) -> float:
        return self.bottom + 14


Stretches = list[tuple[float, float, str, str]]


def chart_of(told: Forecast, guest: GuestForecast, sheet: Sheet) -> Chart:
    """The lanes of the dead nodes, of survivors that reset, of the HA manager and of the guest."""
    length, tick = _scale(told, guest, sheet.ticks)
    top = TOP - min(0.0, sheet.label_dy) * 2
    lanes = [
        Lane(label, y, y + sheet.label_dy, [_bar(*each, length, sheet) for each in stretches])
        for n, (label, stretches) in enumerate(_lanes(told, guest, length))
        for y in [top + n * sheet.step]
    ]
    ticks = [
        (round(_x(i * tick, length, sheet), 1), gettext("%(seconds)g s") % {"seconds": i * tick})
        for i in range(int(length / tick) + 1)
    ]
    return Chart(sheet, lanes, ticks, top + (len(lanes) - 1) * sheet.step + WIDE.step)


def _scale(told: Forecast, guest: GuestForecast, ticks: int) -> tuple[float, float]:
    """How many seconds are shown, and how many lie between two lines."""
    ends = [beat.at for beat in told.beats] + [each.most for each in told.resets.values()]
    if guest.seconds is not None:
        ends.append(guest.seconds.most)
    longest = max(10.0, 1.15 * max(ends, default=60.0))
    steps = (2, 5, 10, 15, 30, 60, 120)
    tick = next((step for step in steps if longest / step <= ticks), 300)
    return ceil(longest / tick) * float(tick), float(tick)


def _x(at: float, length: float, sheet: Sheet) -> float:
    return sheet.left + (sheet.right - sheet.left) * at / length


def _bar(begin: float, end: float, look: str, text: str, length: float, sheet: Sheet) -> Bar:
    x, right = _x(begin, length, sheet), _x(end, length, sheet)
    width = max(2.0, right - x - 1.5)
    return Bar(round(x, 1), round(width, 1), look, text if len(text) * _LETTER < width - 8 else "")


def _lanes(told: Forecast, guest: GuestForecast, length: float) -> Iterator[tuple[str, Stretches]]:
    for node in told.fail:
        yield node, [(0, length, "dead", gettext("gone"))]
    for node, window in told.resets.items():
        at = window.typical
        waits = (0, at, "warn", gettext("no quorum"))
        yield node, [waits, (at, length, "fence", gettext("reset by its watchdog"))]
    if told.quorate:
        yield gettext("HA manager"), list(_manager(told, length))
    label = f"{guest.vmid} {guest.name}".strip()
    yield label if len(label) < 22 else f"{label[:20]}…", list(_guest(told, guest, length))


def _manager(told: Forecast, length: float) -> Iterable[tuple[float, float, str, str]]:
    at = {beat.stage: beat.at for beat in told.beats}
    fence, lock = at.get(Stage.FENCE), at.get(Stage.LOCK)
    begun = at.get(Stage.NEW_MANAGER, 0.0) if told.manager in told.fail else 0.0
    if begun:
        yield 0, begun, "dead", gettext("nobody at work")
    yield begun, fence if fence is not None else length, "off", gettext("waits")
    if fence is not None:
        until = lock if lock is not None else length
        if until > fence:
            yield fence, until, "fence", gettext("fence: waits for the lock")
        if lock is not None:
            yield lock, length, "busy", gettext("recovery")


def _guest(
    told: Forecast, guest: GuestForecast, length: float
) -> Iterable[tuple[float, float, str, str]]:
    reset = told.resets.get(guest.home)
    dies = reset.typical if reset else 0.0
    if guest.outcome is Outcome.STAYS:
        yield 0, length, "ok", gettext("runs on")
        return
    if guest.outcome is Outcome.UNKNOWN:
        yield 0, length, "off", gettext("not known")
        return
    if dies:
        yield 0, dies, "ok", gettext("runs")
    if guest.seconds is None:
        yield dies, length, "dead", gettext("without service")
        return
    window = guest.seconds
    yield 0, window.least, "dead", gettext("without service")
    yield window.least, window.most, "busy", gettext("starts")
    yield window.most, length, "ok", gettext("runs")
