"""Who has the newer data, and what the after-sb policies make of a split brain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hapanel.lab.drbd.generations import OPPOSITE, Generations, Party, Verdict, compare, settle

OLD, BASE, MINE, THEIRS = 0xA0, 0xB0, 0xC0, 0xD0
generations = st.sampled_from((0, 4, 5, OLD, OLD + 1, BASE, BASE + 1, MINE, THEIRS))
told = st.builds(Generations, generations, generations, st.tuples(generations, generations))


def data(current: int, bitmap: int = 0, *history: int) -> Generations:
    return Generations(current, bitmap, history)


@pytest.mark.parametrize(
    ("own", "peer", "verdict"),
    [
        (data(4), data(4), Verdict.NO_SYNC),
        (data(4), data(BASE), Verdict.TARGET_FULL),
        (data(BASE + 1), data(BASE), Verdict.NO_SYNC),
        (data(MINE, BASE), data(BASE, 0, OLD), Verdict.SOURCE),
        (data(MINE, 0, OLD), data(OLD), Verdict.SOURCE_FULL),
        (data(MINE + 1, BASE), data(THEIRS + 1, BASE + 1), Verdict.SPLIT),
        (data(MINE, 0, BASE), data(THEIRS, 0, BASE), Verdict.SPLIT),
        (data(MINE), data(THEIRS), Verdict.UNRELATED),
    ],
)
def test_the_rules(own: Generations, peer: Generations, verdict: Verdict) -> None:
    assert compare(own, peer) is verdict


@given(told, told)
def test_both_ends_come_to_opposite_verdicts(own: Generations, peer: Generations) -> None:
    verdict = compare(own, peer)
    # A generation that is in both pasts at once is no history that DRBD could have written.
    if Verdict.SPLIT not in (verdict, compare(peer, own)):
        assert compare(peer, own) in (OPPOSITE.get(verdict, verdict), *_ambiguous(own, peer))


def _ambiguous(own: Generations, peer: Generations) -> tuple[Verdict, ...]:
    bare = [{g & ~1 for g in (x.bitmap, *x.history)} for x in (own, peer)]
    crossed = own.current & ~1 in bare[1] and peer.current & ~1 in bare[0]
    return tuple(OPPOSITE) if crossed else ()


def party(node: str, *, primary: bool = False, changed: int = 0, discards: bool = False,
          since: float = 0.0) -> Party:  # fmt: skip
    return Party(node, primary, discards, changed, since)


A, B = "master", "slave"


@pytest.mark.parametrize(
    ("policies", "own", "peer", "verdict"),
    [
        ({}, party(A), party(B), Verdict.SPLIT),
        ({"after-sb-0pri": "discard-zero-changes"}, party(A, changed=4), party(B), Verdict.SOURCE),
        ({"after-sb-0pri": "discard-zero-changes"}, party(A, changed=4), party(B, changed=4),
         Verdict.SPLIT),
        ({"after-sb-0pri": "discard-least-changes"}, party(A, changed=4), party(B, changed=8),
         Verdict.TARGET),
        ({"after-sb-0pri": "discard-younger-primary"}, party(A, since=9), party(B, since=5),
         Verdict.TARGET),
        ({"after-sb-0pri": "discard-older-primary"}, party(A, since=9), party(B, since=5),
         Verdict.SOURCE),
        ({"after-sb-0pri": "discard-node-slave"}, party(A), party(B), Verdict.SOURCE),
        ({"after-sb-1pri": "discard-secondary"}, party(A, primary=True), party(B), Verdict.SOURCE),
        ({"after-sb-0pri": "discard-node-master", "after-sb-1pri": "consensus"},
         party(A, primary=True), party(B), Verdict.SPLIT),
        ({"after-sb-0pri": "discard-node-slave", "after-sb-1pri": "consensus"},
         party(A, primary=True), party(B), Verdict.SOURCE),
        ({"after-sb-1pri": "disconnect"}, party(A, primary=True), party(B), Verdict.SPLIT),
        ({"after-sb-0pri": "discard-zero-changes"}, party(A, primary=True, changed=4),
         party(B, primary=True), Verdict.SPLIT),
        ({}, party(A, changed=4), party(B, changed=4, discards=True), Verdict.SOURCE),
        ({}, party(A, discards=True), party(B, discards=True), Verdict.SPLIT),
    ],
)  # fmt: skip
def test_the_policies(policies: dict[str, str], own: Party, peer: Party, verdict: Verdict) -> None:
    assert settle(own, peer, policies) is verdict
    assert settle(peer, own, policies) is OPPOSITE.get(verdict, verdict)
