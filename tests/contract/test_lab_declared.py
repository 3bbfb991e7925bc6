"""What the lab declares about its endpoints is what Proxmox declares: parameters, proxying, rights.

What an endpoint of the lab may differ in is named here. Of options with numbers the first counts.
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

# Which of these a rule must have depends on its type, which the handler looks at.
BY_TYPE = {("POST", "/cluster/ha/rules"): ("affinity", "nodes", "resources")}
NUMBERED = re.compile(r"([a-z]+)[1-9]\d*")


def test_endpoints_are_declared_as_in_proxmox(facts: Path) -> None:
    whole = json.loads((facts / "pve" / "contract.json").read_text())
    theirs = {(e["method"], e["path"]): e for e in whole["endpoints"]}
    shared = [route for route in api.routes if (route.method, route.path) in theirs]
    assert len(shared) > 120
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
    firsts = {name for name in wanted if name.endswith("0")}
    ours = {p.name: _limits_of(p) for p in route.params if _first(p.name) not in firsts}
    ours |= {p.name: _limits_of(p) for p in route.params if p.name in firsts}
    for name in sorted(set(ours) | set(wanted)):
        if ours.get(name) != wanted.get(name):
            yield f"{name}: {ours.get(name)} instead of {wanted.get(name)}"
    if route.proxied != (theirs["proxyto"] == "node"):
        yield f"proxied: {route.proxied}"
    if route.protected != theirs["protected"]:
        yield f"protected: {route.protected}"
    if route.allow_token != theirs["allowtoken"]:
        yield f"allow_token: {route.allow_token}"


def _first(name: str) -> str:
    """`scsi0` for `scsi7`."""
    found = NUMBERED.fullmatch(name)
    return f"{found[1]}0" if found else name


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
