"""Rates and checks that fit the link between the nodes."""

from __future__ import annotations

from collections.abc import Iterator

from hapanel.drbd.configuration.findings import Finding, warning
from hapanel.drbd.configuration.model import Resource
from hapanel.drbd.configuration.subject import DISK, NET, Subject
from hapanel.drbd.configuration.tokens import Place
from hapanel.kernel.refusal import gettext_noop

RATE_MISSING = warning(
    "rate-limit-missing",
    gettext_noop(
        "No rate limits the resynchronisation of %(name)s, and DRBD's own default is %(rate)s"
    ),
    gettext_noop("Set c-max-rate in disk to about two thirds of what link and disks can carry"),
)
RATE_TOO_HIGH = warning(
    "rate-above-link",
    gettext_noop("Resynchronisation may take %(rate)s of a link that carries %(link)s"),
    gettext_noop("Set the limit to about two thirds of the link, here %(advised)s"),
)
VERIFY_MISSING = warning(
    "verify-alg-missing",
    gettext_noop("The two copies of %(name)s can never be compared, for want of a verify-alg"),
    gettext_noop("Set verify-alg crc32c in net, and verify once a month"),
)
MIB = 1024**2
DEFAULT_FIXED, DEFAULT_DYNAMIC = 250 * 1024, 100 * MIB
TOO_MUCH, ADVISED = 0.8, 2 / 3


def rates(subject: Subject) -> Iterator[Finding]:
    """The limit of a resync: there, and below what the link carries."""
    link = subject.around.link_rate
    for resource in subject.configuration.resources:
        place, rate, is_set = _limit(resource)
        if not is_set:
            yield RATE_MISSING(place, name=resource.name, rate=_shown(rate))
        if link and rate > TOO_MUCH * link:
            shown = {"rate": _shown(rate), "link": _shown(link), "advised": _advised(link)}
            yield RATE_TOO_HIGH(place, **shown)


def _limit(resource: Resource) -> tuple[Place, float, bool]:
    """Where the limit stands, its bytes a second, and whether it is set at all.

    With c-plan-ahead 0 the fixed resync-rate holds, otherwise c-max-rate bounds the controller.
    A resync-rate without the former is at least somebody's choice.
    """
    plan = resource.setting(DISK, "c-plan-ahead")
    fixed = resource.setting(DISK, "resync-rate")
    ceiling = resource.setting(DISK, "c-max-rate")
    is_fixed = plan is not None and plan.number == 0
    holds = fixed if is_fixed else ceiling
    otherwise = DEFAULT_FIXED if is_fixed else DEFAULT_DYNAMIC
    if holds is not None and holds.number is not None:
        return holds.place, holds.number, True
    anything = fixed or ceiling
    is_set = anything is not None and not is_fixed
    return anything.place if anything else resource.place, otherwise, is_set


def _shown(rate: float) -> str:
    return f"{rate / MIB:.1f} MiB/s"


def _advised(link: float) -> str:
    return f"{max(1, round(ADVISED * link / MIB))}M"


def verification(subject: Subject) -> Iterator[Finding]:
    """An algorithm for online verification."""
    for resource in subject.configuration.resources:
        if resource.setting(NET, "verify-alg") is None:
            yield VERIFY_MISSING(resource.place, name=resource.name)
