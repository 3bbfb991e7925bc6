"""What breaks in the lab is said by the panel, in time and without a false green."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import SignIn
from tests.journeys.demo_set import DemoSet, eventually


@pytest.fixture(autouse=True)
def mended(demo: DemoSet) -> Iterator[None]:
    """Each fault is taken back, and the cluster is seen well again, before the next test."""
    yield
    for node in ("master", "slave"):
        demo.ctl("api", node, "ok")
        demo.ctl("power-on", node)
    # Without fencing nobody takes a crashed migration's lock away but a person.
    demo.ctl("guest", "100", "unlock", "now")
    eventually(lambda: _is_well(demo), 120)


def _is_well(demo: DemoSet) -> bool:
    cluster = demo.get("clusters/clusterubd/")
    guests = demo.get("vms/?cluster=clusterubd")["results"]
    return (
        cluster["reachable"]
        and cluster["quorate"] is True
        and cluster["nodes_online"] == 2
        and all(guest["status"] == "running" for guest in guests)
    )


def test_the_panel_goes_on_through_the_other_node(demo: DemoSet) -> None:
    demo.bring_home(100)
    demo.bring_home(101)
    demo.ctl("crash", "slave")
    crashed = time.time()

    def told() -> dict[str, Any] | None:
        node = demo.get("nodes/clusterubd/slave/")
        return node if node["status"] in {"offline", "unknown"} else None

    eventually(told, 15)
    cluster = eventually(lambda: _fresh(demo, crashed + 5), 10)
    assert cluster["reachable"]


def _fresh(demo: DemoSet, since: float) -> dict[str, Any] | None:
    cluster = demo.get("clusters/clusterubd/")
    observed = datetime.fromisoformat(cluster["observed_at"]).timestamp()
    return cluster if observed > since else None


def test_the_node_that_the_panel_talks_to_dies(demo: DemoSet, sign_in: SignIn) -> None:
    """Hal's page says within five seconds that the service is down, and the panel goes on."""
    demo.bring_home(100)
    page = sign_in("hal")
    page.goto("/status/")
    siakad = page.locator("li.service", has_text="SIAKAD").locator(".service-head [data-state]")
    expect(siakad).to_have_attribute("data-state", "ok", timeout=20_000)
    demo.ctl("crash", "master")
    crashed = time.time()
    expect(siakad).to_have_attribute("data-state", "danger", timeout=5_000)
    cluster = eventually(lambda: _fresh(demo, crashed + 2), crashed + 12 - time.time())
    assert cluster["reachable"]
    eventually(lambda: demo.get("nodes/clusterubd/master/")["status"] != "online", 15)
    for vmid in (100, 101):
        assert demo.get(f"vms/clusterubd/{vmid}/")["status"] == "unknown"


def test_frozen_apis_turn_grey_within_two_intervals(demo: DemoSet) -> None:
    demo.ctl("api", "master", "hang")
    demo.ctl("api", "slave", "hang")
    eventually(lambda: not demo.get("clusters/clusterubd/")["reachable"], 8)
    assert demo.get("vms/clusterubd/100/")["status"] == "unknown"
    assert demo.get("clusters/clusterubd/")["quorate"] is None


def test_the_node_the_panel_talks_to_dies_in_the_middle_of_a_migration(demo: DemoSet) -> None:
    demo.bring_home(100)
    operation = eventually(lambda: demo.ask(100, "slave"), 90)
    eventually(lambda: demo.get(f"migrations/{operation['id']}/")["percent"], 60)
    demo.ctl("crash", "master")
    crashed = time.time()
    assert eventually(lambda: _fresh(demo, crashed + 2), 12)["reachable"]

    def says_what_it_cannot_see() -> dict[str, Any] | None:
        seen = demo.get(f"migrations/{operation['id']}/")
        assert seen["state"] != "succeeded", seen
        return seen if seen["blind_since"] or seen["state"] != "running" else None

    eventually(says_what_it_cannot_see, 20)
    assert demo.get("vms/clusterubd/100/")["status"] == "unknown"


def test_a_killed_beat_costs_less_than_twenty_seconds_of_sight(demo: DemoSet) -> None:
    demo.kill("beat")
    killed = time.time()
    eventually(lambda: _fresh(demo, killed + 4), 20)
    later = time.time()
    eventually(lambda: _fresh(demo, later), 10)
