"""From a cut replication cable to the alert, and from a split brain to its name, on the page.

DRBD itself waits twice: 15 to 18 s until a node misses its peer, and up to 4 s until it tries a
cable that is back; the demo does both six times as fast. That is told and not counted. Counted is
from the moment in which both nodes know, as the lab's control server says when it is asked every
few milliseconds, until the words stand on a page that nobody reloads.
"""

from __future__ import annotations

import json
import statistics
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Page

from bench.browsing import chromium, signed_in
from bench.goals import Figure
from bench.lab import control
from bench.running import Demo

ROUNDS = 6
GOAL_SECONDS = 2.0
RECOVERY_SECONDS = 120.0
CLUSTER, RESOURCE = "clusterubd", "rs"
VICTIM = "slave"
# The drawing's wire and what stands above it: `diverging` and `split brain` are both danger.
SHOWN = """([wire, verdict, words]) => {
  const drawn = document.querySelector(".drbd-wire"), said = document.querySelector(".verdict");
  return drawn && said && drawn.dataset.wire === wire && said.dataset.state === verdict
    && said.innerText.includes(words);
}"""
AT_REST = ["solid", "warn", ""]
ALERT = ["broken", "danger", "while the link between them is down"]
SPLIT = ["broken", "danger", "is in a split brain"]

Truth = dict[str, Any]


@dataclass
class Seconds:
    """Of each round: what the lab's kernel took to know, and the page after it."""

    lost: list[float] = field(default_factory=list)
    alert: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    named: list[float] = field(default_factory=list)


def measure() -> list[Figure]:
    """All rounds in one demo; between them the assistant's operation mends what was broken."""
    seconds = Seconds()
    with Demo() as demo, chromium() as browser:
        page = signed_in(browser, demo)
        page.goto(f"{demo.url}/clusters/{CLUSTER}/replication/{RESOURCE}/")
        for _ in range(ROUNDS):
            page.wait_for_function(SHOWN, arg=AT_REST, timeout=60_000)
            page.wait_for_timeout(1500)
            _split(page, demo.facts, seconds)
            _recover(demo)
    return [
        *_figures("replication cable cut", "alert on the page", seconds.lost, seconds.alert),
        *_figures("replication healed", "split brain named", seconds.refused, seconds.named),
    ]


def _split(page: Page, facts: dict[str, Any], seconds: Seconds) -> None:
    """Cut, write on both sides, heal; the page is waited for where the kernel knows."""
    lab = facts["lab"]
    lost, alert = _both(page, lab, ALERT, "cut", lambda word: word != "Connected")
    for node in ("master", VICTIM):
        control(lab, "write", node, RESOURCE, "8")
    refused, named = _both(page, lab, SPLIT, "heal", lambda word: word == "StandAlone")
    for found, value in (
        (seconds.lost, lost),
        (seconds.alert, alert),
        (seconds.refused, refused),
        (seconds.named, named),
    ):
        found.append(value)


def _both(
    page: Page, lab: dict[str, Any], shown: list[str], action: str, is_known: Callable[[str], bool]
) -> tuple[float, float]:
    """Do `action` to the cable: seconds until both kernels know, and from then until the page."""
    began = time.monotonic()
    control(lab, action, "master", VICTIM)
    known = _known(lab, is_known)
    page.wait_for_function(SHOWN, arg=shown, polling="raf", timeout=20_000)
    return known - began, time.monotonic() - known


def _known(lab: dict[str, Any], is_known: Callable[[str], bool]) -> float:
    """The moment in which both sides know: right after the last answer that did not show it."""
    before = time.monotonic()
    while not all(is_known(word) for word in _connections(lab)):
        before = time.monotonic()
        time.sleep(0.01)
    return before


def _connections(lab: dict[str, Any]) -> list[str]:
    sides: Truth = control(lab, "status")["drbd"][RESOURCE]
    return [peer["connection"] for side in sides.values() for peer in side["peers"].values()]


def _recover(demo: Demo) -> None:
    """What the assistant does, without its page, to its end."""
    wish = {"action": "resolve-split-brain", "victim": VICTIM, "confirm": VICTIM}
    wish_path = f"drbd-resources/{CLUSTER}/{RESOURCE}/actions/"
    operation = _call(demo, wish_path, {**wish, "without_copy": True})
    end = time.monotonic() + RECOVERY_SECONDS
    while operation["state"] in ("queued", "running") and time.monotonic() < end:
        time.sleep(0.5)
        operation = _call(demo, f"operations/{operation['id']}/")
    if operation["state"] != "succeeded":
        raise SystemExit(f"the recovery ended badly: {operation}")


def _call(demo: Demo, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{demo.url}/api/v1/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {demo.facts['tokens']['oda']}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return dict(json.load(answer))


def _figures(cause: str, words: str, kernel: list[float], page: list[float]) -> list[Figure]:
    beside = {"kernel_seconds": kernel, "page_seconds": page}
    return [
        Figure(f"{cause}: the kernels know, worst", max(kernel), "s", None),
        Figure(f"{words} after that: worst", max(page), "s", GOAL_SECONDS, beside),
        Figure(f"{words} after that: median", statistics.median(page), "s", None),
    ]
