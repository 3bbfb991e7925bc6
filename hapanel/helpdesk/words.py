"""What the help desk reads and says: plain sentences, without a word of Proxmox.

Nothing here promises what the panel cannot know: not when a service will be back, not whose data is
safe, not that a caller's own connection is fine. A probe from one place is a probe from one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext, pgettext
from django.utils.translation import gettext_lazy as _

from hapanel.helpdesk.models import ServiceOutage, ServiceState
from hapanel.helpdesk.selectors import Cause, ServiceNow
from hapanel.ui.states import Shown
from hapanel.ui.words import milliseconds_text, span_text

_SHOWN: dict[ServiceState, tuple[str, Promise]] = {
    ServiceState.UP: ("ok", _("works")),
    ServiceState.DEGRADED: ("warn", _("impaired")),
    ServiceState.DOWN: ("danger", _("cannot be opened")),
    ServiceState.MAINTENANCE: ("maint", _("planned work")),
    ServiceState.UNKNOWN: ("unknown", _("not known")),
}
_CAUSES: dict[Cause, Promise] = {
    Cause.MOVING: _("It is being moved to another server right now."),
    Cause.COMING_BACK: _("Its server failed; another server is trying to start it."),
    Cause.SERVER_LOST: _("Its server (%(servers)s) does not answer either."),
    Cause.SWITCHED_OFF: _("It is switched off."),
    Cause.RUNS: _("It is still listed as running on %(servers)s, but nothing in it answers."),
    Cause.NOT_SEEN: _("The panel cannot see its servers at the moment either."),
}
_TOLD_TO_EVERYBODY = {cause: _CAUSES[cause] for cause in (Cause.MOVING, Cause.COMING_BACK)}
_REASONS: dict[str, Promise] = {
    "refused": _("its program is not running"),
    "no-connection": _("no connection"),
    "no-answer": _("connected, but no answer"),
    "cut": _("the connection breaks off"),
    "name-unknown": _("its name leads nowhere"),
    "certificate": _("its certificate is not valid"),
    "garbage": _("the answer makes no sense"),
    "no-network": _("the panel itself has no network"),
    "slow": _("slow answers"),
    "flaky": _("answers only now and then"),
}


def shown(state: ServiceState) -> Shown:
    """Shape and word of a state as callers would say it."""
    shape, word = _SHOWN[state]
    return Shown(shape, str(word))


def shown_outage(outage: ServiceOutage) -> Shown:
    """Shape and word of what was wrong then."""
    state = ServiceState(outage.state)
    if state is ServiceState.DOWN:
        return Shown("danger", gettext("could not be opened"))
    return shown(state)


def clock(moment: datetime) -> str:
    """The time of day in the reader's zone, with its date when that is not today."""
    local = timezone.localtime(moment)
    # Translators: how a time of day is written, in Django's date format letters.
    time = date_format(local, pgettext("time of day", "H:i:s"))
    if local.date() == timezone.localtime().date():
        return time
    return f"{date_format(local, 'j M Y')}, {time}"


def zone() -> str:
    """The short name of the reader's time zone, such as WIB."""
    return timezone.localtime().tzname() or ""


def reason(code: str) -> str:
    """The prober's reason in words: for staff, behind the sentence."""
    if code.startswith("http-"):
        return gettext("it answers with error %(status)s") % {"status": code[5:]}
    return str(_REASONS.get(code, code))


def sentence(now: ServiceNow, *, internals: bool = True) -> str:
    """How the service is, since when and, as far as the records say, why.

    Without `internals` no server is named: that is what everybody may read.
    """
    names = {
        "name": now.name,
        "since": clock(now.since) if now.since else "",
        "servers": ", ".join(now.servers),
    }
    return " ".join(str(part) % names for part in _sentences(now, internals))


def _sentences(now: ServiceNow, internals: bool) -> list[str | Promise]:
    match now.state:
        case ServiceState.UP:
            return [_("%(name)s works.")]
        case ServiceState.DEGRADED:
            return [_impaired(now.reason)]
        case ServiceState.DOWN:
            known = _CAUSES if internals else _TOLD_TO_EVERYBODY
            return [
                _("%(name)s has not answered since %(since)s."),
                *([known[now.cause]] if now.cause in known else []),
            ]
        case ServiceState.MAINTENANCE:
            return [
                _("%(name)s is being moved to another server and has paused since %(since)s."),
                _("That is planned and usually short."),
            ]
        case _ if now.since is None:
            return [_("%(name)s has not been checked yet.")]
        case _:
            return [_("Whether %(name)s works is not known: it was last checked at %(since)s.")]


def _impaired(code: str) -> Promise:
    if code == "slow":
        return _("%(name)s can be used, but has been slow since %(since)s.")
    if code == "flaky":
        return _("%(name)s has answered only now and then since %(since)s.")
    return _("%(name)s can be reached, but has answered with an error since %(since)s.")


# ---- The whole page ----------------------------------------------------------------------------


def headline(services: Sequence[ServiceNow]) -> tuple[ServiceState, str]:
    """The worst state of all, and the one line above everything."""
    if not services:
        return ServiceState.UNKNOWN, gettext("No service is being checked yet")
    worst = services[0].state
    names = [now.name for now in services if now.state is worst]
    if worst is ServiceState.UP:
        return worst, gettext("All services work")
    if len(names) > 1:
        counted = {"count": len(names), "names": ", ".join(names)}
        return worst, _headline_of_many(worst, len(names)) % counted
    texts = {
        ServiceState.DOWN: gettext("%(name)s cannot be opened at the moment"),
        ServiceState.DEGRADED: gettext("%(name)s is impaired"),
        ServiceState.MAINTENANCE: gettext("%(name)s is being moved to another server"),
        ServiceState.UNKNOWN: gettext("Whether %(name)s works is not known"),
    }
    return worst, texts[worst] % {"name": names[0]}


