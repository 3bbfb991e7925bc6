"""What must fit where when a node dies, and whether one more guest fits."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from hapanel.ha.capacity.loss import Fit, Loss, Survey
from hapanel.ha.capacity.planned import Planned, plan
from hapanel.ha.forecast.reasons import Code
from hapanel.ha.forecast.snapshot import SeenNode, SeenStorage, Snapshot
from hapanel.ports.cluster import HaRule
from tests.pure.ha.forecast.two_nodes import GIB, guest, pair


def trio(*guests: Any, mem: tuple[int, int, int] = (4, 4, 4), **more: Any) -> Snapshot:
    """Three nodes of 32 GiB and 8 cores, so much memory in use on each."""
    nodes = tuple(
        SeenNode(
            name=name,
            node_id=n,
            votes=1,
            status="online",
            lrm_state="active",
            maxmem=32 * GIB,
            mem=used * GIB,
            maxcpu=8,
        )
        for n, (name, used) in enumerate(zip(("north", "south", "west"), mem, strict=True), start=1)
    )
    storages = tuple(
        SeenStorage(
            storage="shared",
            node=node.name,
            is_shared=True,
            content="images,rootdir",
            free=100 * GIB,
        )
        for node in nodes
    )
    return replace(pair(*guests), nodes=nodes, storages=storages, **more)


def without(seen: Snapshot, node: str = "north") -> Loss:
    return Survey(seen).without(node)


def lands(loss: Loss) -> dict[int, tuple[str | None, Fit]]:
    return {each.vmid: (each.node, each.fit) for each in loss.arrivals}


def test_guests_land_where_the_engine_puts_them_though_there_is_no_quorum() -> None:
    loss = without(pair(guest(), guest(101)))
    assert lands(loss) == {100: ("south", Fit.FITS), 101: ("south", Fit.FITS)}
    (room,) = loss.rooms
    assert (room.used, room.arriving, room.free_after) == (4 * GIB, 4 * GIB, 24 * GIB)
    assert loss.fit is Fit.FITS


def test_the_last_one_for_whom_memory_is_left_fits_and_the_next_does_not() -> None:
    loss = without(pair(*(guest(100 + n, maxmem=12 * GIB) for n in range(3))))
    assert [each.fit for each in loss.arrivals] == [Fit.FITS, Fit.FITS, Fit.NO]
    (left_out,) = loss.left_out
    assert left_out.reason is not None
    assert left_out.reason.code is Code.NO_MEMORY
    assert loss.fit is Fit.NO
    assert loss.rooms[0].free_after == 4 * GIB


def test_rules_say_where_things_must_fit() -> None:
    rules = (HaRule(rule="r", type="node-affinity", resources=("vm:100",), nodes=("west",)),)
    assert lands(without(trio(guest(), rules=rules)))[100] == ("west", Fit.FITS)
    strict = tuple(replace(rule, strict=True, nodes=("north",)) for rule in rules)
    loss = without(trio(guest(), rules=strict))
    assert lands(loss)[100] == (None, Fit.NO)
    assert loss.arrivals[0].reason is not None
    assert loss.arrivals[0].reason.code is Code.NO_PLACE


def test_cpu_is_soft() -> None:
    loss = without(trio(*(guest(100 + n, maxcpu=20.0) for n in range(2))))
    assert loss.fit is Fit.TIGHT
    assert {room.node: room.is_crowded for room in loss.rooms} == {"south": True, "west": True}


def test_a_crowd_that_is_there_already_is_not_the_losses_fault() -> None:
    loss = without(trio(guest(200, "west", maxcpu=40.0)))
    assert not loss.arrivals
    assert loss.fit is Fit.FITS


def test_what_is_not_known_is_not_promised() -> None:
    loss = without(pair(south={"mem": None}))
    assert loss.fit is Fit.UNKNOWN
    assert loss.rooms[0].free_after is None


@pytest.mark.parametrize(
    "bent",
    [
        pair(guest(state="freeze"), armed="disarmed"),
        pair(guest(state="error")),
        pair(seat=""),
        pair(manager_state="dead"),
        pair(votes=(None, None)),
        pair(north={"lrm_dead": True, "lrm_state": "dead"}),
    ],
)
def test_the_moment_makes_no_difference_to_room(bent: Snapshot) -> None:
    assert lands(without(bent)) == {100: ("south", Fit.FITS)}


def test_guests_outside_ha_and_those_switched_off_are_started_by_nobody() -> None:
    off = guest(101, state="stopped", request="stopped", is_running=False)
    assert not without(pair(guest(ha=False), off)).arrivals


# one more guest


def planned(seen: Snapshot, **more: Any) -> Any:
    wanted = Planned(**({"cores": 2, "memory": 4 * GIB, "disk": 20 * GIB} | more))
    return plan(seen, wanted, Survey(seen).each())


def test_a_guest_that_fits_also_with_one_node_less() -> None:
    made = planned(trio(guest()))
    assert (made.fits_now, made.fits_after_a_loss) == (True, True)
    assert made.storage == "shared"
    assert not made.pushed_out


def test_a_guest_that_fits_only_as_long_as_every_node_lives() -> None:
    made = planned(trio(mem=(24, 24, 4)), memory=20 * GIB)
    assert (made.fits_now, made.node) == (True, "west")
    assert made.fits_after_a_loss is False
    assert made.pushed_out == {"west": ("vm:0",)}


def test_a_guest_that_takes_the_room_of_another() -> None:
    """100 needs 20 GiB when north dies; with 12 more in use on south it finds them nowhere."""
    seen = pair(guest(maxmem=20 * GIB), north={"mem": 24 * GIB}, south={"mem": 8 * GIB})
    made = planned(seen, memory=12 * GIB, disk=0)
    assert (made.fits_now, made.node, made.fits_after_a_loss) == (True, "south", False)
    assert made.pushed_out == {"north": ("vm:100",), "south": ("vm:0",)}


def test_another_node_is_tried_when_the_roomiest_does_not_work_out() -> None:
    """South has most room; but with a guest there, 100 would be sent to west, and is too large."""
    seen = trio(guest(maxmem=20 * GIB), mem=(24, 8, 16))
    made = planned(seen, memory=12 * GIB)
    assert (made.fits_now, made.node, made.fits_after_a_loss) == (True, "west", True)


def test_a_guest_that_fits_nowhere_says_why_on_each_node() -> None:
    made = planned(trio(), memory=64 * GIB)
    assert (made.fits_now, made.fits_after_a_loss) == (False, False)
    assert {each.reason.code for each in made.nodes} == {"no-memory"}
    assert {each.reason.code for each in planned(trio(), cores=12).nodes} == {"no-cores"}
    assert {each.reason.code for each in planned(trio(), disk=900 * GIB).nodes} == {"no-storage"}
    assert all(each.reason.sentence() for each in made.nodes)


def test_a_local_disk_is_lost_with_its_node() -> None:
    seen = trio()
    local = tuple(replace(each, is_shared=False) for each in seen.storages)
    made = planned(replace(seen, storages=local))
    assert made.fits_now
    assert made.fits_after_a_loss is False


def test_a_storage_can_be_asked_for() -> None:
    assert planned(trio(), storage="shared").storage == "shared"
    assert planned(trio(), storage="other").fits_now is False


def test_memory_that_nobody_knows_leaves_it_open() -> None:
    seen = trio()
    blind = tuple(replace(node, mem=None) for node in seen.nodes)
    made = planned(replace(seen, nodes=blind))
    assert (made.fits_now, made.fits_after_a_loss) == (None, None)
