"""Pictures of the panel's pages, to be looked at: widths, themes, languages.

    python -m tests.journeys.screenshots --url http://127.0.0.1:8000 --out /tmp/shots

Signs in with the demo's accounts. README's pictures come from here too (`--readme`).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PAGES = {
    "overview": "{cluster}",
    "clusters": "/clusters/",
    "nodes": "{cluster}nodes/",
    "node": "{cluster}nodes/{node}/",
    "node-storage": "{cluster}nodes/{node}/storage/",
    "guests": "{cluster}guests/",
    "guest": "{cluster}guests/{vm}/",
    "guest-ha": "{cluster}guests/{vm}/ha/",
    "guest-history": "{cluster}guests/{vm}/history/",
    "migrate": "{cluster}guests/{vm}/migrate/",
    "migrate-container": "{cluster}guests/{container}/migrate/",
    "ha": "{cluster}ha/",
    "ha-add": "{cluster}ha/add/",
    "ha-change": "{cluster}ha/resources/vm:{vm}/"
    "?filled=1&state=disabled&max_restart=1&max_relocate=1",
    "ha-remove": "{cluster}ha/resources/vm:{vm}/remove/",
    "ha-rule": "{cluster}ha/rules/",
    "ha-arming": "{cluster}ha/arming/",
    "forecast": "{cluster}forecast/",
    "readiness": "{cluster}readiness/",
    "capacity": "{cluster}capacity/?cores=4&memory=8&disk=20&storage=",
    "replication": "{cluster}replication/",
    "replication-act": "{cluster}replication/rs/slave/verify/",
    "verify-schedule": "{cluster}replication/rs/verify-schedule/",
    "split-brain": "{cluster}replication/rs/split-brain/",
    "node-replication": "{cluster}nodes/{node}/replication/",
    "migrations": "{cluster}migrations/",
    "lab": "/lab/",
    "lab-power": "/lab/power/{node}/",
    "operations": "/operations/",
    "operation": "/operations/1/",
    "services": "/services/",
    "status": "/status/",
    "audit": "/audit/",
    "settings": "/settings/clusters/",
    "settings-cluster": "/settings{cluster}",
    "add-cluster": "/settings/clusters/add/",
    "people": "/settings/people/",
    "account": "/account/",
    "search": "/search/?q=siakad",
    "patterns": "/patterns/",
    "not-found": "/no-such-page/",
}
# What stands for whom in each scenario of the lab.
SCENARIOS = {
    "clusterubd": {"node": "master", "vm": 100, "container": 101},
    "campus": {"node": "ubd-a1", "vm": 210, "container": 241},
}
VIEWS: list[tuple[int, Literal["light", "dark"]]] = [
    (1440, "light"),
    (1440, "dark"),
    (360, "light"),
    (360, "dark"),
]


def signed_in(browser: Browser, url: str, who: str, width: int, theme: str, language: str) -> Page:
    """A page of a fresh browser profile in which `who` has signed in."""
    context = browser.new_context(
        viewport={"width": width, "height": 900 if width > 600 else 740},
        locale=language,
        base_url=url,
        color_scheme="dark" if theme == "dark" else "light",
    )
    page = context.new_page()
    page.goto("/sign-in/")
    page.fill("input[name=username]", who)
    page.fill("input[name=password]", "demo")
    page.click("main button[type=submit]")
    page.wait_for_url(lambda to: "/sign-in/" not in to)
    return page


def take(page: Page, path: str, target: Path, full: bool = True) -> None:
    """One picture of one page, after its sprite and fonts are there."""
    page.goto(path)
    page.wait_for_load_state("load")
    page.wait_for_timeout(250)
    page.screenshot(path=str(target), full_page=full)


def main() -> None:
    """Take what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--out", type=Path, default=Path("/tmp/hapanel-shots"))
    parser.add_argument("--scenario", default="clusterubd", choices=SCENARIOS)
    parser.add_argument("--who", default="ada")
    parser.add_argument("--language", default="en")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--views", nargs="*", default=[f"{w}-{t}" for w, t in VIEWS])
    parser.add_argument("--readme", action="store_true", help="only docs/screenshots/overview.png")
    asked = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        if asked.readme:
            page = signed_in(browser, asked.url, "oda", 1440, "light", "en")
            take(page, "/clusters/clusterubd/", Path("docs/screenshots/overview.png"), full=False)
        else:
            _take_all(browser, asked)
        browser.close()


def _take_all(browser: Browser, asked: argparse.Namespace) -> None:
    asked.out.mkdir(parents=True, exist_ok=True)
    names = {"cluster": f"/clusters/{asked.scenario}/", **SCENARIOS[asked.scenario]}
    for width, theme in VIEWS:
        if f"{width}-{theme}" not in asked.views:
            continue
        page = signed_in(browser, asked.url, asked.who, width, theme, asked.language)
        for name, path in PAGES.items():
            if not asked.only or name in asked.only:
                picture = f"{name}-{width}-{theme}-{asked.language}.png"
                take(page, path.format_map(names), asked.out / picture)
        page.context.close()


if __name__ == "__main__":
    main()
