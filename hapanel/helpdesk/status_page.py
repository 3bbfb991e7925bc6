"""What /status/ shows: to the help desk with words for callers, to everybody less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from hapanel.helpdesk import words
from hapanel.helpdesk.days import DAYS, History, history
from hapanel.helpdesk.models import Service, ServiceOutage, ServiceState
from hapanel.helpdesk.selectors import (
    ServiceNow,
    outages_since,
    public_services,
    services_now,
)
from hapanel.ui.states import Shown, guest_shown
from vms.models import Guest

LAST_OUTAGES = 8
BLINK = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Line:
    """One service in the list."""

    now: ServiceNow
    shown: Shown
    sentence: str
    history: History


@dataclass(frozen=True, slots=True)
class Past:
    """One outage that is over, or still goes on (`lasted` is then how long so far)."""

    outage: ServiceOutage
    name: str
    shown: Shown
    lasted: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Everything about the service that a caller asks for."""

    now: ServiceNow
    shown: Shown
    to_tell: str
    side: str
    on_it: str
    still_works: str
    reason: str
    guests: tuple[tuple[Guest, str], ...]  # with the word for the state of each


@dataclass(frozen=True, slots=True)
class StatusPage:
    """The page. `caller` is None on the public one."""

    shown: Shown
    headline: str
    text: str
    others: str
    checked_at: datetime | None
    lines: tuple[Line, ...]
    past: tuple[Past, ...]
    caller: Caller | None
    zone: str


def status_page(*, is_staff: bool, chosen: int | None = None) -> StatusPage:
    """The page for staff, or for everybody; `chosen`: the service that a caller asks for."""
    services = Service.objects.all() if is_staff else public_services()
    found = services_now(services)
    now = timezone.now()
    outages = outages_since([one.service for one in found], now - timedelta(days=DAYS))
    state, headline = words.headline(found)
    return StatusPage(
        shown=words.shown(state),
        headline=headline,
        text=_text(found, state, is_staff),
        others=words.others_line(found),
        checked_at=min((one.probed_at for one in found if one.probed_at), default=None),
        lines=tuple(_line(one, outages.get(one.pk, []), now, is_staff) for one in found),
        past=_past(found, outages),
        caller=_caller(found, chosen) if is_staff and found else None,
        zone=words.zone(),
    )


def _text(found: Sequence[ServiceNow], state: ServiceState, is_staff: bool) -> str:
    """The whole sentence of the one that is troubled, the names of several."""
    worst = [one for one in found if one.state is state]
    if not worst or state is ServiceState.UP:
        return ""
    if len(worst) == 1:
        return words.sentence(worst[0], internals=is_staff)
    return ", ".join(one.name for one in worst) + "."


def _line(one: ServiceNow, outages: list[ServiceOutage], now: datetime, is_staff: bool) -> Line:
    past = history(outages, one.service.added_at, now, timezone.get_current_timezone())
    return Line(one, words.shown(one.state), words.sentence(one, internals=is_staff), past)


def _past(found: Sequence[ServiceNow], outages: dict[int, list[ServiceOutage]]) -> tuple[Past, ...]:
    names = {one.pk: one.name for one in found}
    every = [outage for of_one in outages.values() for outage in of_one]
    over = [outage for outage in every if outage.ended_at and not _is_blink(outage)]
    latest = sorted(over, key=lambda outage: outage.began_at, reverse=True)[:LAST_OUTAGES]
    return tuple(
        Past(
            outage,
            names[outage.service_id],
            words.shown_outage(outage),
            words.lasted(outage.began_at, outage.ended_at),
        )
        for outage in latest
    )


def _is_blink(outage: ServiceOutage) -> bool:
    """A migration's short stop, which nobody calls about; the service's own page lists it."""
    if outage.state != ServiceState.MAINTENANCE or outage.ended_at is None:
        return False
    return outage.ended_at - outage.began_at < BLINK


def _caller(found: Sequence[ServiceNow], chosen: int | None) -> Caller:
    one = next((one for one in found if one.pk == chosen), found[0])
    return Caller(
        now=one,
        shown=words.shown(one.state),
        to_tell=words.to_tell(one, found),
        side=words.caller_side(one, found),
        on_it=words.on_it(one),
        still_works=words.still_works(one, found),
        reason=words.reason(one.reason) if one.reason else "",
        guests=tuple((guest, guest_shown(guest).word) for guest in one.guests),
    )
