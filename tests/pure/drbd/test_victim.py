"""Whose changes are given up: proposed with a reason, refused with one, never guessed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from hapanel.drbd.circumstances import Circumstances, GuestOnResource
from hapanel.drbd.split_brain import Divergence
from hapanel.drbd.victim import Proposal, propose_victim, refusal_of_victim
from hapanel.ports.replication import DiskState, NodeReplication
from tests.pure.drbd.stage import (
    ALONE,
    BAD,
    ELEARNING,
    NOW,
    SIAKAD,
    P,
    S,
    generations,
    judged,
    peer,
    split,
    told,
)

NO_GUESTS = Circumstances(guests=())


def divergence(*nodes: NodeReplication, given: Circumstances = NO_GUESTS) -> Divergence:
    found = judged(*nodes, given=given).split_brain
    assert found is not None
    return found


def proposal(*nodes: NodeReplication, given: Circumstances = NO_GUESTS) -> Proposal:
    return propose_victim(divergence(*nodes, given=given), "rs", given)


def test_the_side_without_running_guests_is_proposed() -> None:
    stopped = replace(ELEARNING, running=False)
    found = proposal(*split(), given=Circumstances(guests=(SIAKAD, stopped)))
    assert found.victim == "slave"
    assert found.because() == (
        "No guest of rs runs on slave; on master there are running: 100 siakad."
    )
    assert list(found.refused) == ["master"]
    assert found.refused["master"].code == "victim-runs-guests"


@pytest.mark.parametrize(
    ("sizes", "more", "victim"),
    [
        ((40, 32), (), "slave"),
        ((32, 40), (), "master"),
        ((32, 32), (), None),
        ((None, 40), (), None),
        ((None, 1), (replace(ELEARNING, vmid=102),), "master"),
        ((99, 2), (replace(ELEARNING, vmid=102, running=False, size=1),), "slave"),
    ],
)
def test_with_guests_on_both_sides_the_one_with_less_to_copy_is_proposed(
    sizes: tuple[int | None, int | None], more: tuple[GuestOnResource, ...], victim: str | None
) -> None:
    guests = (replace(SIAKAD, size=sizes[0]), replace(ELEARNING, size=sizes[1]), *more)
    found = proposal(*split(), given=Circumstances(guests=guests))
    assert (found.victim, found.refused) == (victim, {})
    assert "run on both sides" in found.because()


def test_unread_guests_refuse_both_sides() -> None:
    found = proposal(*split(), given=Circumstances())
    assert found.victim is None
    assert {one.code for one in found.refused.values()} == {"victim-guests-not-known"}


@pytest.mark.parametrize("running", [True, False])
def test_a_side_is_refused_exactly_while_a_guest_runs_there(running: bool) -> None:
    given = Circumstances(guests=(GuestOnResource(7, "web", "slave", running),))
    refusal = refusal_of_victim("slave", divergence(*split()), "rs", given)
    assert (refusal is not None) is running
    if refusal:
        assert "run on slave: 7 web" in refusal.because()


def test_a_side_that_wrote_nothing_loses_nothing() -> None:
    ids = (generations(0xB1, 0xA0), generations(0xC1, 0xA1))
    found = proposal(
        told("master", P, peer(ALONE, oos=0, ids=ids[0])),
        told("slave", P, peer(ALONE, oos=5, ids=ids[1])),
    )
    assert found.victim == "master"
    assert "Nothing was written on master" in found.because()


def test_the_secondary_gives_way_to_the_primary() -> None:
    found = proposal(told("master", S, peer(ALONE, oos=3)), told("slave", P, peer(ALONE, oos=5)))
    assert found.victim == "master"


def test_who_was_primary_last_wins_among_two_secondaries() -> None:
    given = Circumstances(
        guests=(), last_primary={"master": NOW, "slave": NOW - timedelta(hours=1)}
    )
    sides = (told("master", S, peer(ALONE, oos=3)), told("slave", S, peer(ALONE, oos=5)))
    assert proposal(*sides, given=given).victim == "slave"
    # Two that are Primary both still are: since when each is known says nothing.
    assert proposal(*split(), given=given).victim is None


def test_nothing_is_proposed_from_the_number_of_changed_bytes() -> None:
    found = proposal(*split())
    assert (found.victim, found.refused) == (None, {})
    assert "Look at the data on both" in found.because()


def test_the_only_whole_copy_is_never_a_victim() -> None:
    sides = (
        told("master", S, peer(ALONE), split_brain_called=True),
        told("slave", S, peer(ALONE), disk=BAD),
    )
    found = divergence(*sides)
    refusal = refusal_of_victim("master", found, "rs", NO_GUESTS)
    assert refusal is not None
    assert refusal.code == "victim-only-copy"
    assert propose_victim(found, "rs", NO_GUESTS).victim == "slave"
    diskless = (sides[0], told("slave", S, peer(ALONE), disk=DiskState.DISKLESS))
    assert propose_victim(divergence(*diskless), "rs", NO_GUESTS).victim == "slave"


def test_somebody_else_is_no_side_of_it() -> None:
    refusal = refusal_of_victim("third", divergence(*split()), "rs", NO_GUESTS)
    assert refusal is not None
    assert (refusal.code, refusal.status) == ("victim-not-a-side", 422)
