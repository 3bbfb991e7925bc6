"""What a change makes different: two forecasts compared, node by node, in plain sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from hapanel.ha.forecast.outcome import Forecast, GuestForecast, Outcome
from hapanel.ha.forecast.reasons import Code, Reason
from hapanel.kernel.refusal import Translate, gettext_noop, untranslated


class Change(StrEnum):
    """How the loss of a node ends otherwise than before."""

    SURVIVES = "survives"
    COMES_BACK = "comes-back"
    ELSEWHERE = "elsewhere"
    SPARED = "spared"
    IS_OFF = "is-off"
    LOST_NOW = "lost-now"
    FAILS_NOW = "fails-now"
    STILL_LOST = "still-lost"
    STILL_FAILS = "still-fails"
    NOT_KNOWN = "not-known"
    RESETS = "resets"
    RESETS_NO_MORE = "resets-no-more"
    NOTHING = "nothing"


# For one guest and for several.
SENTENCES: Mapping[Change, tuple[str, str]] = {
    Change.SURVIVES: (
        gettext_noop(
            "%(guests)s survives the loss of %(failed)s: HA starts it on %(node)s, without service "
            "for about %(seconds)d seconds."
        ),
        gettext_noop(
            "%(guests)s survive the loss of %(failed)s: HA starts them on %(node)s, without "
            "service for about %(seconds)d seconds."
        ),
    ),
    Change.COMES_BACK: (
        gettext_noop(
            "The loss of %(failed)s now concerns %(guests)s: HA starts it on %(node)s, without "
            "service for about %(seconds)d seconds."
        ),
        gettext_noop(
            "The loss of %(failed)s now concerns %(guests)s: HA starts them on %(node)s, without "
            "service for about %(seconds)d seconds."
        ),
    ),
    Change.ELSEWHERE: (
        gettext_noop("If %(failed)s dies, HA starts %(guests)s on %(node)s, not on %(was)s."),
        gettext_noop("If %(failed)s dies, HA starts %(guests)s on %(node)s, not on %(was)s."),
    ),
    Change.SPARED: (
        gettext_noop("The loss of %(failed)s no longer touches %(guests)s."),
        gettext_noop("The loss of %(failed)s no longer touches %(guests)s."),
    ),
    Change.IS_OFF: (
        gettext_noop("%(guests)s is off by then, and stays off when %(failed)s dies."),
        gettext_noop("%(guests)s are off by then, and stay off when %(failed)s dies."),
    ),
    Change.LOST_NOW: (
        gettext_noop("%(guests)s no longer survives the loss of %(failed)s. %(because)s"),
        gettext_noop("%(guests)s no longer survive the loss of %(failed)s. %(because)s"),
    ),
    Change.FAILS_NOW: (
        gettext_noop(
            "If %(failed)s dies, HA starts %(guests)s on %(node)s, where it fails. %(because)s"
        ),
        gettext_noop(
            "If %(failed)s dies, HA starts %(guests)s on %(node)s, where they fail. %(because)s"
        ),
    ),
    Change.STILL_LOST: (
        gettext_noop("%(guests)s still does not survive the loss of %(failed)s. %(because)s"),
        gettext_noop("%(guests)s still do not survive the loss of %(failed)s. %(because)s"),
    ),
    Change.STILL_FAILS: (
        gettext_noop(
            "%(guests)s still does not survive the loss of %(failed)s: HA starts it on %(node)s, "
            "where it fails. %(because)s"
        ),
        gettext_noop(
            "%(guests)s still do not survive the loss of %(failed)s: HA starts them on %(node)s, "
            "where they fail. %(because)s"
        ),
    ),
    Change.NOT_KNOWN: (
        gettext_noop("What the loss of %(failed)s does to %(guests)s is not known. %(because)s"),
        gettext_noop("What the loss of %(failed)s does to %(guests)s is not known. %(because)s"),
    ),
    Change.RESETS: (
        gettext_noop(
            "If %(failed)s dies, %(node)s resets itself after about %(seconds)d seconds: it has "
            "guests under HA and loses the quorum."
        ),
        "",
    ),
    Change.RESETS_NO_MORE: (
        gettext_noop("If %(failed)s dies, %(node)s no longer resets itself."),
        "",
    ),
    Change.NOTHING: (gettext_noop("The loss of %(failed)s ends as before."), ""),
}
GOOD = frozenset({Change.SURVIVES, Change.SPARED, Change.RESETS_NO_MORE})
BAD = frozenset({Change.LOST_NOW, Change.FAILS_NOW, Change.RESETS})
OPEN = frozenset({Change.STILL_LOST, Change.STILL_FAILS, Change.COMES_BACK})


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One sentence about the loss of `failed`. guests: labels; node: where they are started, or
    who resets itself; was: where they were started before; seconds: typical."""

    change: Change
    failed: str
    guests: tuple[str, ...] = ()
    node: str = ""
    was: str = ""
    seconds: float = 0.0
    reasons: tuple[Reason, ...] = ()

    @property
    def severity(self) -> str:
        """ok, warn (as bad as before, or worse than nothing), danger, unknown or off."""
        if self.change in GOOD:
            return "ok"
        if self.change in BAD:
            return "danger"
        if self.change in OPEN:
            return "warn"
        return "unknown" if self.change is Change.NOT_KNOWN else "off"

    def sentence(self, translate: Translate = untranslated) -> str:
        """The difference in words."""
        one, several = SENTENCES[self.change]
        template = several if len(self.guests) > 1 and several else one
        said = translate(template) % {
            "guests": ", ".join(self.guests),
            "failed": self.failed,
            "node": self.node,
            "was": self.was,
            "seconds": round(self.seconds),
            "because": " ".join(each.sentence(translate) for each in self.reasons),
        }
        return said.strip()


