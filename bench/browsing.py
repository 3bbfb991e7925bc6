"""A browser that has signed in to the demo, for what only a page can tell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

from bench.running import Demo

CHROMIUM = "/usr/bin/chromium"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, for the length of a with-block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def signed_in(browser: Browser, demo: Demo) -> Page:
    """A page of Oda the operator's."""
    page = browser.new_context(locale="en-GB").new_page()
    page.goto(f"{demo.url}/sign-in/")
    page.fill("input[name=username]", "oda")
    page.fill("input[name=password]", "demo")
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda url: "/sign-in" not in url)
    return page
