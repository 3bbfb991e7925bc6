"""What the manager makes of one service: wishes, failures, moves, and the ways out."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from hapanel.ha.engine.actions import (
    Command,
    Configure,
    PowerOff,
    PowerOn,
    Remove,
    Request,
    SetLock,
    SetVersion,
    StopCrm,
)
from hapanel.ha.engine.events import (
    CommandRefused,
    CommandTaken,
    CrmChanged,
    GroupsMigrated,
    LrmChanged,
    NoPlace,
    PlaceChosen,
    Rebalanced,
    RuleDropped,
)
from hapanel.ha.engine.options import AutoRebalance, Options
from hapanel.ha.engine.reasons import No
from hapanel.ha.engine.rules import Group
from hapanel.ha.engine.words import Requested, Scheduler
from hapanel.ha.engine.world import Bystander, Faults, Load
from tests.pure.ha.engine.cluster import SETTLED, apart, cluster, ct, only_on, story, together, vm

THREE = ("ash", "birch", "cedar")


def test_a_guest_that_never_starts_gets_two_tries_on_two_nodes_each() -> None:
    world = cluster(THREE, [vm(1, "ash", faults=Faults(starts=99))], settled=1)
    world, tale = story(world, 300)
    assert tale.path("vm:1")[-1] == "error"
    assert world.tries == {("vm:1", "start"): 4}
    assert world.services["vm:1"].failed_nodes == ("ash", "birch")


def test_disabling_is_the_way_out_of_an_error() -> None:
    world = cluster(THREE, [vm(1, "ash", max_relocate=0, faults=Faults(starts=99))])
    assert world.services["vm:1"].state == "error"
    script = (0, Request("vm:1", Requested.STOPPED)), (60, Request("vm:1", Requested.DISABLED))
    world, tale = story(world, 120, *script)
    assert tale.path("vm:1") == ["stopped"]
    assert tale.when("vm:1", "stopped") >= 60
    assert world.services["vm:1"].failed_nodes == ()


def test_a_guest_that_starts_elsewhere_forgets_its_failures() -> None:
    guest = vm(1, "ash", max_restart=0, faults=Faults(starts=99, only_on="ash"))
    world = cluster(THREE, [guest])
    assert world.services["vm:1"].node == "birch"
    assert world.services["vm:1"].failed_nodes == ()
    assert world.running["birch"] == {"vm:1"}


@pytest.mark.parametrize(
    ("requested", "path", "runs"),
    [
        (Requested.STARTED, ["fence", "recovery", "started"], True),
        (Requested.STOPPED, ["fence", "recovery", "request_stop", "stopped"], False),
        (Requested.DISABLED, [], False),
        (Requested.IGNORED, [], False),
    ],
)
def test_what_is_asked_for_decides_what_a_dead_node_does(
    requested: Requested, path: list[str], runs: bool
) -> None:
    guests = [vm(1, "cedar", requested=requested), vm(2, "ash"), vm(3, "cedar")]
    world, tale = story(cluster(THREE, guests), 400, (0, PowerOff("cedar")))
    assert tale.path("vm:1") == path
    assert any("vm:1" in sids for sids in world.running.values()) == runs
    assert (world.guests["vm:1"].node == "cedar") == (not path)


def test_a_guest_with_nowhere_to_go_waits_in_recovery_for_its_node() -> None:
    rules = (only_on({"cedar": 0}, "vm:1"),)
    script = (0, PowerOff("cedar")), (400, PowerOn("cedar"))
    world, tale = story(cluster(THREE, [vm(1, "cedar")], rules=rules), 700, *script)
    assert tale.path("vm:1") == ["fence", "recovery", "started"]
    assert tale.when("vm:1", "started") > 400
    assert world.running["cedar"] == {"vm:1"}
    first = tale.of(NoPlace)[0].ruled_out[0]
    assert str(first) == "vm:1 not to ash: strict node affinity with only"


def test_disabling_leads_out_of_recovery() -> None:
    rules = (only_on({"cedar": 0}, "vm:1"),)
    script = (0, PowerOff("cedar")), (300, Request("vm:1", Requested.DISABLED))
    _, tale = story(cluster(THREE, [vm(1, "cedar")], rules=rules), 400, *script)
    assert tale.path("vm:1") == ["fence", "recovery", "stopped"]


def test_recovery_goes_in_the_order_of_strings_and_each_choice_sees_the_last() -> None:
    guests = [vm(n, "cedar") for n in (9, 10, 100)] + [ct(5, "cedar"), vm(1, "ash")]
    _, tale = story(cluster(THREE, guests), 400, (0, PowerOff("cedar")))
    chosen = [(e.sid, e.node) for e in tale.of(PlaceChosen)]
    assert chosen == [("ct:5", "birch"), ("vm:10", "ash"), ("vm:100", "birch"), ("vm:9", "ash")]


def test_guests_outside_ha_weigh_and_die_but_are_not_moved() -> None:
    world = cluster(THREE, [vm(1, "cedar")])
    bystanders = {"lxc/7": Bystander(node="ash"), "lxc/8": Bystander(node="cedar")}
    running = {"ash": frozenset({"lxc/7"}), "cedar": world.running["cedar"] | {"lxc/8"}}
    world = replace(world, bystanders=bystanders, running={**world.running, **running})
    world, tale = story(world, 400, (0, PowerOff("cedar")))
    assert tale.of(PlaceChosen)[0].node == "birch"
    assert world.running["cedar"] == frozenset()


def test_partners_stay_together_through_a_recovery() -> None:
    guests = [vm(1, "cedar"), vm(2, "cedar"), vm(3, "ash"), vm(4, "birch")]
    world = cluster(THREE, guests, rules=(together("vm:1", "vm:2"),))
    world, _ = story(world, 400, (0, PowerOff("cedar")))
    assert world.services["vm:1"].node == world.services["vm:2"].node


def test_those_kept_apart_wait_rather_than_share() -> None:
    rules = (apart("vm:1", "vm:2"), only_on({"ash": 0, "birch": 0}, "vm:1", "vm:2"))
    world = cluster(THREE, [vm(1, "ash"), vm(2, "birch")], rules=rules)
    world, tale = story(world, 400, (0, PowerOff("birch")))
    assert world.services["vm:2"].state == "recovery"
    reasons = [str(each) for each in tale.of(NoPlace)[0].ruled_out]
    assert "vm:2 not to ash: negative affinity with vm:1" in reasons


def test_a_command_drags_partners_along_and_spares_strangers() -> None:
    rules = (together("vm:1", "vm:2"), apart("vm:1", "vm:3"))
    world = cluster(THREE, [vm(1, "ash"), vm(2, "ash"), vm(3, "birch")], rules=rules)
    world, tale = story(world, 90, (0, Command("migrate vm:1 cedar")))
    assert tale.of(CommandTaken)[0].also == ("vm:2",)
    assert {world.services[sid].node for sid in ("vm:1", "vm:2")} == {"cedar"}
    _, tale = story(world, 90, (0, Command("migrate vm:2 birch")))
    refused = tale.of(CommandRefused)[0]
    assert (refused.reason, refused.partner) == (No.NEGATIVE_PARTNER_THERE, "vm:3")


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("migrate vm:9 birch", "no such service"),
        ("migrate vm:1 nowhere", "node not online"),
        ("migrate vm:1 ash", "service already on target node"),
        ("dance vm:1", "not understood"),
        ("stop vm:1 soon", "not understood"),
        ("enable-node-maintenance nowhere", "node not online"),
    ],
)
def test_a_refused_command_says_why(command: str, reason: str) -> None:
    _, tale = story(cluster(THREE, [vm(1, "ash")]), 30, (0, Command(command)))
    assert [e.reason for e in tale.of(CommandRefused)] == [reason]


def test_a_stop_command_rewrites_the_wish() -> None:
    world, tale = story(cluster(THREE, [vm(1, "ash")]), 90, (0, Command("stop vm:1 30")))
    assert tale.path("vm:1") == ["request_stop", "stopped"]
    assert world.guests["vm:1"].requested is Requested.STOPPED
    assert world.running["ash"] == frozenset()


def test_a_dead_guests_leftover_lock_is_removed_and_an_unfinished_one_is_not() -> None:
    guests = [vm(1, "cedar"), vm(2, "cedar"), vm(3, "ash")]
    script = (0, SetLock("vm:1", "backup")), (0, SetLock("vm:2", "create")), (1, PowerOff("cedar"))
    world, _ = story(cluster(THREE, guests), 500, *script)
    assert world.services["vm:1"].state == "started"
    assert world.guests["vm:1"].lock is None
    assert world.services["vm:2"].state == "error"
    assert world.guests["vm:2"].lock == "create"


def test_adding_and_removing_takes_a_round() -> None:
    world = cluster(THREE, [vm(1, "ash")])
    script = (0, Configure(ct(2, "birch"))), (60, Remove("vm:1"))
    world, tale = story(world, 100, *script)
    assert tale.path("ct:2") == ["started"]
    assert list(world.services) == ["ct:2"]
    assert world.running["ash"] == {"vm:1"}


def test_a_new_guest_goes_where_there_is_room_if_asked_to() -> None:
    options = Options(rebalance_on_start=True)
    world = cluster(THREE, [vm(1, "ash")], options=options)
    script = (0, Configure(vm(2, "ash"))), (60, Configure(vm(3, "ash")))
    world, _ = story(world, 120, *script)
    assert {service.node for service in world.services.values()} == set(THREE)


def test_an_imbalance_that_lasts_moves_one_guest() -> None:
    options = Options(scheduler=Scheduler.STATIC, auto_rebalance=AutoRebalance(enabled=True))
    guests = [vm(n, "ash", load=Load(maxcpu=8, maxmem=30 << 30)) for n in (1, 2, 3)]
    world = cluster(THREE, guests, options=options, settled=1)
    world, tale = story(world, 200)
    moves = tale.of(Rebalanced)
    assert [(move.sid, move.node) for move in moves] == [("vm:1", "birch"), ("vm:2", "cedar")]
    assert moves[0].after < 0.9 * moves[0].before
    assert {service.node for service in world.services.values()} == set(THREE)


def test_a_group_works_as_a_rule_and_becomes_one_when_all_nodes_are_new() -> None:
    group = Group(nodes={"birch": 1}, nofailback=True)
    world = cluster(THREE, [vm(1, "birch", group="web")])
    machines = {name: replace(m, version="8.4.1") for name, m in world.machines.items()}
    world = replace(world, machines=machines, groups={"web": group})
    world, tale = story(world, 90)
    assert tale.of(GroupsMigrated)[0].reason == "node 'ash' needs a newer pve-manager"
    world, _ = story(world, 120, *[(0, SetVersion(name, "9.0.1")) for name in THREE])
    assert world.groups == {}
    assert [rule.id for rule in world.rules] == ["ha-group-web"]
    assert world.guests["vm:1"].failback is False


def test_conflicting_rules_are_named() -> None:
    world = cluster(THREE, [vm(1, "ash")], rules=(apart("vm:1"),), settled=1)
    _, tale = story(world, 30)
    assert [e.rule for e in tale.of(RuleDropped)] == ["apart"]


def test_a_node_without_services_goes_idle_and_then_the_manager_without_any() -> None:
    world = cluster(THREE, [vm(1, "ash")])
    world, tale = story(world, 1500, (0, Remove("vm:1")))
    (idle,) = [e for e in tale.of(LrmChanged) if e.new == "wait_for_agent_lock"]
    assert idle.node == "ash"
    assert 600 <= idle.at - SETTLED <= 640
    (seat,) = [e for e in tale.of(CrmChanged) if e.old == "master"]
    assert 900 <= seat.at - SETTLED <= 950
    assert not world.locks


def test_a_stopped_manager_hands_its_seat_over_at_once() -> None:
    world = cluster(THREE, [vm(1, "ash")])
    seat = str(world.master)
    world, _ = story(world, 30, (0, StopCrm(seat)))
    assert world.master not in (None, seat)


def test_a_better_node_that_returns_pulls_its_guest_back() -> None:
    rules = (only_on({"cedar": 2, "ash": 1}, "vm:1"),)
    script = (0, PowerOff("cedar")), (300, PowerOn("cedar"))
    world, tale = story(cluster(THREE, [vm(1, "cedar")], rules=rules), 500, *script)
    assert tale.path("vm:1") == ["fence", "recovery", "started", "migrate", "started"]
    assert world.running["cedar"] == {"vm:1"}


def test_the_death_of_the_target_alone_is_a_failed_move() -> None:
    script = (0, Command("migrate vm:1 birch")), (14, PowerOff("birch"))
    world, tale = story(cluster(THREE, [vm(1, "ash")]), 200, *script)
    assert tale.path("vm:1") == ["migrate", "started"]
    assert world.running["ash"] == {"vm:1"}


def test_the_death_of_the_source_in_a_move_is_a_fence() -> None:
    script = (0, Command("migrate vm:1 birch")), (14, PowerOff("ash"))
    world, tale = story(cluster(THREE, [vm(1, "ash")]), 300, *script)
    assert tale.path("vm:1")[:4] == ["migrate", "fence", "recovery", "started"]
    assert world.services["vm:1"].node in {"birch", "cedar"}
