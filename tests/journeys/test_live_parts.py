"""Parts of a page that fetch themselves: news is never lost between two of their fetches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from playwright.sync_api import Request, Route, expect

from tests.journeys.conftest import SignIn
from tests.journeys.demo_set import DemoSet

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


def test_news_for_a_part_that_is_still_on_its_way_is_not_lost(
    demo: DemoSet, sign_in: SignIn
) -> None:
    """The page hears of the change before it holds the part that depends on it."""
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    operation = demo.migrate(101, demo.other_node(101), not_before=later)
    page = sign_in("oda")
    page.goto("/operations/")

    def cancelled_under_way(route: Route) -> None:
        answer = route.fetch()
        assert demo.call("POST", f"migrations/{operation['id']}/cancel/")[0] == 202
        page.wait_for_timeout(1_500)  # the hint is here long before the answer
        route.fulfill(response=answer)

    address = f"/operations/{operation['id']}/"
    page.route(f"**{address}", cancelled_under_way, times=1)
    page.evaluate(
        """address => {
          const place = document.createElement("div");
          place.id = "operation-progress";
          document.querySelector("main").append(place);
          window.htmx.ajax("GET", address, { target: "#operation-progress", swap: "outerHTML" });
        }""",
        address,
    )
    part = page.locator("#operation-progress")
    expect(part).to_have_attribute("data-operation-state", "cancelled", timeout=10_000)
