"""kill -9 of the worker in the middle of a migration: never two, and a right end.

CRASHES in the environment says how often the worker is killed at each point (1; a full run: 20).
Where a migration stands only for microseconds, a trigger in the demo's own database makes the
machine look a few seconds later, so that the kill finds it exactly there; the panel's code knows
nothing of this.
"""

from __future__ import annotations

import json
import os
import sqlite3
import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.demo_set import DemoSet, eventually

CRASHES = int(os.environ.get("CRASHES", "1"))
VMID = 100
# A killed worker's claim runs out after 8 s; its successor is up within 5.
TAKEN_UP_WITHIN = 20


class Database:
    """The demo's database, read and delayed from outside."""

    def __init__(self, demo: DemoSet) -> None:
        found = [path for path in demo.var.rglob("*.sqlite3") if path.stat().st_size]
        self.path: Path = found[0]

    def operation(self, pk: int) -> dict[str, Any]:
        columns = "state, step, sent_at, asked_upid, upid, claim"
        with closing(sqlite3.connect(self.path, timeout=30)) as base:
            row = base.execute(
                f"SELECT {columns} FROM operations_operation WHERE id = ?", [pk]
            ).fetchone()
        return dict(zip(columns.split(", "), row, strict=True))

    @contextmanager
    def pause_at(self, step: str, seconds: int = 4) -> Iterator[None]:
        """Whatever reaches `step` is not looked at again for some seconds."""
        later = f"strftime('%Y-%m-%d %H:%M:%f', 'now', '+{seconds} seconds')"
        self._run(
            f"CREATE TRIGGER pause AFTER UPDATE OF step ON operations_operation "
            f"WHEN NEW.step = '{step}' AND OLD.step <> '{step}' BEGIN UPDATE operations_operation "
            f"SET look_at = {later} WHERE id = NEW.id; END"
        )
        try:
            yield
        finally:
            self._run("DROP TRIGGER pause")

    def _run(self, statement: str) -> None:
        with closing(sqlite3.connect(self.path, timeout=30)) as base, base:
            base.execute(statement)


@pytest.fixture
def database(demo: DemoSet) -> Database:
    return Database(demo)


@pytest.fixture(autouse=True)
def mended(demo: DemoSet) -> Iterator[None]:
    yield
    for node in ("master", "slave"):
        demo.ctl("api", node, "ok")


def listed(demo: DemoSet, task_type: str = "qmigrate") -> set[str]:
    """Every such task of the guest that the lab's own nodes list, asked past the panel."""
    lab = demo.facts["lab"]
    context = ssl.create_default_context(cadata=lab["ca"])
    found: set[str] = set()
    for node in lab["nodes"]:
        url = f"{node['url']}/api2/json/nodes/{node['name']}/tasks"
        query = f"?source=all&limit=500&vmid={VMID}&typefilter={task_type}"
        token = f"PVEAPIToken={lab['token_id']}={lab['token_secret']}"
        request = urllib.request.Request(url + query, headers={"Authorization": token})
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        with opener.open(request, timeout=10) as answer:
            found |= {task["upid"] for task in json.load(answer)["data"]}
    return found


def ask(demo: DemoSet) -> dict[str, Any]:
    """Migrate the guest to the node where it is not, once the cluster lets us."""

    def asked() -> dict[str, Any] | None:
        node = demo.get(f"vms/clusterubd/{VMID}/")["node"]
        target = "slave" if node == "master" else "master"
        body = {"cluster": "clusterubd", "vmid": VMID, "target": target}
        status, operation = demo.call("POST", "migrations/", body=body)
        return operation if status == 202 else None

    return eventually(asked, 60)


def kill_when(demo: DemoSet, database: Database, pk: int, **seen: str | bool) -> None:
    """kill -9 the worker in the moment in which the operation looks like this."""

    def there() -> bool:
        row = database.operation(pk)
        return all(
            bool(row[name]) is value if isinstance(value, bool) else row[name] == value
            for name, value in seen.items()
        )

    eventually(there, 60, every=0.005)
    demo.kill("worker")


