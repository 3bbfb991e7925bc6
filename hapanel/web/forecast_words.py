"""How forecasts are marked and worded on pages: a shape and few words for each outcome."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from hapanel.ha.forecast.outcome import GuestForecast, Outcome, Stage
from hapanel.ha.forecast.reasons import Code

STATES: Mapping[Outcome, str] = {
    Outcome.RECOVERS: "ok",
    Outcome.STAYS: "off",
    Outcome.FAILS_THERE: "danger",
    Outcome.LOST: "danger",
    Outcome.NOT_MANAGED: "unknown",
    Outcome.UNKNOWN: "unknown",
}
WORDS: Mapping[Outcome, str | Promise] = {
    Outcome.RECOVERS: _("recovers"),
    Outcome.STAYS: _("stays"),
    Outcome.FAILS_THERE: _("fails there"),
    Outcome.LOST: _("lost"),
    Outcome.NOT_MANAGED: _("not managed"),
    Outcome.UNKNOWN: _("not known"),
}
STAGE_STATES: Mapping[Stage, str] = {
    Stage.GONE: "danger",
    Stage.QUORUM_LOST: "danger",
    Stage.QUORUM_KEPT: "ok",
    Stage.NEW_MANAGER: "busy",
    Stage.NOTICED: "warn",
    Stage.FENCE: "fence",
    Stage.LOCK: "busy",
    Stage.RESET: "fence",
}
_SHORT: Mapping[Code, str | Promise] = {
    Code.NOT_MANAGED: _("not under HA"),
    Code.NO_QUORUM: _("no quorum"),
    Code.SURVIVOR_RESETS: _("%(node)s resets itself"),
    Code.NOBODY_LEFT: _("no node left"),
    Code.NO_PLACE: _("the rules leave no node"),
    Code.IN_ERROR: _("given up by HA"),
    Code.FROZEN: _("frozen"),
    Code.DISARMED: _("HA is disarmed"),
    Code.NOT_FENCED: _("not recovered"),
    Code.LOCAL_DISK: _("disk on %(storage)s"),
    Code.LOCAL_CD: _("CD on %(storage)s"),
    Code.STORAGE_MISSING: _("no %(storage)s there"),
    Code.PASSTHROUGH: _("hardware of its node"),
    Code.NO_MEMORY: _("too little memory"),
    Code.VOTES_NOT_READ: _("votes not read"),
    Code.QDEVICE_NOT_READ: _("QDevice not read"),
    Code.GROUP_NOT_READ: _("HA group not read"),
}


def short(guest: GuestForecast) -> str:
    """The first reason that has a short form; blank when none has."""
    for reason in (*guest.reasons, *guest.unknowns):
        words = _SHORT.get(reason.code)
        if words is not None:
            return str(words) % reason.params
    return ""
