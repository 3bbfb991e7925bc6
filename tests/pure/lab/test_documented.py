"""What the lab offers is written down, and found by a grep."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from statistics import median

import pytest

from hapanel.lab import scenario
from hapanel.lab.api.areas import api
from hapanel.lab.api.routing import Route
from hapanel.lab.control import ACTIONS
from hapanel.lab.faults import Misbehaviour

ROOT = Path(__file__).resolve().parents[3]
DOCS = (ROOT / "docs" / "lab.md").read_text()
LONGEST_HANDLER = 25


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_every_action_of_ctl_is_in_the_docs(action: str) -> None:
    assert f"`{action}" in DOCS or f", `{action}" in DOCS


@pytest.mark.parametrize("fault", list(Misbehaviour))
def test_every_fault_of_an_api_is_in_the_docs(fault: Misbehaviour) -> None:
    assert fault.value in DOCS


@pytest.mark.parametrize("path", sorted(scenario.FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_every_scenario_can_be_read_and_is_in_the_docs(path: Path) -> None:
    assert scenario.load(path.stem).nodes
    assert f"`{path.stem}`" in DOCS


@pytest.mark.parametrize("route", api.routes, ids=lambda route: f"{route.method} {route.path}")
def test_a_grep_for_a_path_finds_its_handler_and_what_it_does(route: Route) -> None:
    area = inspect.getmodule(route.handler)
    assert area is not None
    assert f'"{route.path}"' in Path(str(area.__file__)).read_text()
    assert inspect.getdoc(route.handler)
    assert _length(route) <= LONGEST_HANDLER


def test_a_handler_is_read_in_ten_lines() -> None:
    assert median(_length(route) for route in api.routes) <= 10


def _length(route: Route) -> int:
    """Lines of the handler without what is declared above it."""
    lines = inspect.getsource(route.handler).splitlines()
    return len(lines) - next(n for n, line in enumerate(lines) if re.match("(async )?def ", line))


def test_no_path_is_answered_twice() -> None:
    keys = [(route.method, route.path) for route in api.routes]
    assert len(keys) == len(set(keys))
