"""Data generations: who has the newer data, and what a split brain's policies make of it. Pure.

The lowest bit of a generation says that it belonged to a Primary and is no part of comparisons.
Rule numbers are those that DRBD 8.4 writes into the kernel log (recordings).
"""

from dataclasses import dataclass
from enum import Enum

from hapanel.lab.drbd.side import JUST_CREATED


class Verdict(Enum):
    """What a handshake decides for one volume, seen from `self`."""

    NO_SYNC = "no sync"
    SOURCE = "source, by bitmap"
    SOURCE_FULL = "source, everything"
    TARGET = "target, by bitmap"
    TARGET_FULL = "target, everything"
    SPLIT = "split brain"
    UNRELATED = "unrelated data"


OPPOSITE = {
    Verdict.SOURCE: Verdict.TARGET,
    Verdict.SOURCE_FULL: Verdict.TARGET_FULL,
    Verdict.TARGET: Verdict.SOURCE,
    Verdict.TARGET_FULL: Verdict.SOURCE_FULL,
}


@dataclass(frozen=True)
class Generations:
    """What one side tells the other of a volume: generations, and KiB out of sync."""

    current: int
    bitmap: int
    history: tuple[int, ...]
    changed: int = 0


@dataclass(frozen=True)
class Party:
    """One side in a split brain: what the policies look at. `since` is when it became Primary."""

    node: str
    is_primary: bool
    discards: bool
    changed: int
    since: float


def _bare(generation: int) -> int:
    return generation & ~1


def compare(own: Generations, peer: Generations) -> Verdict:
    """Who has newer data, by the order of the kernel's rules 10 to 100."""
    mine, theirs = _bare(own.current), _bare(peer.current)
    fresh = _bare(JUST_CREATED)
    if mine == fresh or theirs == fresh:  # rules 10, 20, 30
        if mine == theirs:
            return Verdict.NO_SYNC
        return Verdict.TARGET_FULL if mine == fresh else Verdict.SOURCE_FULL
    if mine == theirs:  # rule 40
        return Verdict.NO_SYNC
    if mine == _bare(peer.bitmap):  # rule 50
        return Verdict.TARGET
    if theirs == _bare(own.bitmap):  # rule 70
        return Verdict.SOURCE
    if mine in map(_bare, peer.history):  # rule 60
        return Verdict.TARGET_FULL
    if theirs in map(_bare, own.history):  # rule 80
        return Verdict.SOURCE_FULL
    if own.bitmap and _bare(own.bitmap) == _bare(peer.bitmap):  # rule 90
        return Verdict.SPLIT
    past = {_bare(g) for g in (own.bitmap, *own.history) if g}
    if past & {_bare(g) for g in (peer.bitmap, *peer.history)}:  # rule 100
        return Verdict.SPLIT
    return Verdict.UNRELATED


def settle(own: Party, peer: Party, policies: dict[str, str]) -> Verdict:
    """What becomes of a split brain: the after-sb policies first, then --discard-my-data."""
    primaries = own.is_primary + peer.is_primary
    verdict = _BY_PRIMARIES[primaries](own, peer, policies)
    if verdict is Verdict.SPLIT and own.discards is not peer.discards:
        return Verdict.TARGET if own.discards else Verdict.SOURCE
    return verdict


def _without_primary(own: Party, peer: Party, policies: dict[str, str]) -> Verdict:
    policy = policies.get("after-sb-0pri", "disconnect")
    if policy == "discard-zero-changes":
        return _discard_if(own.changed == 0, peer.changed == 0)
    if policy == "discard-younger-primary":
        return _discard_if(own.since > peer.since, peer.since > own.since)
    if policy == "discard-older-primary":
        return _discard_if(own.since < peer.since, peer.since < own.since)
    if policy == "discard-least-changes":
        return _discard_if(own.changed < peer.changed, peer.changed < own.changed)
    if policy.startswith("discard-node-"):
        victim = policy.removeprefix("discard-node-")
        return _discard_if(own.node == victim, peer.node == victim)
    return Verdict.SPLIT


def _with_one_primary(own: Party, peer: Party, policies: dict[str, str]) -> Verdict:
    policy = policies.get("after-sb-1pri", "disconnect")
    if policy == "discard-secondary":
        return _discard_if(not own.is_primary, not peer.is_primary)
    if policy in ("consensus", "violently-as0p"):
        verdict = _without_primary(own, peer, policies)
        loses = verdict is Verdict.TARGET
        if policy == "violently-as0p" or loses is not own.is_primary:
            return verdict
    return Verdict.SPLIT


def _with_two_primaries(own: Party, peer: Party, policies: dict[str, str]) -> Verdict:
    if policies.get("after-sb-2pri") == "violently-as0p":
        return _without_primary(own, peer, policies)
    return Verdict.SPLIT


_BY_PRIMARIES = (_without_primary, _with_one_primary, _with_two_primaries)


def _discard_if(mine: bool, theirs: bool) -> Verdict:
    """One side loses when exactly one condition holds."""
    if mine is theirs:
        return Verdict.SPLIT
    return Verdict.TARGET if mine else Verdict.SOURCE
