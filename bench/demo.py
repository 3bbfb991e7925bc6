"""The demo as somebody sees it: from a flip in the lab to the pixel, from a fault to grey and back
to green, the first view, its memory.
"""

from __future__ import annotations

import random
import statistics
import time

import psutil
from playwright.sync_api import Browser, Page

from bench.browsing import chromium, signed_in
from bench.goals import Figure, percentile
from bench.lab import control
from bench.running import Demo, LabApi

FLIPS = 24
VMID = 100
# What is asked of the lab, what its API then tells, what shape the page then shows.
TURNS = (("suspend", "paused", "off"), ("resume", "running", "ok"))
# Whether the guest's row of the table shows this shape.
SHOWN = """([vmid, wanted]) => {
  const rows = [...document.querySelectorAll("main tr")];
  const row = rows.find((each) => each.innerText.includes(vmid));
  return row && row.querySelector(`.state[data-state="${wanted}"]`) !== null;
}"""
# How every node's API fails, in turn. Two intervals after it nothing may look fresh any more; the
# page looks at its ages once a second.
FAULTS = ("hang", "refuse", "hang", "error 500")
GREY_GOAL = 7.0
ALL_GREY = """(grey) => {
  const seen = [...document.querySelectorAll("[data-observed-at][data-stale-after]")];
  return seen.length > 0 && seen.every((part) => part.classList.contains("is-stale") === grey);
}"""


def measure() -> list[Figure]:
    """All of it, in one demo."""
    with Demo() as demo:
        with chromium() as browser:
            page = signed_in(browser, demo)
            first = _first_view(browser, demo, page)
            flips = _flips(page, demo)
            grey, green = _faults(page, demo)
        memory = _memory(demo)
    p50, p95 = statistics.median(flips), percentile(flips, 0.95)
    beside = {"seconds": sorted(flips)}
    return [
        Figure("flip in the lab to pixel while watched: p95", p95, "s", 1.3, beside),
        Figure("flip in the lab to pixel while watched: p50", p50, "s", None, beside),
        Figure("from a fault of every node to grey: worst", max(grey), "s", GREY_GOAL),
        Figure("from healed to green: worst", max(green), "s", None, {"seconds": green}),
        Figure("first view of the overview on the wire", first / 1024, "KiB", 100),
        Figure("memory of the whole demo (PSS)", sum(memory.values()), "MB", 500, memory),
    ]


def _first_view(browser: Browser, demo: Demo, known: Page) -> int:
    """Bytes of everything that a browser with an empty cache loads for the overview."""
    context = browser.new_context(locale="en-GB")
    context.add_cookies(known.context.cookies())  # type: ignore[arg-type]
    page = context.new_page()
    session = context.new_cdp_session(page)
    loaded: list[float] = []
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda event: loaded.append(event["encodedDataLength"]))
    page.goto(f"{demo.url}/clusters/clusterubd/")
    page.wait_for_timeout(1500)  # the event stream never ends, so the network is never idle
    context.close()
    return round(sum(loaded))


def _flips(page: Page, demo: Demo) -> list[float]:
    """Seconds from the moment the lab's API tells the new status until the page shows it."""
    page.goto(f"{demo.url}/clusters/clusterubd/guests/")
    page.wait_for_function(SHOWN, arg=[str(VMID), "ok"])
    page.wait_for_timeout(4000)
    lab, luck, found = LabApi(demo.facts["lab"]), random.Random(1), []
    for number in range(FLIPS):
        action, status, shape = TURNS[number % 2]
        page.wait_for_timeout(1500 + luck.random() * 1500)
        lab.power(VMID, action)
        lab.wait_for(VMID, status)
        began = time.monotonic()
        page.wait_for_function(SHOWN, arg=[str(VMID), shape], polling="raf", timeout=20_000)
        found.append(time.monotonic() - began)
    return found


def _faults(page: Page, demo: Demo) -> tuple[list[float], list[float]]:
    """Seconds from each fault until the whole overview is grey, and from its end to none of it."""
    page.goto(f"{demo.url}/clusters/clusterubd/")
    page.wait_for_function(ALL_GREY, arg=False)
    grey, green = [], []
    for fault in FAULTS:
        page.wait_for_timeout(4000)
        grey.append(_until(page, demo, fault, True))
        green.append(_until(page, demo, "ok", False))
    return grey, green


def _until(page: Page, demo: Demo, behaviour: str, grey: bool) -> float:
    """Let every node's API behave so; seconds until the page has turned."""
    began, lab = time.monotonic(), demo.facts["lab"]
    for node in lab["nodes"]:
        control(lab, "api", node["name"], *behaviour.split())
    page.wait_for_function(ALL_GREY, arg=grey, polling=100, timeout=60_000)
    return time.monotonic() - began


def _memory(demo: Demo) -> dict[str, float]:
    """Megabytes of each program with its children; memory they share is counted once."""
    return {name: _pss(name, psutil.Process(pid)) / 1e6 for name, pid in demo.pids.items()}


def _pss(name: str, process: psutil.Process) -> int:
    # The supervisor's children are the other programs, counted under their own names.
    children = [] if name == "supervisor" else process.children(recursive=True)
    return sum(member.memory_full_info().pss for member in (process, *children))
