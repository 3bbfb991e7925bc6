"""Ada pulls master's plug on the Lab page; the overview tells the story that the page foretold."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tests.journeys.demo_set import eventually, running_demo


def test_the_power_goes_from_the_page_and_the_guests_come_back(chromium: Browser) -> None:
    with running_demo("--scenario", "clusterubd-qdevice", "--speed", "30") as demo:
        context = chromium.new_context(base_url=demo.url, viewport={"width": 1440, "height": 900})
        page = context.new_page()
        page.goto("/sign-in/")
        page.fill("input[name=username]", "ada")
        page.fill("input[name=password]", "demo")
        page.click("main button[type=submit]")
        page.locator(".side-foot a", has_text="Lab").click()
        page.locator("#lab-replication-slave").click()
        expect(page.locator(".lab-gap")).to_have_count(2, timeout=20_000)
        page.locator("#lab-replication-slave").click()
        expect(page.locator(".lab-gap")).to_have_count(0, timeout=20_000)

        page.locator("#lab-power-master").click()
        page.fill("#lab-confirm", "mister")
        page.locator("#lab-cut").click()
        dialog = page.locator("#dialog")
        expect(dialog).to_contain_text("The name was not typed rightly")
        page.fill("#lab-confirm", "master")
        page.locator("#lab-cut").click()
        expect(dialog).to_contain_text("2 of 2 guests under HA come back", timeout=20_000)
        dialog.get_by_role("link", name="Watch it on the overview").click()
        expect(page.locator("main")).to_contain_text("Node master is gone", timeout=30_000)

        def on_slave(vmid: int) -> bool:
            guest = demo.get(f"vms/clusterubd/{vmid}/")
            return (guest["node"], guest["status"]) == ("slave", "running")

        eventually(lambda: on_slave(100) and on_slave(101), 60)
        done = demo.get("operations/?kind=switch_lab")["results"]
        assert {operation["state"] for operation in done} == {"succeeded"}
        context.close()
