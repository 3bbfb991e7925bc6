"""The frame's script where a browser gives it less than it hopes for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

SCRIPT = Path(__file__).resolve().parents[2] / "static" / "js" / "frame.js"
# Plain HTTP under a name: what a panel without TLS is to every other machine.
ADDRESS = "http://panel.example/"
BODY = """<!doctype html><body data-selected="Selected: press Ctrl+C">
<code id="words">pvecm status</code>
<button data-do="copy" data-copy="words" data-done="Copied"><span>Copy</span></button>
<script type="module" src="/frame.js"></script>"""


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[[str], Page]]:
    context = chromium.new_context()

    def opened(tree_cookie: str) -> Page:
        page = context.new_page()
        page.route(f"{ADDRESS}*", lambda route: route.fulfill(body=BODY, content_type="text/html"))
        page.route(
            f"{ADDRESS}frame.js",
            lambda route: route.fulfill(
                body=SCRIPT.read_text(), content_type="text/javascript; charset=utf-8"
            ),
        )
        context.add_cookies([{"name": "tree", "value": tree_cookie, "url": ADDRESS}])
        page.goto(ADDRESS)
        return page

    yield opened
    context.close()


def test_without_a_clipboard_the_words_are_selected_and_the_button_says_so(
    open_page: Callable[[str], Page],
) -> None:
    page = open_page("%2Bclusterubd")
    assert page.evaluate("navigator.clipboard === undefined")
    page.click("button")
    expect(page.locator("button")).to_have_text("Selected: press Ctrl+C")
    assert page.evaluate("getSelection().toString()") == "pvecm status"


def test_a_malformed_tree_cookie_does_not_stop_the_script(
    open_page: Callable[[str], Page],
) -> None:
    page = open_page("%E0%A4%A")
    page.click("button")
    expect(page.locator("button")).to_have_text("Selected: press Ctrl+C")
