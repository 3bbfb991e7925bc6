"""Pictures of the Replication page in each judged state, to be looked at.

    python -m tests.journeys.replication_states --out /tmp/states

Serves the panel's pages alone (no worker, no follower) from a database and a Redis of its own,
tells them each scene of tests/replication_scenes.py in turn, and takes the page at two widths,
light and dark, in both languages. `--recorded` takes recorded states of real DRBD instead, where
they are beside the checkout; `--page` another page than the cluster's replication.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import django
from playwright.sync_api import Page, sync_playwright

from tests import machine
from tests.journeys.screenshots import ARGS, CHROMIUM, VIEWS, signed_in

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    "replication": "/clusters/clusterubd/replication/",
    "overview": "/clusters/clusterubd/",
    "node": "/clusters/clusterubd/nodes/slave/replication/",
    "split-brain": "/clusters/clusterubd/replication/rs/split-brain/",
}


@contextmanager
def _served() -> Iterator[str]:
    """The web process on the tests' own folder; its address."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "hapanel.settings"
    os.environ["HAPANEL_OBSERVE_SECONDS"] = "60"  # a slow machine shall not make a picture grey
    machine.start_redis()
    for step in (["migrate"], ["collectstatic"]):
        subprocess.run(
            [sys.executable, "manage.py", *step, "--no-input", "-v0"], check=True, cwd=ROOT
        )
    django.setup()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "hapanel.asgi:application"]
    web = subprocess.Popen([*command, "--port", str(port), "--log-level", "warning"], cwd=ROOT)
    try:
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        web.terminate()
        web.wait(10)


def _take_all(url: str, asked: argparse.Namespace) -> None:
    # Records can only be named once Django is set up.
    from tests.replication_gallery import Gallery

    gallery = Gallery(asked.recorded)
    views = [view for view in VIEWS if f"{view[0]}-{view[1]}" in asked.views]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        for language in asked.languages:
            page = signed_in(browser, url, "oda", 1440, "light", language)
            for name in asked.only or gallery.names:
                gallery.show(name)
                page.goto(PAGES[asked.page])
                for width, theme in views:
                    _look(page, width, theme)
                    file = f"{asked.page}-{name.replace('/', '-')}-{width}-{theme}-{language}.png"
                    page.screenshot(path=str(asked.out / file), full_page=True)
            page.context.close()
        browser.close()


def _look(page: Page, width: int, theme: Literal["light", "dark"]) -> None:
    """The page as it lies at that width and in that theme, without asking for it once more."""
    page.set_viewport_size({"width": width, "height": 900 if width > 600 else 740})
    page.emulate_media(color_scheme=theme)
    page.wait_for_timeout(100)


def main() -> None:
    """Take what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("/tmp/hapanel-states"))
    parser.add_argument("--only", nargs="*", default=[], help="names of scenes")
    parser.add_argument("--recorded", action="store_true", help="recorded states of real DRBD")
    parser.add_argument("--page", choices=PAGES, default="replication")
    parser.add_argument("--languages", nargs="*", default=["en", "id"])
    parser.add_argument("--views", nargs="*", default=[f"{w}-{t}" for w, t in VIEWS])
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    with _served() as url:
        _take_all(url, asked)


if __name__ == "__main__":
    main()
