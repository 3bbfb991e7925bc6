"""Ada puts a guest under HA and sees first what that promises, and what it does not."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.journeys.conftest import SignIn
from tests.journeys.demo_set import DemoSet, eventually

SECONDS = 60


def test_ada_sees_the_promise_before_she_puts_101_under_ha(demo: DemoSet, sign_in: SignIn) -> None:
    if demo.get("vms/clusterubd/101/")["ha"]:
        demo.call("DELETE", "ha-resources/clusterubd/ct:101/", who="ada")
    eventually(lambda: demo.get("vms/clusterubd/101/")["ha"] is None, SECONDS)
    ada = sign_in("ada")
    ada.goto("/clusters/clusterubd/guests/101/ha/")
    expect(ada.locator("main")).to_contain_text("Not managed by HA")
    ada.click("#ha-add")
    # Two votes of two: the paper's flaw makes the promise empty, and the dialog says so.
    effect = ada.locator("#dialog #ha-effect")
    expect(effect).to_contain_text("101 elearning still does not survive the loss of")
    ada.locator("#dialog select[name=state]").select_option("stopped")
    expect(ada.locator("#dialog")).to_contain_text("the HA manager shuts it down")
    ada.locator("#dialog select[name=state]").select_option("started")
    expect(ada.locator("#dialog")).not_to_contain_text("the HA manager shuts it down")
    ada.click("#dialog #ha-go")
    expect(ada.locator("#dialog [data-operation-state=succeeded]")).to_be_visible(
        timeout=SECONDS * 1000
    )
    expect(ada.locator("#dialog")).to_contain_text("101 elearning is under HA")
    resource = demo.get("ha-resources/clusterubd/ct:101/")
    assert resource["request_state"] == "started"
