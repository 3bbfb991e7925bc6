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


@pytest.fixture(autouse=True)
def healed(demo: DemoSet) -> Iterator[None]:
    yield
    demo.ctl("heal", *SIDES)


def _settle(demo: DemoSet, *, elearning: str) -> None:
    """100 runs on master and 101 where it is wanted, both copies are whole, both sides Primary."""
    demo.bring_home(100)
    demo.bring_home(101, elearning)
    eventually(lambda: _health(demo).startswith("dual-primary"), 60)


def _health(demo: DemoSet) -> str:
    found = demo.get("drbd-resources/")["results"]
    return str(found[0]["health"]) if found else ""


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


def _check_evidence(page: Page, guests: dict[str, str]) -> None:
    """What the page says of both sides, next to each other; the guests that run on each."""
    page.get_by_text("What this rests on").click()
    page.evaluate("document.querySelector('#replication').dataset.before = 'yes'")
    page.evaluate("htmx.trigger('#replication', 'refresh')")
    expect(page.locator("#replication")).not_to_have_attribute("data-before", "yes")
    expect(page.locator("#evidence")).to_have_attribute("open", "")  # what was unfolded stays so
    sides = page.locator(".verdict .columns > div")
    expect(sides).to_have_count(2)
    ids = set()
    for node, wrote in (("master", 8.0), ("slave", 5.0)):
        side = sides.filter(has=page.get_by_role("heading", name=node, exact=True))
        facts = dict(zip(_texts(side, "dt"), _texts(side, "dd"), strict=True))
        assert (facts["Role"], facts["Connection"]) == ("Primary", "StandAlone")
        size, unit = facts["Out of sync"].split()
        assert (float(size) >= wrote, unit) == (True, "MiB"), "less than was written there"
        assert facts.get("Guests") == guests.get(node)
        ids.add(facts["Generation"])
    assert len(ids) == 2, "both descend from each other"


def _texts(inside: Locator, tag: str) -> list[str]:
    return [text.strip() for text in inside.locator(tag).all_inner_texts()]


def test_with_all_guests_on_one_side_the_other_one_gives_up_its_changes(
    demo: DemoSet, sign_in: SignIn
) -> None:
    _settle(demo, elearning="master")
    page = sign_in("oda")
    _split(demo, page)
    _check_evidence(page, {"master": "100 siakad, 101 elearning"})
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
    _give_up_slave(page)
    _check_end(demo, page, {"100": "master", "101": "master"})


def test_with_guests_on_both_sides_those_of_the_loser_are_copied_and_come_back(
    demo: DemoSet, sign_in: SignIn
) -> None:
    _settle(demo, elearning="slave")
    page = sign_in("oda")
    _split(demo, page)
    _check_evidence(page, {"master": "100 siakad", "slave": "101 elearning"})
    page.click("#to-assistant")
    assistant = page.locator("#split-brain")
    expect(assistant).to_contain_text("On slave there is less to copy: 101 elearning.")
    expect(page.locator("input[value=master]")).to_be_enabled()
    expect(page.locator("input[value=slave]")).to_be_checked()
    page.get_by_label("Where the copies go").select_option("local")
    _give_up_slave(page)
    steps = page.locator("#operation-progress .steps li").all_inner_texts()
    for step in ("Close the volume group vg_drbd on slave", "Start 101 elearning on slave"):
        assert step in steps
    report = page.locator("#rescued tbody tr")
    expect(report).to_have_count(1)
    expect(report).to_contain_text("local:backup/vzdump-lxc-101-")
    _check_end(demo, page, {"100": "master", "101": "slave"})
    tasks = [task["upid"].split(":")[5] for task in demo.ctl("status")["tasks"]]
    assert (tasks.count("vzdump"), tasks.count("vzrestore")) == (1, 1)


def _give_up_slave(page: Page) -> None:
    """Type its name in the assistant, and follow the recovery to its good end."""
    page.get_by_label("Name of the node whose changes are given up").fill("slave")
    page.click("#resolve-go")
    progress = page.locator("#operation-progress")
    steps = progress.locator(".steps li")
    given_up = steps.filter(has_text="Give up what slave alone has written")
    expect(given_up).to_have_count(1, timeout=PATIENCE_MS)
    expect(progress).to_have_attribute("data-operation-state", "succeeded", timeout=180_000)
    assert set(steps.evaluate_all("steps => steps.map(one => one.dataset.state)")) == {"ok"}
    expect(progress).to_contain_text("The split brain of rs is over")


def _check_end(demo: DemoSet, page: Page, runs_on: dict[str, str]) -> None:
    """Both sides are whole and connected, on the page and in the lab, and the guests run."""
    page.get_by_role("link", name="To the resource").click()
    expect(page.locator(".drbd-wire")).to_have_attribute("data-wire", "solid")
    for node in SIDES:
        box = page.locator(".drbd-node", has_text=node)
        expect(box).to_contain_text("UpToDate")
        expect(box).to_contain_text("Connected")
        assert _truth(demo, node)["disks"] == ["UpToDate"]
    assert _links(demo) == {"Connected"}
    guests = demo.ctl("status")["guests"]
    assert {vmid: guests[vmid]["runs_on"] for vmid in runs_on} == runs_on
