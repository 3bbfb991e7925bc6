"""One demo set and one Chromium for all journeys of a session; a fresh profile for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.journeys.demo_set import DemoSet, running_demo

CHROMIUM = Path("/usr/bin/chromium")
# Without these Chromium asks its maker's servers for updates, which no test needs.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SignIn = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is a journey."""
    for item in items:
        if "journeys" in item.path.parts:
            item.add_marker(pytest.mark.journey)


@pytest.fixture(scope="session")
def demo() -> Iterator[DemoSet]:
    """The scenario `clusterubd`, fast."""
    with running_demo("--speed", "12") as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    assert CHROMIUM.exists(), "chromium is missing: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def sign_in(chromium: Browser, demo: DemoSet) -> Iterator[SignIn]:
    """A function that opens a browser of its own and signs one of the people in."""
    contexts: list[BrowserContext] = []

    def open_for(who: str, width: int = 1440, height: int = 900, locale: str = "en") -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": height}, locale=locale, base_url=demo.url
        )
        contexts.append(context)
        page = context.new_page()
        page.goto("/sign-in/")
        page.fill("input[name=username]", who)
        page.fill("input[name=password]", "demo")
        page.click("main button[type=submit]")
        page.wait_for_url(lambda url: "/sign-in/" not in url)
        return page

    yield open_for
    for context in contexts:
        context.close()
