"""What the lab declares about its endpoints is what Proxmox declares: parameters, proxying, rights.

The contract's endpoints outside of the guests' trees; what an endpoint of the lab may differ in is
named here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hapanel.lab.api.areas import api
from hapanel.lab.api.routing import Route
from hapanel.lab.schema import Param

GUESTS = re.compile(
    r"/(qemu|lxc)(/|$)|/(bulk-action|startall|stopall|suspendall|migrateall)|vzdump"
)
# Which of these a rule must have depends on its type, which the handler looks at.
BY_TYPE = {("POST", "/cluster/ha/rules"): ("affinity", "nodes", "resources")}
ROUTES = [route for route in api.routes if not GUESTS.search(route.path)]


def test_endpoints_are_declared_as_in_proxmox(facts: Path) -> None:
    whole = json.loads((facts / "pve" / "contract.json").read_text())
    theirs = {(e["method"], e["path"]): e for e in whole["endpoints"]}
    shared = [route for route in ROUTES if (route.method, route.path) in theirs]
    assert len(shared) > 60
    faults = {
        f"{route.method} {route.path}": found
        for route in shared
        if (found := list(_faults(route, theirs[route.method, route.path])))
    }
    assert not faults, json.dumps(faults, indent=1)


def _faults(route: Route, theirs: dict[str, Any]) -> Iterator[str]:
    wanted = {_name(p): _limits(p) for p in theirs["parameters"]}
    for name in BY_TYPE.get((route.method, route.path), ()):
        wanted[name]["optional"] = True
    ours = {param.name: _limits_of(param) for param in route.params}
    for name in sorted(set(ours) | set(wanted)):
        if ours.get(name) != wanted.get(name):
            yield f"{name}: {ours.get(name)} instead of {wanted.get(name)}"
    if route.proxied != (theirs["proxyto"] == "node"):
        yield f"proxied: {route.proxied}"
    if route.protected != theirs["protected"]:
        yield f"protected: {route.protected}"
    if route.allow_token != theirs["allowtoken"]:
        yield f"allow_token: {route.allow_token}"


def _name(parameter: dict[str, Any]) -> str:
    return str(parameter["name"]).replace("[n]", "0")


def _limits(parameter: dict[str, Any]) -> dict[str, object]:
    return {
        "type": parameter["type"],
        "optional": bool(parameter.get("optional")),
        "enum": sorted(parameter.get("enum", ())),
        "minimum": parameter.get("minimum"),
        "maximum": parameter.get("maximum"),
        "max_length": parameter.get("maxLength"),
    }


def _limits_of(param: Param) -> dict[str, object]:
    return {
        "type": param.type.value,
        "optional": param.optional,
        "enum": sorted(str(word) for word in param.enum),
        "minimum": param.minimum,
        "maximum": param.maximum,
        "max_length": param.max_length,
    }
