"""Which archives of a guest are kept: `keep-last=3,keep-daily=7` (pve-storage Storage.pm,
prune_mark_backup_group). Pure.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from hapanel.lab.backup.archives import Archive
from hapanel.lab.properties import Format
from hapanel.lab.schema import Type, flag, maybe

KEEP_ALL = "keep-all"
_PERIODS: dict[str, Callable[[datetime], object]] = {
    "keep-hourly": lambda at: (at.date(), at.hour),
    "keep-daily": lambda at: at.date(),
    "keep-weekly": lambda at: at.isocalendar()[:2],
    "keep-monthly": lambda at: (at.year, at.month),
    "keep-yearly": lambda at: at.year,
}
PRUNE = Format(
    (
        flag(KEEP_ALL),
        *(maybe(name, Type.INTEGER, minimum=0) for name in ("keep-last", *_PERIODS)),
    )
)
Keep = Mapping[str, int]


def keep_of(text: str) -> Keep:
    """Reads a verified property string; nothing that is above 0 means that all is kept."""
    values = PRUNE.parse(text)
    if values.get(KEEP_ALL, "0") in ("1", "on", "yes", "true"):
        return {KEEP_ALL: 1}
    counts = {name: int(value) for name, value in values.items() if name != KEEP_ALL}
    return counts if any(counts.values()) else {KEEP_ALL: 1}


def limit_of(keep: Keep) -> int:
    """How many archives of a guest that allows; 0 is any number."""
    return 0 if KEEP_ALL in keep else sum(keep.values())


def surplus(archives: Sequence[Archive], keep: Keep) -> list[Archive]:
    """Those of one guest that are to go. Protected ones neither go nor count."""
    if KEEP_ALL in keep:
        return []
    left = sorted((a for a in archives if not a.protected), key=lambda a: a.ctime, reverse=True)
    kept = left[: keep.get("keep-last", 0)]
    for name, period in _PERIODS.items():
        kept += _newest_of_each(left, kept, keep.get(name, 0), period)
    return [archive for archive in left if archive not in kept]


def _newest_of_each(
    newest_first: Sequence[Archive],
    kept: Sequence[Archive],
    count: int,
    period: Callable[[datetime], object],
) -> list[Archive]:
    """The newest of each of `count` more periods; those that are covered already do not count."""
    covered = {period(_time(archive)) for archive in kept}
    more: dict[object, Archive] = {}
    for archive in newest_first:
        when = period(_time(archive))
        if archive not in kept and when not in covered and when not in more:
            if len(more) == count:
                break
            more[when] = archive
    return list(more.values())


def _time(archive: Archive) -> datetime:
    return datetime.fromtimestamp(archive.ctime, UTC)
