"""The link between the copies is cut: the page says so by itself, and that it is whole again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import SignIn
from tests.journeys.demo_set import DemoSet, eventually


@pytest.fixture
def healed(demo: DemoSet) -> Iterator[None]:
    yield
    demo.ctl("heal", "master", "slave")


def health(demo: DemoSet) -> str:
    found = demo.get("drbd-resources/")["results"]
    return str(found[0]["health"]) if found else ""


def test_a_cut_link_is_on_the_page_without_a_reload(
    demo: DemoSet, sign_in: SignIn, healed: None
) -> None:
    eventually(lambda: health(demo).startswith("dual-primary"), 60)
    page = sign_in("oda")
    page.goto("/clusters/clusterubd/replication/")
    wire = page.locator(".drbd-wire")
    expect(wire).to_have_attribute("data-wire", "solid")
    expect(page.locator(".drbd-node")).to_have_count(2)
    page.evaluate("window.here = true")
    demo.ctl("cut", "master", "slave")
    # The kernel needs 15 to 18 s to miss its peer, a sixth of that in the demo.
    expect(wire).to_have_attribute("data-wire", "broken", timeout=20_000)
    assert health(demo) in {"diverging", "degraded", "split-brain"}
    demo.ctl("heal", "master", "slave")
    eventually(lambda: health(demo) not in {"diverging", "degraded"}, 30)
    assert page.evaluate("window.here")
