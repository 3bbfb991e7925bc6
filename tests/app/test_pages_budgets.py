"""What a page may cost: queries whatever the number of guests, and bytes on the wire."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from nodes.models import Cluster
from vms.models import Guest

# Every page: session, user, groups, then the tree's five and the drawer's one.
BUDGETS = {
    "/clusters/": 18,
    "/clusters/clusterubd/": 24,
    "/clusters/clusterubd/nodes/": 14,
    "/clusters/clusterubd/nodes/master/": 14,
    "/clusters/clusterubd/nodes/master/guests/": 15,
    "/clusters/clusterubd/guests/": 16,
    "/clusters/clusterubd/guests/?sort=-cpu": 17,
    "/clusters/clusterubd/guests/100/": 20,
    "/clusters/clusterubd/guests/100/migrate/": 26,
    "/clusters/clusterubd/ha/": 15,
    "/clusters/clusterubd/forecast/": 19,
    "/clusters/clusterubd/readiness/": 21,
    "/clusters/clusterubd/capacity/": 19,
    "/clusters/clusterubd/guests/100/ha/": 28,
    "/clusters/clusterubd/migrations/": 13,
    "/operations/": 13,
    "/audit/": 13,
}
STATIC = [
    "django_htmx/htmx-2.min.js",
    "js/live.js",
    "js/ages.js",
    "js/frame.js",
    "css/tokens.css",
    "css/base.css",
    "css/components.css",
    "css/pages.css",
    "img/sprite.svg",
    "img/favicon.svg",
]
FIRST_VIEW = 100 * 1024


def _queries(client: Client, path: str) -> int:
    client.get(path)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


@pytest.mark.parametrize("path", BUDGETS)
def test_a_page_keeps_its_budget_of_queries(as_ada: Client, clusterubd: Cluster, path: str) -> None:
    few = _queries(as_ada, path)
    Guest.objects.bulk_create(
        Guest(cluster=clusterubd, vmid=200 + n, type="qemu", name=f"g{n}", node="master",
              status="running", ha_state="started")
        for n in range(300)
    )  # fmt: skip
    assert few <= BUDGETS[path]
    assert _queries(as_ada, path) <= few


def _wire(name: str) -> int:
    found = finders.find(name)
    assert isinstance(found, str), name
    return len(gzip.compress(Path(found).read_bytes(), 6))


def test_a_first_view_is_light(as_ada: Client, clusterubd: Cluster) -> None:
    page = gzip.compress(as_ada.get("/clusters/clusterubd/").content, 6)
    assert len(page) + sum(_wire(name) for name in STATIC) <= FIRST_VIEW


def test_a_page_loads_nothing_that_is_not_counted_here(as_ada: Client, clusterubd: Cluster) -> None:
    text = as_ada.get("/clusters/clusterubd/").content.decode()
    for name in STATIC:
        assert f"/static/{name}" in text
    assert text.count("<script") == 4
    assert text.count('rel="stylesheet"') == 4
    assert "//" not in text.replace("http://www.w3.org", "").split("<body")[0].replace("<!--", "")


def test_the_style_sheets_stay_readable() -> None:
    folder = Path(__file__).resolve().parents[2] / "static" / "css"
    assert sum(len(sheet.read_text().splitlines()) for sheet in folder.glob("*.css")) < 1200
