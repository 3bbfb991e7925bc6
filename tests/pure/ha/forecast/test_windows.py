"""How long it takes, how sure that is, and what several nodes and guests change about it."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

from hapanel.ha.forecast.daemons import Phase
from hapanel.ha.forecast.initial import Scenery
from hapanel.ha.forecast.oracle import Oracle
from hapanel.ha.forecast.outcome import Forecast, Outcome, Stage
from hapanel.ha.forecast.reasons import Code
from hapanel.ha.forecast.snapshot import Boot, SeenGuest, SeenNode, SeenResource, Snapshot
from hapanel.ha.forecast.timing import Window
from hapanel.ha.forecast.trial import Trial
from hapanel.ports.cluster import QDevice
from hapanel.ports.datacenter import DatacenterOptions, HaGroup
from tests.pure.ha.forecast.two_nodes import GIB, NO_QDEVICE, VOTING, guest, pair


class AnyPhase(Phase, frozen=True):
    """Every daemon somewhere in its round, by a seed."""

    def crm(self, index: int) -> float:
        return random.Random(f"crm {self.n} {index}").random()

    def lrm(self, index: int) -> float:
        return random.Random(f"lrm {self.n} {index}").random()


def window(told: Forecast) -> Window:
    found = told.guests[0].seconds
    assert found is not None
    return found


@pytest.mark.parametrize(("seat", "typical"), [("north", 181), ("south", 132)])
def test_nearly_every_crash_falls_into_a_window_that_is_not_wide(seat: str, typical: int) -> None:
    seen = pair(qdevice=True, seat=seat)
    told = window(Oracle(seen).forecast("north"))
    assert told.most - told.least < 45
    assert abs(told.typical - typical) < 5
    scenery = Scenery(seen)
    inside = 0
    for seed in range(60):
        trial = Trial(scenery.world(["vm:100"], AnyPhase(seed)), ["north"], ["vm:100"]).die()
        inside += told.least <= trial.starts["vm:100"].at <= told.most
    assert inside >= 57


def test_a_boot_that_was_seen_before_counts_and_a_faster_clock_shortens_the_rest() -> None:
    seen = pair(qdevice=True, seat="south")
    plain = window(Oracle(seen).forecast("north"))
    booting = replace(seen, boots={"vm:100": Boot(least=5, typical=20, most=60)}, time_scale=6)
    told = Oracle(booting).forecast("north")
    assert window(told).typical == pytest.approx(plain.typical / 6 + 20)
    assert window(told).most == pytest.approx((plain.most - 2) / 6 + 2 + 60)
    assert Code.BOOT_NOT_KNOWN not in [reason.code for reason in told.guests[0].unknowns]
    assert told.time_scale == 6


def test_the_story_has_its_stages_in_order() -> None:
    told = Oracle(pair(qdevice=True, seat="south")).forecast("north")
    at = {beat.stage: beat.at for beat in told.beats}
    order = [Stage.GONE, Stage.QUORUM_KEPT, Stage.NOTICED, Stage.FENCE, Stage.LOCK]
    assert [at[stage] for stage in order] == sorted(at[stage] for stage in order)
    assert at[Stage.LOCK] <= window(told).typical


def test_the_seat_moves_to_the_only_survivor() -> None:
    told = Oracle(pair(qdevice=True, seat="south")).forecast("south")
    assert (told.manager, told.manager_after) == ("south", "north")
    assert told.quorate is True


def test_another_version_is_called_unverified() -> None:
    older = Oracle(pair(pve_version="8.4.1")).forecast("north")
    assert not older.is_verified
    assert Code.VERSION_UNVERIFIED in [reason.code for reason in older.unknowns]
    assert Oracle(pair()).forecast("north").is_verified


def test_a_cluster_without_quorum_now_restarts_nothing() -> None:
    seen = pair(quorate=False, south={"status": "offline"}, manager_state="dead")
    told = Oracle(seen).forecast("north")
    assert told.quorate is False
    assert told.guests[0].outcome is Outcome.LOST


def ring(count: int, *guests: SeenGuest, qdevice: QDevice = NO_QDEVICE) -> Snapshot:
    """So many nodes n1, n2 ... with a guest under HA each; the seat is on n1."""
    names = [f"n{i}" for i in range(1, count + 1)]
    nodes = tuple(
        SeenNode(
            name=name,
            node_id=i,
            votes=1,
            status="online",
            lrm_state="active",
            maxmem=64 * GIB,
            mem=8 * GIB,
        )
        for i, name in enumerate(names, start=1)
    )
    own = tuple(guest(100 + i, name) for i, name in enumerate(names, start=1))
    return Snapshot(
        cluster="ring",
        nodes=nodes,
        guests=own + guests,
        qdevice=qdevice,
        quorate=True,
        manager_node="n1",
        manager_state="active",
        armed="armed",
        pve_version="9.2.11",
    )


def test_two_of_five_may_die_and_three_may_not() -> None:
    oracle = Oracle(ring(5))
    two = oracle.forecast("n4", "n5")
    assert two.quorate
    assert [each.outcome for each in two.guests][3:] == [Outcome.RECOVERS] * 2
    three = oracle.forecast("n3", "n4", "n5")
    assert three.quorate is False
    assert sorted(three.resets) == ["n1", "n2"]
    assert {each.outcome for each in three.guests} == {Outcome.LOST}


def test_each_node_alone_costs_a_few_seconds_at_most_and_places_by_load() -> None:
    busy = [guest(200 + i, "n2") for i in range(4)]
    forecasts = Oracle(ring(5, *busy)).each()
    assert [told.fail for told in forecasts] == [("n1",), ("n2",), ("n3",), ("n4",), ("n5",)]
    third = next(each for each in forecasts[2].guests if each.home == "n3")
    assert third.node == "n1"
    assert {passed.node for passed in third.passed} >= {"n2", "n4", "n5"}
    taken = {each.node for each in forecasts[1].guests if each.home == "n2"}
    assert taken == {"n1", "n3", "n4", "n5"}


def test_memory_is_taken_guest_by_guest() -> None:
    seen = pair(
        guest(100), guest(101), guest(102), qdevice=True, south={"mem": 27 * GIB}
    )  # 5 GiB are free, each needs two
    outcomes = [each.outcome for each in Oracle(seen).forecast("north").guests]
    assert outcomes == [Outcome.RECOVERS, Outcome.RECOVERS, Outcome.FAILS_THERE]


def test_many_guests_wait_for_their_turn() -> None:
    many = [guest(100 + i, maxmem=GIB // 4) for i in range(40)]
    told = Oracle(pair(*many, qdevice=True)).forecast("north")
    typical = [each.seconds.typical for each in told.guests if each.seconds]
    assert len(typical) == 40
    assert max(typical) - min(typical) > 10
    assert any(Code.QUEUED in [r.code for r in each.reasons] for each in told.guests)


def test_both_nodes_may_die_at_once() -> None:
    told = Oracle(pair(qdevice=VOTING)).forecast("north", "south")
    assert told.quorate is False
    assert told.guests[0].reasons[0].code is Code.NOBODY_LEFT


def test_a_group_whose_nodes_nobody_read_leaves_the_answer_open() -> None:
    told = SeenResource(state="started", request="started", node="n2", group="web")
    seen = ring(3, guest(300, "n2", resource=told))
    fate = Oracle(seen).forecast("n2").guests[-1]
    assert fate.outcome is Outcome.UNKNOWN
    assert fate.unknowns[0].code is Code.GROUP_NOT_READ


@pytest.mark.parametrize(("nodes", "target"), [(("n3",), "n3"), (("n1:1", "n3:2"), "n3")])
def test_a_group_says_where_a_guest_lands(nodes: tuple[str, ...], target: str) -> None:
    told = SeenResource(state="started", request="started", node="n2", group="web")
    group = HaGroup(group="web", nodes=("n2", *nodes), restricted=True)
    seen = replace(ring(3, guest(300, "n2", resource=told)), groups=(group,), pve_version="8.4.14")
    fate = Oracle(seen).forecast("n2").guests[-1]
    assert (fate.outcome, fate.node) == (Outcome.RECOVERS, target)


def test_the_scheduler_that_was_read_places_the_guests() -> None:
    """`basic` counts guests, `static` their size: n3 has fewer of them, but larger ones."""
    crowd = [guest(400 + n, "n1", maxmem=GIB // 4, maxcpu=1.0) for n in range(3)]
    seen = ring(3, guest(300, "n2"), guest(500, "n3", maxmem=24 * GIB, maxcpu=16.0), *crowd)
    lands = {}
    for word in ("basic", "static"):
        options = DatacenterOptions(scheduler=word)
        told = Oracle(replace(seen, options=options)).forecast("n2")
        lands[word] = next(each.node for each in told.guests if each.vmid == 300)
        assert Code.OPTIONS_NOT_READ not in [each.code for each in told.unknowns]
    assert lands == {"basic": "n3", "static": "n1"}


def test_measured_load_is_named_as_not_known() -> None:
    told = Oracle(pair(options=DatacenterOptions(scheduler="dynamic"))).forecast("north")
    assert Code.LOAD_NOT_KNOWN in [each.code for each in told.unknowns]


def test_an_unknown_node_is_nobody() -> None:
    with pytest.raises(KeyError):
        Oracle(pair()).forecast("west")
