"""A made-up cluster of any size, people at work in it, and rows that are kept as texts."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import msgspec
import pytest

from hapanel.lab.api.areas import api
from hapanel.lab.api.routing import LONG_LIST, Call
from hapanel.lab.api.rows import guest_rows
from hapanel.lab.auth.accounts import ROOT, Principal
from hapanel.lab.churn import Churn
from hapanel.lab.clock import Clock
from hapanel.lab.cluster import Cluster
from hapanel.lab.ha.stack import HaManager
from hapanel.lab.hardware import Hardware
from hapanel.lab.membership import Membership
from hapanel.lab.names import Kind
from hapanel.lab.scale import made_up
from hapanel.lab.scenario import Scenario, build
from hapanel.lab.world import World
from tests.pure.lab.virtual_time import EPOCH, play

NODES = 4


def living(scenario: Scenario) -> Cluster:
    """The scenario as its API sees it, with a first report of every node and guest."""
    world = build(scenario, Clock(1, epoch=EPOCH), "127.0.0")
    membership = Membership(world, None)
    hardware = Hardware(world, membership)
    ha = HaManager(world, membership, hardware)
    ha.adopt((guest.vmid for guest in scenario.guests if guest.ha), None)
    for node in world.nodes.values():
        node.report = world.measure_node(node)
    for guest in world.guests.values():
        guest.report = world.measure_guest(guest)
    return Cluster(world, membership, ha, hardware)


def rows(cluster: Cluster, who: Principal) -> list[dict[str, Any]]:
    """Guests of /cluster/resources as a client decodes them."""
    route, _ = api.find("GET", "/cluster/resources")
    answer = msgspec.json.encode(guest_rows(Call(cluster, "node01", who, route)))
    decoded: list[dict[str, Any]] = msgspec.json.decode(answer)
    return decoded


def test_the_same_numbers_make_the_same_cluster() -> None:
    assert made_up(NODES, 100) == made_up(NODES, 100)
    kinds = Counter(guest.kind for guest in made_up(NODES, 1000).guests)
    assert min(kinds.values()) > 300
    assert {guest.node for guest in made_up(NODES, 1000).guests} == {
        f"node0{number}" for number in range(1, NODES + 1)
    }


def test_a_long_list_says_what_a_short_one_would(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        cluster = living(made_up(NODES, LONG_LIST))
        packed = rows(cluster, Principal(ROOT))
        monkeypatch.setattr("hapanel.lab.api.rows.LONG_LIST", LONG_LIST + 1)
        return packed, rows(cluster, Principal(ROOT))

    packed, plain = play(story())
    assert packed == plain
    assert len(packed) == LONG_LIST


@pytest.mark.parametrize(
    ("change", "key", "value"),
    [
        (lambda guest: setattr(guest, "lock", "migrate"), "lock", "migrate"),
        (lambda guest: setattr(guest, "node", "node04"), "node", "node04"),
        (lambda guest: guest.config.update(tags="new"), "tags", "new"),
        (lambda guest: setattr(guest, "report", None), "status", "unknown"),
    ],
)
def test_a_kept_row_is_made_anew_when_something_in_it_changes(
    change: Any, key: str, value: str
) -> None:
    async def story() -> None:
        cluster = living(made_up(NODES, LONG_LIST))
        before = rows(cluster, Principal(ROOT))
        guest = next(g for g in cluster.world.guests.values() if g.node != "node04")
        change(guest)
        after = rows(cluster, Principal(ROOT))
        changed = [row for row, former in zip(after, before, strict=True) if row != former]
        assert [(row["vmid"], row[key]) for row in changed] == [(guest.vmid, value)]

    play(story())


def test_a_long_list_shows_only_what_the_caller_may_see() -> None:
    async def story() -> None:
        cluster = living(made_up(NODES, LONG_LIST))
        accounts, ada = cluster.world.accounts, Principal("ada@pve")
        assert rows(cluster, ada) == []
        accounts.grant("/vms/107", "ada@pve", "PVEAuditor")
        assert [row["vmid"] for row in rows(cluster, ada)] == [107]
        accounts.grant("/vms", "ada@pve", "PVEAuditor")
        assert len(rows(cluster, ada)) == LONG_LIST
        accounts.grant("/vms/107", "ada@pve", "NoAccess")
        assert len(rows(cluster, ada)) == LONG_LIST - 1

    play(story())


def test_churn_changes_its_share_a_round_through_tasks_and_leaves_ha_alone() -> None:
    async def story() -> None:
        cluster = living(made_up(NODES, 200))
        world = cluster.world
        before = _picture(world)
        churn = Churn(world, 0.05, cluster.ha.is_managed)
        churn.run()
        await asyncio.sleep(100)
        await churn.close()
        tasks = [task for name in world.nodes for task in world.tasks.of_node(name)]
        assert 90 <= len(tasks) <= 100
        assert {task.type for task in tasks} >= {"qmstart", "qmstop", "vzstart", "qmigrate"}
        assert {task.status for task in tasks} <= {"OK", None}
        changed = {vmid for vmid, now in _picture(world).items() if now != before[vmid]}
        assert len(changed) > 40
        assert not {vmid for vmid in changed if cluster.ha.is_managed(world.guests[vmid])}
        await world.tasks.close()

    play(story())


def _picture(world: World) -> dict[int, tuple[Kind, str, bool]]:
    return {g.vmid: (g.kind, g.node, g.is_running) for g in world.guests.values()}