def differences(
    before: Iterable[Forecast], after: Iterable[Forecast], concerned: Iterable[str] = ()
) -> tuple[Difference, ...]:
    """What ends otherwise, for each failing node that both know. concerned: the sids that the
    change is about; of them also what stays bad is told."""
    then = {forecast.fail: forecast for forecast in before}
    about = frozenset(concerned)
    found: list[Difference] = []
    for now in after:
        if now.fail in then:
            told = list(_of_node(then[now.fail], now, about))
            failed = ", ".join(now.fail)
            found += told or [Difference(change=Change.NOTHING, failed=failed)]
    return tuple(found)


def _of_node(then: Forecast, now: Forecast, about: frozenset[str]) -> Iterator[Difference]:
    failed = ", ".join(now.fail)
    earlier = {guest.sid: guest for guest in then.guests}
    alike: dict[object, list[GuestForecast]] = {}
    changes: dict[object, Difference] = {}
    for guest in now.guests:
        told = _of_guest(failed, earlier.get(guest.sid), guest, guest.sid in about)
        if told is not None:
            why = tuple(reason.sentence() for reason in told.reasons)
            key = (told.change, told.node, told.was, why)
            changes.setdefault(key, told)
            alike.setdefault(key, []).append(guest)
    for each, told in changes.items():
        yield _of_all(told, alike[each])
    for node in sorted(now.resets.keys() - then.resets.keys()):
        seconds = now.resets[node].typical
        yield Difference(change=Change.RESETS, failed=failed, node=node, seconds=seconds)
    for node in sorted(then.resets.keys() - now.resets.keys()):
        yield Difference(change=Change.RESETS_NO_MORE, failed=failed, node=node)


def _of_all(told: Difference, guests: Sequence[GuestForecast]) -> Difference:
    """The sentence for all guests that fare alike; the one that waits longest gives the time."""
    longest = max((g.seconds.typical for g in guests if g.seconds), default=0.0)
    labels = tuple(f"{guest.vmid} {guest.name}".strip() for guest in guests)
    return msgspec.structs.replace(told, guests=labels, seconds=longest)


def _of_guest(
    failed: str, then: GuestForecast | None, now: GuestForecast, is_concerned: bool
) -> Difference | None:
    change = _CHANGES[now.outcome](then, now, is_concerned)
    if change is None:
        return None
    has_reasons = now.outcome is not Outcome.RECOVERS
    return Difference(
        change=change,
        failed=failed,
        node=now.node or "",
        was=(then.node if then else None) or "",
        reasons=(now.reasons or now.unknowns) if has_reasons else (),
    )


_SAFE = frozenset({Outcome.RECOVERS, Outcome.STAYS})
_Guest = GuestForecast


def _recovers(then: _Guest | None, now: _Guest, _is_concerned: bool) -> Change | None:
    if then is None or then.outcome is Outcome.STAYS:
        return Change.COMES_BACK
    if then.outcome is not Outcome.RECOVERS:
        return Change.SURVIVES
    return Change.ELSEWHERE if then.node != now.node else None


def _stays(then: _Guest | None, now: _Guest, _is_concerned: bool) -> Change | None:
    if then is not None and _is_off(now):
        return None if _is_off(then) else Change.IS_OFF
    return Change.SPARED if then is not None and then.outcome is not now.outcome else None


def _is_off(guest: _Guest) -> bool:
    return any(reason.code is Code.IS_OFF for reason in guest.reasons)


def _is_lost(then: _Guest | None, now: _Guest, is_concerned: bool) -> Change | None:
    if then is not None and then.outcome in _SAFE:
        return Change.LOST_NOW
    changed = then is None or then.outcome is not now.outcome
    return Change.STILL_LOST if is_concerned or changed else None


def _fails(then: _Guest | None, now: _Guest, is_concerned: bool) -> Change | None:
    if then is not None and then.outcome in _SAFE:
        return Change.FAILS_NOW
    changed = then is None or then.outcome is not now.outcome
    return Change.STILL_FAILS if is_concerned or changed else None


def _unknown(then: _Guest | None, now: _Guest, is_concerned: bool) -> Change | None:
    changed = then is None or then.outcome is not now.outcome
    return Change.NOT_KNOWN if is_concerned or changed else None


_CHANGES = {
    Outcome.RECOVERS: _recovers,
    Outcome.STAYS: _stays,
    Outcome.LOST: _is_lost,
    Outcome.NOT_MANAGED: _is_lost,
    Outcome.FAILS_THERE: _fails,
    Outcome.UNKNOWN: _unknown,
}
