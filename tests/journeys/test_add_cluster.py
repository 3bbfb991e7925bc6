"""A foreign cluster in five minutes: ada adds a second lab on the page, with one URL and token."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.contract.lab_process import LabProcess, running
from tests.journeys.conftest import SignIn
from tests.journeys.demo_set import DemoSet, eventually


@pytest.fixture(scope="module")
def foreign() -> Iterator[LabProcess]:
    """A lab that the panel has never heard of."""
    with running("clusterubd-qdevice") as lab:
        yield lab


def _fill(page: Page, lab: LabProcess, name: str, token_id: str, secret: str) -> None:
    page.goto("/settings/clusters/add/")
    page.fill("[name=name]", name)
    page.fill("[name=addresses]", lab.ready["nodes"][0]["url"])
    page.fill("[name=token_id]", token_id)
    page.fill("[name=token_secret]", secret)


@pytest.fixture
def watched(demo: DemoSet, foreign: LabProcess, sign_in: SignIn) -> Iterator[Page]:
    """Ada's page after the cluster was added as `campus` with the watch-only token."""
    ada = sign_in("ada")
    ready = foreign.ready
    _fill(ada, foreign, "campus", ready["watch_token_id"], ready["watch_token_secret"])
    ada.click("main form button.btn-primary")
    # Nothing was trusted yet: the token was not sent, and the fingerprint is shown to compare.
    confirm = ada.locator("main", has_text=re.compile("([0-9A-F]{2}:){31}[0-9A-F]{2}"))
    expect(confirm).to_be_visible(timeout=20_000)
    yield ada
    demo.call("DELETE", "clusters/campus/", who="ada")


def test_ada_compares_the_fingerprint_and_ends_on_the_overview(
    demo: DemoSet, foreign: LabProcess, watched: Page
) -> None:
    assert demo.call("GET", "clusters/campus/")[0] == 404
    watched.get_by_text("I compared it: it is the same").click()
    secret = watched.locator("[name=token_secret]")
    expect(secret).to_have_value("")  # a secret never travels back into a page
    secret.fill(foreign.ready["watch_token_secret"])
    watched.click("main form button.btn-primary")
    watched.wait_for_url("**/clusters/campus/", timeout=30_000)
    expect(watched.locator(".verdict").first).to_contain_text("would survive the loss of any one")
    expect(watched.locator("main")).to_contain_text(re.compile(r"seen \d+ s ago"))
    added = demo.get("clusters/campus/")
    assert added["mode"] == "watch"
    watched.goto("/clusters/campus/guests/100/migrate/")
    expect(watched.locator("#migrate-go")).to_have_attribute("aria-disabled", "true")
    expect(watched.locator("main")).to_contain_text("watch")


def test_a_script_adds_it_with_a_token_that_may_operate(demo: DemoSet, foreign: LabProcess) -> None:
    ready = foreign.ready
    body = {
        "name": "campus",
        "addresses": [ready["nodes"][0]["url"]],
        "token_id": ready["token_id"],
        "token_secret": ready["token_secret"],
    }
    unconfirmed = _ended(demo, *demo.call("POST", "clusters/", who="ada", body=body))
    assert unconfirmed["state"] == "failed"
    printed = re.search("([0-9A-F]{2}:){31}[0-9A-F]{2}", unconfirmed["because"])
    assert printed
    body["fingerprint"] = printed[0]
    assert _ended(demo, *demo.call("POST", "clusters/", who="ada", body=body))["state"] == (
        "succeeded"
    )
    added = demo.get("clusters/campus/")
    assert (added["mode"], added["missing_privileges"]) == ("operate", [])
    assert demo.call("POST", "clusters/", who="oda", body=body)[0] == 403
    assert demo.call("DELETE", "clusters/campus/", who="ada")[0] == 204


def _ended(demo: DemoSet, status: int, operation: dict[str, Any]) -> dict[str, Any]:
    """The accepted operation once it is over."""
    assert status == 202, operation

    def over() -> dict[str, Any] | None:
        seen = demo.get(f"operations/{operation['id']}/", who="ada")
        return seen if seen["ended_at"] else None

    return eventually(over, 30)
