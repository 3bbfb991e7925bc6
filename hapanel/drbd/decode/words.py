"""DRBD's words and numbers: read into enums and base units, kept as text where that fails."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeVar

from hapanel.kernel.units import KIB
from hapanel.ports.replication import ConnectionState, DiskState, Pause, ReplicationState, Role

Word = TypeVar("Word", bound=StrEnum)
SECTOR = 512
_LONGEST_NUMBER = 24

# 8.3 and 8.4 have one word for link and replication (`cstate`, /proc/drbd); these are those that
# speak of the link. WFReportParams is the handshake: nothing is replicated before it ends.
_OLD_LINK_WORDS: Mapping[str, ConnectionState] = {
    "WFConnection": ConnectionState.CONNECTING,
    "WFReportParams": ConnectionState.CONNECTING,
    "Unconfigured": ConnectionState.STANDALONE,
}


def word(kind: type[Word], text: str | None, field: str, unknown: dict[str, str]) -> Word:
    """The member of `kind` that `text` is; otherwise UNKNOWN, the text kept in `unknown`."""
    nothing = kind["UNKNOWN"]
    if not text:
        return nothing
    try:
        return kind(text)
    except ValueError:
        unknown[field] = text[:80]
        return nothing


def link_and_replication(
    text: str, unknown: dict[str, str]
) -> tuple[ConnectionState, ReplicationState]:
    """Both states out of 8.x's single word: `SyncTarget` is a connected link that syncs."""
    if text in _OLD_LINK_WORDS:
        return _OLD_LINK_WORDS[text], ReplicationState.OFF
    if text == ConnectionState.CONNECTED:
        return ConnectionState.CONNECTED, ReplicationState.ESTABLISHED
    if text in _REPLICATION_WORDS:
        return ConnectionState.CONNECTED, ReplicationState(text)
    connection = word(ConnectionState, text, "connection_state", unknown)
    known = connection is not ConnectionState.UNKNOWN
    return connection, ReplicationState.OFF if known else ReplicationState.UNKNOWN


_REPLICATION_WORDS = frozenset(
    state.value
    for state in ReplicationState
    if state not in (ReplicationState.OFF, ReplicationState.UNKNOWN)
)


def both(kind: type[Word], text: str, field: str, unknown: dict[str, str]) -> tuple[Word, Word]:
    """The two words of `Primary/Secondary`: this node's first, the peer's second."""
    mine, _, theirs = text.partition("/")
    return word(kind, mine, field, unknown), word(kind, theirs, f"peer_{field}", unknown)


def roles(text: str, unknown: dict[str, str]) -> tuple[Role, Role]:
    """Both roles of `ro:Primary/Secondary`."""
    return both(Role, text, "role", unknown)


def disks(text: str, unknown: dict[str, str]) -> tuple[DiskState, DiskState]:
    """Both disk states of `ds:UpToDate/DUnknown`."""
    return both(DiskState, text, "disk_state", unknown)


def integer(text: str | None) -> int | None:
    """A whole number that is not negative, thousands commas allowed; None when it is none."""
    if text is None or len(text) > _LONGEST_NUMBER:
        return None
    plain = text.replace(",", "")
    return int(plain) if plain.isascii() and plain.isdigit() else None


def kib(text: str | None) -> int | None:
    """Bytes of a number of KiB, as DRBD counts sizes, traffic and out-of-sync."""
    number = integer(text)
    return None if number is None else number * KIB


def sectors(text: str | None) -> int | None:
    """Bytes of a number of 512-byte sectors, as DRBD counts a sync's total."""
    number = integer(text)
    return None if number is None else number * SECTOR


def decimal(text: str | None) -> float | None:
    """A finite number that is not negative; None when it is none (`eta:nan`)."""
    if text is None or len(text) > _LONGEST_NUMBER:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def yes(text: str | None) -> bool | None:
    """True for yes, False for no, None for anything else."""
    return {"yes": True, "no": False}.get(text or "")


def pauses(text: str | None) -> tuple[Pause, ...]:
    """Who holds a sync, of `resync-suspended:user,peer`."""
    said = set((text or "").split(","))
    return tuple(pause for pause in Pause if pause.value in said)


def share_done(total: int | None, left: int | None) -> float | None:
    """Percent of `total` that is not `left` any more; None without both."""
    if total is None or left is None or total <= 0:
        return None
    return round(min(100.0, max(0.0, 100.0 * (total - left) / total)), 2)


def only(fields: Iterable[tuple[str, str]], names: frozenset[str]) -> dict[str, str]:
    """Those of the key:value pairs whose key is in `names`."""
    return {name: text for name, text in fields if name in names}
