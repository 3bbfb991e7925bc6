"""What the lab declares about its endpoints is what Proxmox declares: parameters, proxying, rights.

The contract's endpoints outside of the guests' trees; what an endpoint of the lab may differ in is
named here.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from hapanel.lab.api.areas import api
from hapanel.lab.api.routing import Route
from hapanel.lab.schema import Param

GUESTS = re.compile(
    r"/(qemu|lxc)(/|$)|/(bulk-action|startall|stopall|suspendall|migrateall)|vzdump"
)
# Which of these a rule must have depends on its type, which the handler looks at.
BY_TYPE = {("POST", "/cluster/ha/rules"): ("affinity", "nodes", "resources")}
ROUTES = [route for route in api.routes if not GUESTS.search(route.path)]


@pytest.fixture(scope="module")
def declared(facts: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """The contract's endpoints by method and path."""
    whole = json.loads((facts / "pve" / "contract.json").read_text())
    return {(e["method"], e["path"]): e for e in whole["endpoints"]}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_an_endpoint_is_declared_as_in_proxmox(
    route: Route, declared: dict[tuple[str, str], dict[str, Any]]
) -> None:
    theirs = declared.get((route.method, route.path))
    if theirs is None:
        pytest.skip("the contract does not speak of it")
    assert route.proxied == (theirs["proxyto"] == "node")
    assert route.protected == theirs["protected"]
    assert route.allow_token == theirs["allowtoken"]
    ours = {param.name: _limits_of(param) for param in route.params}
    wanted = {_name(p): _limits(p) for p in theirs["parameters"]}
    for name in BY_TYPE.get((route.method, route.path), ()):
        wanted[name]["optional"] = True
    assert ours == wanted


def _name(parameter: dict[str, Any]) -> str:
    return str(parameter["name"]).replace("[n]", "0")


def _limits(parameter: dict[str, Any]) -> dict[str, object]:
    return {
        "type": parameter["type"],
        "optional": bool(parameter.get("optional")),
        "enum": set(parameter.get("enum", ())),
        "minimum": parameter.get("minimum"),
        "maximum": parameter.get("maximum"),
        "max_length": parameter.get("maxLength"),
    }


def _limits_of(param: Param) -> dict[str, object]:
    return {
        "type": param.type.value,
        "optional": param.optional,
        "enum": {str(word) for word in param.enum},
        "minimum": param.minimum,
        "maximum": param.maximum,
        "max_length": param.max_length,
    }
