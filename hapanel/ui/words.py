"""Figures as people read them: localised, with units, the same in every place of the panel."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile

from django.utils.formats import get_format, number_format
from django.utils.translation import pgettext

from hapanel.kernel.units import format_duration

UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
# A size with one decimal, as hapanel.kernel.units.format_bytes writes it.
SIZE = re.compile(r"(?<=\d)\.(?=\d [KMGTP]iB\b)")
NOTHING = "–"  # noqa: RUF001 - a dash stands for "not told"; zero would be a statement


def bytes_text(size: float | None) -> str:
    """`13.6 GiB`, in the reader's decimal sign; a dash for None."""
    if size is None:
        return NOTHING
    value, unit = float(size), UNITS[0]
    for unit in UNITS:
        if abs(value) < 1024 or unit == UNITS[-1]:
            break
        value /= 1024
    digits = 0 if unit == UNITS[0] or value >= 100 else 1
    # number_format cuts digits off, so round before.
    return f"{number_format(round(value, digits), digits)} {unit}"


def with_local_decimals(sentence: str) -> str:
    """The reader's decimal sign in the sizes of a sentence: pure rooms write `8.0 GiB` only."""
    return SIZE.sub(str(get_format("DECIMAL_SEPARATOR")), sentence)


def rate_text(bytes_per_second: float | None) -> str:
    """`109 MiB/s`; a dash for None."""
    return NOTHING if bytes_per_second is None else f"{bytes_text(bytes_per_second)}/s"


def percent_text(fraction: float | None) -> str:
    """`34 %` of a fraction of one; a dash for None."""
    return NOTHING if fraction is None else f"{round(fraction * 100)} %"


def milliseconds_text(milliseconds: float | None) -> str:
    """`43 ms`, from one second on `1.2 s`, from a minute on `1:05`; a dash for None."""
    if milliseconds is None:
        return NOTHING
    if milliseconds < 1000:
        return f"{round(milliseconds)} ms"
    if milliseconds < 60_000:
        return f"{number_format(round(milliseconds / 1000, 1), 1)} {unit_names()[0]}"
    return format_duration(milliseconds / 1000)


def duration_text(seconds: float | None) -> str:
    """`1:52` in minutes and seconds, with hours when there are any; a dash for None."""
    return NOTHING if seconds is None else format_duration(seconds)


def unit_names() -> tuple[str, str, str, str]:
    """Short names of second, minute, hour and day in the reader's language."""
    return (
        pgettext("unit, short: seconds", "s"),
        pgettext("unit, short: minutes", "min"),
        pgettext("unit, short: hours", "h"),
        pgettext("unit, short: days", "d"),
    )


def span_text(seconds: float | None) -> str:
    """`4 min 12 s`: how long (ago), as static/js/ages.js goes on counting; a dash for None."""
    if seconds is None:
        return NOTHING
    second, minute, hour, day = unit_names()
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} {second}"
    if whole < 3600:
        return f"{whole // 60} {minute} {whole % 60} {second}"
    if whole < 86_400:
        return f"{whole // 3600} {hour} {whole % 3600 // 60} {minute}"
    return f"{whole // 86_400} {day} {whole % 86_400 // 3600} {hour}"


def letters_of(names: Sequence[str]) -> list[str]:
    """What tells names apart in one or two characters: `m`, `s`; `a1`, `b2` of ubd-a1, ubd-b2."""
    alike = takewhile(lambda column: len(set(column)) == 1, zip(*names, strict=False))
    shared = len(list(alike)) if len(names) > 1 else 0
    apart = [name[shared:] or name[-1:] for name in names]
    length = 1 if len({word[:1] for word in apart}) == len(apart) else 2
    return [word[:length] for word in apart]
