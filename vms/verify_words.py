"""When a verify is repeated, in a sentence for people."""

from __future__ import annotations

from django.conf import settings
from django.utils.dates import WEEKDAYS
from django.utils.formats import time_format
from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from hapanel.drbd.verify_times import Every, Rhythm, Weekday

EVERY: dict[Every, str | Promise] = {
    Every.WEEK: _("Every week"),
    Every.TWO_WEEKS: _("Every two weeks"),
    Every.FOUR_WEEKS: _("Every four weeks"),
    Every.MONTH: _("Monthly, on the first such day"),
}
DAYS: dict[Weekday, str | Promise] = {day: WEEKDAYS[number] for number, day in enumerate(Weekday)}


def rhythm_sentence(rhythm: Rhythm) -> str:
    """`Every week on Sunday at 03:00 (Asia/Jakarta)`."""
    template = {
        Every.WEEK: gettext("Every week on %(day)s at %(time)s (%(zone)s)"),
        Every.TWO_WEEKS: gettext("Every two weeks on %(day)s at %(time)s (%(zone)s)"),
        Every.FOUR_WEEKS: gettext("Every four weeks on %(day)s at %(time)s (%(zone)s)"),
        Every.MONTH: gettext("On the first %(day)s of each month at %(time)s (%(zone)s)"),
    }[rhythm.every]
    return template % {
        "day": DAYS[rhythm.weekday],
        "time": time_format(rhythm.at, pgettext("time of day, minutes", "H:i")),
        "zone": settings.TIME_ZONE,
    }


def mending_words(resource: str, primary: list[str], secondary: list[str]) -> str:
    """What to do about copies that differ, by the roles of the nodes."""
    if not primary:
        return gettext(
            "Neither node is Primary. Make the one with the right data Primary, then disconnect "
            "the other and connect it again: what differs is then copied. DRBD does not do so by "
            "itself."
        )
    if not secondary:
        return gettext(
            "All nodes are Primary, so none gives way. Move the guests off one whose copy may be "
            "written over, deactivate its volume group and make it Secondary; then disconnect and "
            "connect it. DRBD does not do so by itself."
        )
    return gettext(
        "Disconnect %(resource)s on %(node)s and connect it again: what differs is then copied "
        "from %(peer)s, where it is Primary. DRBD does not do so by itself."
    ) % {"resource": resource, "node": secondary[0], "peer": primary[0]}
