"""Which node a service gets: every question of the manager, in its order."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from hapanel.ha.engine.affinity import compile_rules
from hapanel.ha.engine.placement import Preference, Scene, explain, select
from hapanel.ha.engine.reasons import Because
from hapanel.ha.engine.rules import NodeAffinity, Rule
from hapanel.ha.engine.topsis import row, scores
from hapanel.ha.engine.usage import BasicUsage, SizedUsage
from hapanel.ha.engine.words import ServiceState
from hapanel.ha.engine.world import Load, Machine, Service
from tests.pure.ha.engine.cluster import apart, only_on, together, vm

NODES = frozenset({"n1", "n2", "n3"})


def running(node: str, **fields: object) -> Service:
    return Service(state=ServiceState.STARTED, node=node, uid=1, **fields)  # type: ignore[arg-type]


def scene(services: Mapping[str, Service], *rules: Rule, online: frozenset[str] = NODES) -> Scene:
    usage = BasicUsage(online)
    for sid, service in services.items():
        usage.add(sid, service)
    return Scene(
        online=online, rules=compile_rules(rules, sorted(NODES)), services=services, usage=usage
    )


def chosen(
    where: Scene, sid: str, preference: Preference = Preference.STAY, **fields: object
) -> str | None:
    guest = vm(int(sid[3:]), "n1", **fields)
    return select(where, sid, where.services[sid], guest, preference)


def test_a_service_stays_where_it_may() -> None:
    assert chosen(scene({"vm:1": running("n3"), "vm:2": running("n3")}), "vm:1") == "n3"


def test_the_best_score_is_the_emptiest_node_and_then_the_first_name() -> None:
    where = scene({"vm:1": running("n1"), "vm:2": running("n1"), "vm:3": running("n2")})
    assert chosen(where, "vm:1", Preference.BEST_SCORE) == "n3"
    assert chosen(scene({"vm:1": running("gone")}), "vm:1", Preference.BEST_SCORE) == "n1"


def test_a_move_weighs_on_both_its_nodes() -> None:
    moving = Service(state=ServiceState.MIGRATE, node="n1", target="n2", uid=1)
    where = scene({"vm:1": running("away"), "vm:2": moving})
    assert chosen(where, "vm:1", Preference.BEST_SCORE) == "n3"


@pytest.mark.parametrize(
    ("failback", "expected"), [(True, "n1"), (False, "n2")], ids=["failback", "no failback"]
)
def test_failback_decides_whether_a_better_class_pulls(failback: bool, expected: str) -> None:
    rule = only_on({"n1": 2, "n2": 1}, "vm:1")
    assert chosen(scene({"vm:1": running("n2")}, rule), "vm:1", failback=failback) == expected


def test_only_the_highest_class_is_tried() -> None:
    rule = NodeAffinity(id="p", resources=frozenset({"vm:1"}), nodes={"n1": 0})
    where = scene({"vm:1": running("n2", failed_nodes=("n1",))}, rule)
    assert chosen(where, "vm:1", Preference.TRY_NEXT) is None


def test_nothing_online_of_a_strict_rule_is_no_node() -> None:
    where = scene({"vm:1": running("n1")}, only_on({"n1": 0}, "vm:1"), online=frozenset({"n2"}))
    assert chosen(where, "vm:1", Preference.BEST_SCORE) is None
    assert [
        each.because for each in explain(where, "vm:1", running("n1"), {"n1": 1, "n2": 1}, None)
    ] == [
        Because.NOT_ONLINE,
        Because.NODE_AFFINITY,
    ]


def test_a_negative_partner_keeps_off_and_is_named() -> None:
    where = scene({"vm:103": running("gone"), "vm:101": running("n1")}, apart("vm:101", "vm:103"))
    assert chosen(where, "vm:103", Preference.BEST_SCORE) == "n2"
    said = explain(where, "vm:103", running("gone"), {"n1": 1, "n2": 1}, "n2")
    assert [str(each) for each in said] == ["vm:103 not to n1: negative affinity with vm:101"]


def test_a_stopped_negative_partner_does_not_count() -> None:
    stopped = Service(state=ServiceState.STOPPED, node="n1", uid=1)
    where = scene({"vm:1": running("gone"), "vm:2": stopped}, apart("vm:1", "vm:2"))
    assert chosen(where, "vm:1", Preference.BEST_SCORE) == "n1"


def test_positive_partners_gather_where_most_of_them_are() -> None:
    services = {
        "vm:1": running("gone"),
        "vm:2": running("n3"),
        "vm:3": running("n3"),
        "vm:4": running("n2"),
    }
    where = scene(services, together(*services))
    assert chosen(where, "vm:1", Preference.BEST_SCORE) == "n3"
    assert chosen(where, "vm:4") == "n3"


def test_a_positive_partner_under_way_counts_at_its_target() -> None:
    moving = Service(state=ServiceState.MIGRATE, node="n1", target="n2", uid=1)
    where = scene({"vm:1": running("gone"), "vm:2": moving}, together("vm:1", "vm:2"))
    assert chosen(where, "vm:1", Preference.BEST_SCORE) == "n2"


def test_the_way_back_from_maintenance_comes_before_staying() -> None:
    where = scene({"vm:1": running("n2", maintenance_node="n1")})
    assert chosen(where, "vm:1") == "n1"


def test_an_assigned_size_outweighs_a_count() -> None:
    machines = {name: Machine(name=name, node_id=1, maxmem=64 << 30) for name in NODES}
    loads = {
        "vm:1": Load(maxmem=48 << 30),
        "vm:2": Load(maxmem=2 << 30),
        "vm:3": Load(maxmem=1 << 30),
    }
    usage = SizedUsage(machines, frozenset({"n1", "n2"}), loads, None)
    for sid, node in (("vm:1", "n1"), ("vm:2", "n2"), ("vm:3", "n2")):
        usage.add(sid, running(node))
    score = usage.scores(Load(maxmem=4 << 30))
    assert min(score, key=score.__getitem__) == "n2"
    usage.remove("vm:1")
    score = usage.scores(Load(maxmem=4 << 30))
    assert min(score, key=score.__getitem__) == "n1"


def test_measured_load_counts_a_starting_guest_by_its_size() -> None:
    machines = {name: Machine(name=name, node_id=1, maxmem=64 << 30) for name in NODES}
    usage = SizedUsage(machines, NODES, {}, {"n1": (1.0, 8 << 30)})
    usage.add("vm:1", running("n2"))
    usage.add("vm:2", running("n3", is_running=True))
    loads = {name: node.mem for name, node in usage.nodes().items()}
    assert loads == {"n1": 8 << 30, "n2": 4 << 30, "n3": 0}


def test_topsis_prefers_balance() -> None:
    even, uneven = row([(0.2, 0.5), (0.2, 0.5)]), row([(0.2, 0.9), (0.2, 0.1)])
    assert scores([even, uneven]) == [1.0, 0.0]
    assert scores([even, even]) == [0.0, 0.0]
    assert scores([]) == []


def test_a_guest_of_no_size_limit_takes_the_whole_node() -> None:
    machines = {"n1": Machine(name="n1", node_id=1, maxcpu=8)}
    usage = SizedUsage(machines, frozenset({"n1"}), {"vm:1": Load(maxcpu=0)}, None)
    usage.add("vm:1", running("n1"))
    assert usage.nodes()["n1"].fractions[0] == 1.0


def test_guests_without_ha_take_room_too() -> None:
    usage = BasicUsage(NODES)
    usage.add_bystander("lxc/9", "n1", Load())
    usage.add_bystander("lxc/8", "elsewhere", Load())
    assert usage.scores(Load()) == {"n1": 1, "n2": 0, "n3": 0}
