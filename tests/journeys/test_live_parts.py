"""Parts of a page that fetch themselves: news is never lost between two of their fetches."""

from __future__ import annotations

from playwright.sync_api import Request

from tests.journeys.conftest import SignIn

# htmx binds what it swapped in some milliseconds later. This is such a part, caught in between.
UNBOUND = """() => {
  const part = document.getElementById("tasks-now");
  const fresh = part.cloneNode(true);
  part.replaceWith(fresh);
  document.dispatchEvent(new CustomEvent("part-in-doubt", { detail: { part: fresh, limit: -1 } }));
  setTimeout(() => window.htmx.process(fresh), 600);
}"""


def test_news_for_a_part_that_htmx_has_not_bound_yet_is_not_lost(sign_in: SignIn) -> None:
    page = sign_in("oda")
    page.goto("/operations/")

    def is_fetch(request: Request) -> bool:
        return request.headers.get("hx-target") == "tasks-now"

    with page.expect_request(is_fetch, timeout=5_000):
        page.evaluate(UNBOUND)
