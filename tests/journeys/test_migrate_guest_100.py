"""The main job, as a browser does it: watch clusterubd, migrate 100, follow it to the end."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.journeys.conftest import SignIn
from tests.journeys.demo_set import DemoSet, eventually


def _start(page: Page, target: str) -> None:
    """From the guest's page through the dialog to the button."""
    page.goto("/clusters/clusterubd/guests/100/migrate/")
    page.check(f"#target-{target}")
    expect(page.locator("#migrate-go")).to_have_text(re.compile(f"Migrate to {target}"))
    page.click("#migrate-go")


def _percent(page: Page) -> float | None:
    """The percent that the progress shows now; None while it shows none."""
    text = page.locator("#migrate-panel").inner_text()
    found = re.search(r"(\d+)\s*%", text)
    return float(found[1]) if found else None


def test_oda_migrates_100_and_everybody_sees_what_they_should(
    demo: DemoSet, sign_in: SignIn
) -> None:
    demo.bring_home(100)
    oda, hal = sign_in("oda"), sign_in("hal")
    hal.goto("/status/")
    siakad = hal.locator("li.service", has_text="SIAKAD").locator(".service-head [data-state]")
    expect(siakad).to_have_attribute("data-state", "ok", timeout=20_000)

    _start(oda, "slave")
    oda.evaluate("window.notReloaded = true")
    first = eventually(lambda: _percent(oda), 60)
    second = eventually(lambda: (now := _percent(oda)) and now > first and now, 60)
    assert second > first
    expect(oda.locator("#migrate-panel")).to_contain_text("iB/s")
    assert siakad.get_attribute("data-state") != "danger"
    expect(oda.locator("#migrate-panel [data-operation-state=succeeded]")).to_be_visible(
        timeout=90_000
    )
    assert oda.evaluate("window.notReloaded") is True
    assert demo.get("vms/clusterubd/100/")["node"] == "slave"
    assert siakad.get_attribute("data-state") != "danger"

    ada = sign_in("ada")
    ada.goto("/audit/")
    expect(ada.locator("main")).to_contain_text("100 siakad")
    expect(ada.locator("main")).to_contain_text("oda")


def test_hal_cannot_migrate_on_the_page_nor_over_rest(demo: DemoSet, sign_in: SignIn) -> None:
    hal = sign_in("hal")
    hal.goto("/clusters/clusterubd/guests/100/migrate/")
    button = hal.locator("#migrate-go")
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(hal.locator("#migrate-why")).to_be_visible()
    body = {"cluster": "clusterubd", "vmid": 100, "target": "slave"}
    status, problem = demo.call("POST", "migrations/", who="hal", body=body)
    assert status == 403
    assert problem["remedy"]


def test_the_overview_says_first_whether_it_would_survive(demo: DemoSet, sign_in: SignIn) -> None:
    page = sign_in("oda")
    page.goto("/")
    verdict = page.locator(".verdict").first
    expect(verdict).to_contain_text("would not survive the loss of")
    expect(page.locator("main")).to_contain_text("pvecm qdevice setup")
