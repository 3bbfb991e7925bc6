"""Every page, in both languages and both themes: axe finds nothing, nothing runs off a phone."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from tests.journeys.conftest import SignIn
from tests.journeys.demo_set import DemoSet

PAGES = [
    "/clusters/clusterubd/",
    "/clusters/clusterubd/nodes/",
    "/clusters/clusterubd/nodes/master/",
    "/clusters/clusterubd/guests/",
    "/clusters/clusterubd/guests/100/",
    "/clusters/clusterubd/guests/100/migrate/",
    "/clusters/clusterubd/ha/",
    "/clusters/clusterubd/ha/resources/vm:100/?filled=1&state=disabled&max_restart=1&max_relocate=1",
    "/clusters/clusterubd/ha/rules/",
    "/clusters/clusterubd/ha/arming/",
    "/clusters/clusterubd/forecast/",
    "/clusters/clusterubd/readiness/",
    "/clusters/clusterubd/capacity/?cores=4&memory=8&disk=20&storage=",
    "/clusters/clusterubd/guests/100/ha/",
    "/clusters/clusterubd/replication/",
    "/clusters/clusterubd/replication/rs/slave/verify/",
    "/clusters/clusterubd/replication/rs/verify-schedule/",
    "/clusters/clusterubd/replication/rs/split-brain/",
    "/clusters/clusterubd/migrations/",
    "/lab/",
    "/lab/power/master/",
    "/operations/",
    "/services/",
    "/audit/",
    "/settings/",
    "/settings/clusters/add/",
    "/settings/clusters/clusterubd/",
    "/account/",
    "/status/",
    "/patterns/",
    "/search/?q=siakad",
    "/no-such-page/",
]
# What passes is not described: to name each such element costs axe more than to judge it.
VIOLATIONS = {"resultTypes": ["violations"]}
RULES = VIOLATIONS | {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
}
# What a theme can spoil: only colours differ between them.
COLOURS = VIOLATIONS | {
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
}

# High enough for every page: what the task drawer covers until one scrolls has no size to axe.
HIGH = 4000

# Text that its own box cuts off, unless it is meant to be shortened (and then has a title).
CLIPPED = """() => [...document.querySelectorAll('body *')].filter(e => {
    const style = getComputedStyle(e);
    if (!e.textContent.trim() || !e.checkVisibility() || e.closest('.hidden-text')) return false;
    if (!['hidden', 'clip'].includes(style.overflowX)) return false;
    if (e.clientWidth <= 1 || e.title || e.closest('[title]')) return false;
    return e.scrollWidth > e.clientWidth + 1;
}).map(e => `${e.tagName}.${e.className}: ${e.textContent.trim().slice(0, 60)}`)"""
WIDER = """() => document.documentElement.scrollWidth - document.documentElement.clientWidth"""


def _complaints(page: Page) -> list[str]:
    """What is wrong with the page as it stands there, and with its colours in the dark theme."""
    page.evaluate(AXE_SCRIPT)
    page.emulate_media(color_scheme="light")
    complaints = _found(page, RULES)
    page.emulate_media(color_scheme="dark")
    return complaints + [f"dark: {text}" for text in _found(page, COLOURS)]


def _found(page: Page, rules: dict[str, Any]) -> list[str]:
    violations = page.evaluate("async rules => (await axe.run(rules)).violations", rules)
    return [
        f"{page.url}: {violation['id']}: {node['html'][:160]}"
        for violation in violations
        for node in violation["nodes"][:3]
    ]


def _narrow_complaints(page: Page) -> list[str]:
    page.set_viewport_size({"width": 360, "height": 740})
    complaints = [f"{page.url}: clipped at 360 px: {text}" for text in page.evaluate(CLIPPED)]
    beyond = page.evaluate(WIDER)
    if beyond > 0:
        complaints.append(f"{page.url}: {beyond} px wider than 360")
    page.set_viewport_size({"width": 1440, "height": HIGH})
    return complaints


@pytest.mark.parametrize("language", ["en", "id"])
def test_every_page_is_accessible_and_fits_a_phone(
    demo: DemoSet, sign_in: SignIn, language: str
) -> None:
    page = sign_in("ada", height=HIGH, locale=language)
    page.emulate_media(reduced_motion="reduce")  # colours are compared at rest
    complaints = []
    for path in PAGES:
        page.goto(path)
        assert page.locator("html").get_attribute("lang") == language, path
        complaints += _complaints(page) + _narrow_complaints(page)
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("language", ["en", "id"])
def test_the_sign_in_page_is_accessible_too(demo: DemoSet, chromium: Any, language: str) -> None:
    context = chromium.new_context(base_url=demo.url, locale=language)
    page = context.new_page()
    page.goto("/sign-in/")
    complaints = _complaints(page) + _narrow_complaints(page)
    context.close()
    assert not complaints, "\n".join(complaints)
