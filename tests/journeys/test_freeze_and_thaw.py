"""Every API of the cluster freezes in the middle of a migration, and thaws: nothing is guessed."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import expect

from tests.journeys.conftest import SignIn
from tests.journeys.demo_set import DemoSet, eventually

NODES = ("master", "slave")


def _tasks(demo: DemoSet) -> set[str]:
    """The migrations of guest 100 that the lab itself knows of."""
    upids = {task["upid"] for task in demo.ctl("status")["tasks"]}
    return {upid for upid in upids if ":qmigrate:100:" in upid}


def test_a_migration_that_nobody_could_see_is_told_rightly(demo: DemoSet, sign_in: SignIn) -> None:
    page = sign_in("oda")
    demo.bring_home(100)
    before = _tasks(demo)
    operation = eventually(lambda: demo.ask(100, "slave"), 90)
    path = f"migrations/{operation['id']}/"
    eventually(lambda: demo.get(path)["percent"], 60)
    try:
        for node in NODES:
            demo.ctl("api", node, "hang")
        stale = eventually(lambda: _stale(demo), 15)
        assert (stale["reachable"], stale["quorate"]) == (False, None)
        assert demo.get("vms/clusterubd/100/")["status"] == "unknown"
        blind = demo.get(path)
        assert blind["state"] == "running"
        assert blind["blind_since"] is not None
        assert (blind["rate"], blind["eta_seconds"]) == (None, None)
        page.goto(f"/operations/{operation['id']}/")
        expect(page.locator("main")).to_contain_text(re.compile(r"Not seen for .+, since \d"))
        eventually(lambda: _told_blind(demo, path), 40)
    finally:
        for node in NODES:
            demo.ctl("api", node, "ok")
    ended = demo.wait_for_end(operation["id"])
    assert ended["state"] == "succeeded", ended
    assert demo.get("vms/clusterubd/100/")["node"] == "slave"
    codes = [entry["code"] for entry in ended["timeline"]]
    assert codes.index("blind") < codes.index("sighted") < codes.index("succeeded")
    assert ended["downtime_ms"] is not None
    assert len(_tasks(demo) - before) == 1, "nothing was started a second time"
    eventually(lambda: demo.get("clusters/clusterubd/")["sight"] == "current", 15)


def _told_blind(demo: DemoSet, path: str) -> bool:
    """Whether the timeline says that nobody sees it."""
    return any(entry["code"] == "blind" for entry in demo.get(path)["timeline"])


def _stale(demo: DemoSet) -> dict[str, Any] | None:
    cluster = demo.get("clusters/clusterubd/")
    return cluster if cluster["sight"] == "stale" else None