def check_the_end(demo: DemoSet, operation: dict[str, Any], before: set[str]) -> dict[str, Any]:
    ended = demo.wait_for_end(operation["id"], 180)
    begun = listed(demo) - before
    assert len(begun) <= 1, begun
    if ended["state"] == "needs_attention":
        assert ended["code"] == "unclear-start"
        assert "nothing happened" in ended["because"]
        assert not begun
        settle(demo, ended)
        return ended
    assert ended["state"] == "succeeded", ended
    assert len(begun) == 1
    assert demo.get(f"vms/clusterubd/{VMID}/")["node"] == operation["target"]
    return ended


def settle(demo: DemoSet, operation: dict[str, Any]) -> None:
    """What a person does who found that nothing had happened."""
    body = {"decision": "nothing_happened"}
    status, settled = demo.call("POST", f"migrations/{operation['id']}/resolve/", body=body)
    assert status == 202, settled
    assert settled["state"] == "failed"


@pytest.mark.parametrize("_time", range(CRASHES))
def test_killed_at_intended_before_the_request(
    demo: DemoSet, database: Database, _time: int
) -> None:
    before = listed(demo)
    with database.pause_at("intended"):
        operation = ask(demo)
        kill_when(demo, database, operation["id"], step="intended", sent_at=False)
        assert database.operation(operation["id"])["sent_at"] is None
    ended = check_the_end(demo, operation, before)
    assert ended["state"] == "succeeded"  # nothing was sent, for certain: so it was sent then


@pytest.mark.parametrize("_time", range(CRASHES))
def test_killed_after_the_request_was_accepted_and_its_answer_lost(
    demo: DemoSet, database: Database, _time: int
) -> None:
    before = listed(demo)
    for node in ("master", "slave"):
        demo.ctl("api", node, "drop-answer", "POST", "migrate")
    requests = listed(demo, "hamigrate")
    operation = ask(demo)
    eventually(lambda: listed(demo, "hamigrate") - requests, 60, every=0.01)
    demo.kill("worker")
    assert check_the_end(demo, operation, before)["state"] == "succeeded"


@pytest.mark.parametrize("_time", range(CRASHES))
def test_killed_while_the_request_is_on_its_way(
    demo: DemoSet, database: Database, _time: int
) -> None:
    before = listed(demo)
    for node in ("master", "slave"):
        demo.ctl("api", node, "slow", "3000", "POST", "migrate")
    operation = ask(demo)
    kill_when(demo, database, operation["id"], step="intended", sent_at=True)
    check_the_end(demo, operation, before)


@pytest.mark.parametrize("_time", range(CRASHES))
def test_killed_with_the_upid_stored(demo: DemoSet, database: Database, _time: int) -> None:
    before = listed(demo)
    with database.pause_at("accepted"):
        operation = ask(demo)
        kill_when(demo, database, operation["id"], step="accepted")
        assert database.operation(operation["id"])["asked_upid"]
    assert check_the_end(demo, operation, before)["state"] == "succeeded"


@pytest.mark.parametrize("_time", range(CRASHES))
def test_killed_while_following(demo: DemoSet, database: Database, _time: int) -> None:
    before = listed(demo)
    operation = ask(demo)
    kill_when(demo, database, operation["id"], step="following")
    assert check_the_end(demo, operation, before)["state"] == "succeeded"


def test_a_request_that_nobody_answers_ends_as_a_question(
    demo: DemoSet, database: Database
) -> None:
    """The API swallows the request, then the worker dies: nobody can tell, and nobody guesses."""
    before = listed(demo)
    with database.pause_at("intended", 10):
        operation = ask(demo)
        eventually(lambda: database.operation(operation["id"])["step"] == "intended", 30)
        for node in ("master", "slave"):
            demo.ctl("api", node, "hang", "POST", "migrate")
        kill_when(demo, database, operation["id"], step="intended", sent_at=True)
    for node in ("master", "slave"):
        demo.ctl("api", node, "ok")
    ended = check_the_end(demo, operation, before)
    assert ended["state"] == "needs_attention"
    assert listed(demo) == before
