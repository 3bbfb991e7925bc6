"""The same two nodes with a QDevice, and without the one that they have."""

from __future__ import annotations

from msgspec.structs import replace

from hapanel.ha.forecast.oracle import Oracle
from hapanel.ha.forecast.outcome import Outcome
from hapanel.ha.forecast.what_if import has_qdevice, with_other_qdevice
from tests.pure.ha.forecast.two_nodes import NO_QDEVICE, VOTING, pair


def test_a_qdevice_cures_and_its_absence_is_the_flaw() -> None:
    flawed = pair(qdevice=NO_QDEVICE)
    cured = with_other_qdevice(flawed)
    assert has_qdevice(cured)
    assert Oracle(flawed).forecast("north").counts()[Outcome.RECOVERS] == 0
    told = Oracle(cured).forecast("north")
    assert told.counts()[Outcome.RECOVERS] > 0
    assert (told.votes_left, told.votes_expected, told.votes_needed) == (2, 3, 2)
    assert Oracle(with_other_qdevice(pair(qdevice=VOTING))).forecast("north").quorate is False


def test_a_qdevice_that_is_away_counts_as_none() -> None:
    away = pair(qdevice=replace(VOTING, connected=False))
    assert not has_qdevice(away)
    assert Oracle(with_other_qdevice(away)).forecast("north").quorate


def test_its_vote_may_be_the_one_that_is_missing_now() -> None:
    stuck = replace(pair(qdevice=NO_QDEVICE), quorate=False)
    assert Oracle(stuck).forecast("south").quorate is False
    assert Oracle(with_other_qdevice(stuck)).forecast("south").quorate
