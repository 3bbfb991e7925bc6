"""A split brain in the browser: named by itself with its evidence, led out of, UpToDate on both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys.conftest import SignIn
from tests.journeys.demo_set import DemoSet, eventually

PAGE = "/clusters/clusterubd/replication/rs/"
SIDES = ("master", "slave")
# The lab's kernel waits by itself, a twelfth of 15 to 18 s here; a busy machine adds to that.
PATIENCE_MS = 30_000


@pytest.fixture
def at_rest(demo: DemoSet) -> Iterator[None]:
    """Both guests run on master, both copies are whole and both sides Primary."""
    for vmid in (100, 101):
        demo.bring_home(vmid)
    eventually(lambda: _health(demo).startswith("dual-primary"), 60)
    yield
    demo.ctl("heal", *SIDES)


def _health(demo: DemoSet) -> str:
    return str(demo.get("drbd-resources/")["results"][0]["health"])


def _truth(demo: DemoSet, node: str) -> dict[str, Any]:
    """What the lab's kernel itself knows of a node's side."""
    side: dict[str, Any] = demo.ctl("status")["drbd"]["rs"][node]
    return side


def _links(demo: DemoSet) -> set[str]:
    """How both kernels call the link."""
    return {one["connection"] for node in SIDES for one in _truth(demo, node)["peers"].values()}


def _split(demo: DemoSet, page: Page) -> None:
    """Cut the cable, write on both sides, heal it; the page tells of each by itself."""
    verdict, wire = page.locator(".verdict"), page.locator(".drbd-wire")
    page.goto(PAGE)
    expect(wire).to_have_attribute("data-wire", "solid")
    page.evaluate("window.here = true")
    demo.ctl("cut", *SIDES)
    expect(wire).to_have_attribute("data-wire", "broken", timeout=PATIENCE_MS)
    expect(verdict).to_contain_text("DRBD will find a split brain", timeout=PATIENCE_MS)
    demo.ctl("write", "master", "rs", "8")
    demo.ctl("write", "slave", "rs", "5")
    demo.ctl("heal", *SIDES)
    expect(verdict).to_contain_text("is in a split brain", timeout=PATIENCE_MS)
    assert _links(demo) == {"StandAlone"}, "named before both sides had given up"
    assert page.evaluate("window.here"), "the page was loaded anew"


def _check_evidence(page: Page) -> None:
    """What the page says of both sides, next to each other."""
    page.get_by_text("What this rests on").click()
    page.evaluate("htmx.trigger('#replication', 'refresh')")
    sides = page.locator(".verdict .columns > div")
    expect(sides).to_have_count(2)
    ids = set()
    for node, wrote in (("master", 8.0), ("slave", 5.0)):
        side = sides.filter(has=page.get_by_role("heading", name=node, exact=True))
        facts = dict(zip(_texts(side, "dt"), _texts(side, "dd"), strict=True))
        assert (facts["Role"], facts["Connection"]) == ("Primary", "StandAlone")
        size, unit = facts["Out of sync"].split()
        assert (float(size) >= wrote, unit) == (True, "MiB"), "less than was written there"
        assert facts.get("Guests") == ("100 siakad, 101 elearning" if wrote == 8.0 else None)
        ids.add(facts["Generation"])
        expect(side.locator("dl")).to_be_visible()  # still unfolded in what was fetched meanwhile
    assert len(ids) == 2, "both descend from each other"


def _texts(inside: Locator, tag: str) -> list[str]:
    return [text.strip() for text in inside.locator(tag).all_inner_texts()]


def _recover(page: Page) -> None:
    """Through the assistant: the wrong side is no choice, and the right one wants its name."""
    page.click("#to-assistant")
    refused = page.locator("label", has=page.locator("input[value=master]"))
    expect(refused).to_contain_text("Guests of rs run on master: 100 siakad, 101 elearning.")
    expect(page.locator("input[value=master]")).to_be_disabled()
    expect(page.locator("input[value=slave]")).to_be_checked()
    page.get_by_label("Go on without a copy").check()
    name = page.get_by_label("Name of the node whose changes are given up")
    name.fill("master")
    page.click("#resolve-go")
    expect(page.locator("main")).to_contain_text("Type slave to confirm.")
    name.fill("slave")
    page.click("#resolve-go")
    progress = page.locator("#operation-progress")
    steps = progress.locator(".steps li")
    given_up = steps.filter(has_text="Give up what slave alone has written")
    expect(given_up).to_have_count(1, timeout=PATIENCE_MS)
    expect(progress).to_have_attribute("data-operation-state", "succeeded", timeout=120_000)
    assert set(steps.evaluate_all("steps => steps.map(one => one.dataset.state)")) == {"ok"}
    expect(progress).to_contain_text("The split brain of rs is over")


def test_with_all_guests_on_one_side_the_other_one_gives_up_its_changes(
    demo: DemoSet, sign_in: SignIn, at_rest: None
) -> None:
    page = sign_in("oda")
    _split(demo, page)
    _check_evidence(page)
    _recover(page)
    page.get_by_role("link", name="To the resource").click()
    expect(page.locator(".drbd-wire")).to_have_attribute("data-wire", "solid")
    for node in SIDES:
        box = page.locator(".drbd-node", has_text=node)
        expect(box).to_contain_text("UpToDate")
        expect(box).to_contain_text("Connected")
        assert _truth(demo, node)["disks"] == ["UpToDate"]
    assert _links(demo) == {"Connected"}
    guests = demo.ctl("status")["guests"]
    assert {guests[vmid]["runs_on"] for vmid in ("100", "101")} == {"master"}