def _headline_of_many(worst: ServiceState, count: int) -> str:
    match worst:
        case ServiceState.DOWN:
            return ngettext(
                "%(count)s service cannot be opened at the moment",
                "%(count)s services cannot be opened at the moment",
                count,
            )
        case ServiceState.DEGRADED:
            return ngettext(
                "%(count)s service is impaired", "%(count)s services are impaired", count
            )
        case ServiceState.MAINTENANCE:
            return ngettext(
                "%(count)s service is being moved", "%(count)s services are being moved", count
            )
        case _:
            return ngettext(
                "Whether %(count)s service works is not known",
                "Whether %(count)s services work is not known",
                count,
            )


def others_line(services: Sequence[ServiceNow]) -> str:
    """Which of the others are troubled, and whether the rest works."""
    if not services or services[0].state is ServiceState.UP:
        return ""
    rest = [now for now in services if now.state is not services[0].state]
    troubled = [f"{now.name} ({shown(now.state).word})" for now in rest if not _works(now)]
    parts = []
    if troubled:
        parts.append(gettext("Also: %(names)s.") % {"names": ", ".join(troubled)})
    if any(_works(now) for now in rest):
        parts.append(gettext("The other services work."))
    return " ".join(parts)


def _works(now: ServiceNow) -> bool:
    return now.state is ServiceState.UP


# ---- For the person who talks to callers -------------------------------------------------------


def to_tell(now: ServiceNow, all_services: Sequence[ServiceNow]) -> str:
    """What can be said on the phone, true from what is known now."""
    names = {"name": now.name, "since": clock(now.since) if now.since else ""}
    answering = any(one.is_answering for one in all_services if one.pk != now.pk)
    return " ".join(str(part) % names for part in _to_tell(now, answering))


def _to_tell(now: ServiceNow, others_answer: bool) -> list[str | Promise]:
    match now.state:
        case ServiceState.UP:
            return [
                _("%(name)s works as far as we can see: it answered us a moment ago."),
                _("Please try another network or another browser, then call again."),
            ]
        case ServiceState.DEGRADED:
            return [_impaired(now.reason), _("We have noticed it ourselves."), _staff(now)]
        case ServiceState.DOWN:
            return [
                _("Yes, %(name)s has not been reachable since %(since)s."),
                _("We see it from here as well, so it is not only your connection.")
                if others_answer
                else _("We see it from here as well."),
                _staff(now),
                _("I cannot tell you yet when it will be back."),
            ]
        case ServiceState.MAINTENANCE:
            return [
                _("%(name)s is being moved to another server and pauses for a moment."),
                _("Please try again in a few minutes."),
            ]
        case _:
            return [_("I cannot see right now whether %(name)s works. I am asking our staff.")]


def _staff(now: ServiceNow) -> Promise:
    if now.operation is not None:
        return _("Our staff are working on it.")
    if now.cause is Cause.COMING_BACK:
        return _("Another server is trying to start it.")
    return _("I am passing it on to our staff.")


def caller_side(now: ServiceNow, all_services: Sequence[ServiceNow]) -> str:
    """Whether it may be the caller's own connection, and how we know."""
    others = [one for one in all_services if one.pk != now.pk]
    answering = sum(one.is_answering for one in others)
    if now.state is ServiceState.UP:
        return gettext("Perhaps: it answers the panel (%(ms)s).") % {
            "ms": milliseconds_text(now.answer_ms)
        }
    if now.state is ServiceState.UNKNOWN:
        return gettext("Not known: the panel is not checking it.")
    if answering:
        return ngettext(
            "Not only: it fails from the panel too, while %(count)s other service answers.",
            "Not only: it fails from the panel too, while %(count)s other services answer.",
            answering,
        ) % {"count": answering}
    if others:
        return gettext(
            "No service answers the panel: it may be the panel's own connection or the whole "
            "network."
        )
    return gettext("Not only: it fails from the panel too.")


def on_it(now: ServiceNow) -> str:
    """Who is working on it, as far as the panel knows; blank when there is nothing to do."""
    if now.operation is not None:
        began = now.operation.started_at or now.operation.created_at
        return gettext("%(actor)s, since %(since)s") % {
            "actor": now.operation.actor or gettext("a command"),
            "since": clock(began),
        }
    if now.state is ServiceState.UP:
        return ""
    if now.cause is Cause.COMING_BACK:
        return gettext("The servers themselves; no person that the panel knows of.")
    return gettext("Nobody that the panel knows of. Call the person on shift.")


def still_works(now: ServiceNow, all_services: Sequence[ServiceNow]) -> str:
    """The other services that answer; blank when there are none."""
    names = [
        one.name if one.state is ServiceState.UP else f"{one.name} ({shown(one.state).word})"
        for one in all_services
        if one.pk != now.pk and one.is_answering
    ]
    return ", ".join(names)


def lasted(began: datetime, ended: datetime | None) -> str:
    """How long an outage took, or has taken so far."""
    return span_text(((ended or timezone.now()) - began).total_seconds())
