"""The frame around every page: who may open it, its tree, its drawer, its words."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from hapanel.accounts.models import User
from hapanel.live.stream import Kind as HintKind
from hapanel.live.stream import _send, newest_id
from hapanel.operations.models import Kind, Operation, State
from hapanel.web import history
from nodes.models import Cluster
from vms.models import Guest

PAGES = [
    "/clusters/",
    "/clusters/clusterubd/",
    "/clusters/clusterubd/nodes/",
    "/clusters/clusterubd/nodes/master/",
    "/clusters/clusterubd/nodes/master/guests/",
    "/clusters/clusterubd/nodes/master/storage/",
    "/clusters/clusterubd/nodes/master/tasks/",
    "/clusters/clusterubd/guests/",
    "/clusters/clusterubd/guests/100/",
    "/clusters/clusterubd/guests/100/ha/",
    "/clusters/clusterubd/guests/100/history/",
    "/clusters/clusterubd/guests/100/migrate/",
    "/clusters/clusterubd/ha/",
    "/clusters/clusterubd/migrations/",
    "/operations/",
    "/account/",
    "/patterns/",
    "/search/?q=e",
]
STAFF_PAGES = ["/settings/clusters/", "/settings/clusters/clusterubd/", "/settings/people/"]
ADMIN_PAGES = ["/audit/", "/settings/clusters/add/"]


@pytest.mark.parametrize("path", PAGES + STAFF_PAGES + ADMIN_PAGES)
def test_ada_may_open_every_page(as_ada: Client, clusterubd: Cluster, path: str) -> None:
    assert as_ada.get(path).status_code == 200


@pytest.mark.parametrize("path", PAGES)
def test_hal_sees_clusters_and_operations(as_hal: Client, clusterubd: Cluster, path: str) -> None:
    assert as_hal.get(path).status_code == 200


@pytest.mark.parametrize("path", STAFF_PAGES + ADMIN_PAGES)
def test_hal_is_told_why_settings_and_audit_are_closed(
    as_hal: Client, clusterubd: Cluster, path: str
) -> None:
    answer = as_hal.get(path)
    assert answer.status_code == 403
    assert "You are hal, help desk" in answer.content.decode()


@pytest.mark.parametrize("path", PAGES + STAFF_PAGES + ADMIN_PAGES)
def test_a_stranger_is_sent_to_the_sign_in(client: Client, clusterubd: Cluster, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in/")


def test_a_page_that_is_not_there_says_so_in_the_frame(as_oda: Client, clusterubd: Cluster) -> None:
    answer = as_oda.get("/clusters/nowhere/")
    assert answer.status_code == 404
    assert "Nothing is here" in answer.content.decode()


def test_no_page_carries_an_inline_style_or_script(as_ada: Client, clusterubd: Cluster) -> None:
    for path in PAGES + STAFF_PAGES + ADMIN_PAGES:
        text = as_ada.get(path).content.decode()
        assert not re.search(r"<[a-z][^>]* style=", text), path
        assert not re.search(r"<style|<script>|<[a-z][^>]* on[a-z]+=", text), path


def test_every_htmx_element_names_its_target(as_ada: Client, clusterubd: Cluster) -> None:
    for path in PAGES + STAFF_PAGES + ADMIN_PAGES:
        for tag in re.findall(
            r"<[a-z][^>]* hx-(?:get|post)=[^>]*>", as_ada.get(path).content.decode()
        ):
            assert "hx-target=" in tag, (path, tag)


def test_the_policy_allows_nothing_from_outside(as_oda: Client, clusterubd: Cluster) -> None:
    policy = as_oda.get("/clusters/clusterubd/")["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy


def test_the_tree_holds_the_cluster_its_nodes_and_guests(
    as_oda: Client, clusterubd: Cluster
) -> None:
    text = as_oda.get("/clusters/clusterubd/").content.decode()
    for name in ("clusterubd", "master", "slave", "siakad", "elearning"):
        assert f'<span class="tree-name">{name}</span>' in text


def test_the_tree_is_filtered_as_one_types(as_oda: Client, clusterubd: Cluster) -> None:
    text = as_oda.get("/tree/?q=sia", headers={"HX-Request": "true"}).content.decode()
    assert "siakad" in text
    assert "elearning" not in text


def test_the_filter_of_the_tree_finds_an_id(as_oda: Client, clusterubd: Cluster) -> None:
    text = as_oda.get("/tree/?q=101", headers={"HX-Request": "true"}).content.decode()
    assert "elearning" in text
    assert "siakad" not in text


def test_a_closed_branch_stays_closed(as_oda: Client, clusterubd: Cluster) -> None:
    as_oda.cookies["tree"] = "-clusterubd/master"
    text = as_oda.get("/clusters/clusterubd/").content.decode()
    assert '<span class="tree-name">siakad</span>' not in text


def test_a_large_node_is_opened_only_by_hand(as_oda: Client, clusterubd: Cluster) -> None:
    Guest.objects.bulk_create(
        Guest(cluster=clusterubd, vmid=1000 + n, type="qemu", node="slave", status="running")
        for n in range(300)
    )
    closed = as_oda.get("/clusters/clusterubd/").content.decode()
    assert "tree-clusterubd-1000" not in closed
    as_oda.cookies["tree"] = "+clusterubd/slave"
    opened = as_oda.get("/clusters/clusterubd/").content.decode()
    assert "tree-clusterubd-1000" in opened
    assert "200 more guests" in opened


def test_the_drawer_shows_what_runs(as_hal: Client, clusterubd: Cluster, oda: User) -> None:
    Operation.objects.create(
        kind=Kind.MIGRATE, state=State.RUNNING, cluster=clusterubd, subject="100 siakad", vmid=100,
        source="master", target="slave", percent=62.0, rate=114_294_784, eta_seconds=41,
        actor="oda",
    )  # fmt: skip
    text = as_hal.get("/tasks/", headers={"HX-Request": "true"}).content.decode()
    assert "1 running" in text
    assert "62 %" in text
    assert "109 MiB/s" in text
    assert "0:41 left" in text


def test_language_and_theme_are_kept_with_the_account(
    as_oda: Client, oda: User, clusterubd: Cluster
) -> None:
    answer = as_oda.post("/preferences/", {"language": "id", "theme": "dark", "next": "/account/"})
    assert answer["Location"] == "/account/"
    oda.refresh_from_db()
    assert (oda.language, oda.theme) == ("id", "dark")
    text = as_oda.get("/clusters/clusterubd/").content.decode()
    assert '<html lang="id" data-theme="dark"' in text


def test_preferences_lead_to_no_other_site(as_oda: Client) -> None:
    answer = as_oda.post("/preferences/", {"theme": "dark", "next": "https://evil.example/"})
    assert answer["Location"] == "/"


def test_without_a_cluster_ada_is_invited_and_oda_is_told_whom_to_ask(
    as_ada: Client, as_oda: Client
) -> None:
    assert "Add a cluster" in as_ada.get("/", follow=True).content.decode()
    assert "Only administrators add clusters" in as_oda.get("/", follow=True).content.decode()


def test_the_only_cluster_is_where_one_arrives(as_hal: Client, clusterubd: Cluster) -> None:
    assert as_hal.get("/")["Location"] == "/clusters/clusterubd/"


def test_a_page_listens_from_before_its_view_read_anything(
    as_oda: Client, clusterubd: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change between the view's look and the page's last byte must reach the browser."""
    operation = Operation.objects.create(
        kind=Kind.MIGRATE, cluster=clusterubd, vmid=100, actor="oda"
    )
    _send([("clusterubd", HintKind.OPERATION, str(operation.pk))])
    known = newest_id()

    def told(_: Operation) -> list[object]:
        _send([("clusterubd", HintKind.OPERATION, str(operation.pk))])  # it ended meanwhile
        return []

    monkeypatch.setattr(history, "_told", told)
    answer = as_oda.get(f"/operations/{operation.pk}/", headers={"Accept": "text/html"})
    assert f'data-last-hint="{known}"' in answer.content.decode()
    assert newest_id() != known
