"""Data generation ids: read from `drbdadm get-gi` and `show-gi`, and compared.

Both print `current:bitmap:history:history` as hexadecimal numbers and then flags, seven in 8.4 and
twelve in 9, whose order show-gi explains. DRBD 9 prints one line a peer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from itertools import product

from hapanel.ports.replication import Generations

_LINE = re.compile(r"^\s*([0-9A-Fa-f]{16}(?::[0-9A-Fa-f]{16}){1,3})((?::[01])*)\s*$")
# What the flags mean by their number in the line: recorded from show-gi of 8.4.11 and 9.2.18.
_FLAGS_OF_8 = (
    "consistent",
    "was_up_to_date",
    "was_primary",
    "was_connected",
    "",
    "peer_outdated",
    "crashed_primary",
)
_FLAGS_OF_9 = (
    "consistent",
    "was_up_to_date",
    "was_primary",
    "crashed_primary",
    "",
    "",
    "lost_quorum_as_primary",
    "was_connected",
    "peer_outdated",
)
_FLAG_COUNT_OF_8 = 7
_JUST_CREATED = 4  # the current id of a volume that never held data


class Relation(StrEnum):
    """How two copies descend from each other, as their generation ids tell it."""

    SAME = "same"
    FIRST_NEWER = "first-newer"
    SECOND_NEWER = "second-newer"
    DIVERGED = "diverged"
    UNRELATED = "unrelated"
    UNKNOWN = "unknown"


def generations(text: str) -> tuple[Generations, ...]:
    """The ids of every line of get-gi or show-gi that has some, one a peer in DRBD 9."""
    found = (_LINE.match(line) for line in text.splitlines()[:200])
    return tuple(_read(one) for one in found if one)


def _read(line: re.Match[str]) -> Generations:
    ids = line[1].upper().split(":")
    flags = [text == "1" for text in line[2].split(":") if text]
    names = _FLAGS_OF_8 if len(flags) <= _FLAG_COUNT_OF_8 else _FLAGS_OF_9
    told: Mapping[str, bool] = {
        name: flag for name, flag in zip(names, flags, strict=False) if name
    }
    return Generations(current=ids[0], bitmap=ids[1], history=tuple(ids[2:]), **told)


def relation(first: Generations | None, second: Generations | None) -> Relation:
    """How the copy with the ids `first` stands to the one with `second`.

    By the rules of DRBD's handshake: equal current ids are the same data; a current id that is the
    other's bitmap id or history is older; two that share a bitmap id, or an older one, both changed
    after it, which is the split brain.
    """
    if first is None or second is None:
        return Relation.UNKNOWN
    mine, theirs = _plain(first.current), _plain(second.current)
    if mine == theirs:
        return Relation.SAME
    if _JUST_CREATED in (mine, theirs):
        return Relation.SECOND_NEWER if mine == _JUST_CREATED else Relation.FIRST_NEWER
    older_second = theirs in _past(first)
    if older_second or mine in _past(second):
        return Relation.FIRST_NEWER if older_second else Relation.SECOND_NEWER
    shared = any(one == other for one, other in product(_past(first), _past(second)))
    return Relation.DIVERGED if shared else Relation.UNRELATED


def _plain(uuid: str) -> int:
    """The id as a number without its lowest bit, which says that its node was Primary."""
    return int(uuid, 16) & ~1


def _past(one: Generations) -> list[int]:
    return [_plain(uuid) for uuid in (one.bitmap, *one.history) if _plain(uuid)]
