"""The engine against recorded runs of Proxmox's own HA manager, as far as the recordings are there.

Every service must end in the same state on the same node, having gone through the same states in
the same order; placements and seconds must agree too.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any, TypeAlias

import pytest

from hapanel.ha.replay.form import as_case
from hapanel.ha.replay.outcome import outcome
from hapanel.ha.replay.play import play
from tests.machine import FACTS

Json: TypeAlias = dict[str, Any]
RECORDINGS = sorted((FACTS / "ha").glob("*-cases-dev.json"))


def cases() -> list[Json]:
    return [case for path in RECORDINGS for case in json.loads(path.read_text())["cases"]]


def played(case: Json) -> Json:
    """The outcome of a case of which the engine was told no more than the duration."""
    told = case | {"expected": {"duration": case["expected"]["duration"]}}
    found: Json = json.loads(json.dumps(outcome(*play(as_case(told)))))
    return found


def ends(final: Json) -> dict[str, tuple[str | None, str | None]]:
    return {sid: (each["state"], each["node"]) for sid, each in final["services"].items()}


def paths(transitions: list[Json]) -> dict[str, list[tuple[str, str, str]]]:
    found: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for line in transitions:
        found[line["sid"]].append((line["from"], line["to"], line["node"]))
    return found


def disagreements(case: Json) -> list[str]:
    expected, found = case["expected"], played(case)
    checks = {
        "final": ends(expected["final"]) == ends(found["final"]),
        "order": paths(expected["service_transitions"]) == paths(found["service_transitions"]),
        "placements": expected["placements"] == found["placements"],
        "times": expected["service_transitions"] == found["service_transitions"],
    }
    return [name for name, agrees in checks.items() if not agrees]


def test_every_recorded_run_comes_out_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    listed = cases()
    wrong = {case["name"]: found for case in listed if (found := disagreements(case))}
    with capsys.disabled():
        print(f"\nHA recordings: {len(listed) - len(wrong)}/{len(listed)} agree")
    if not listed:
        pytest.skip("no recordings here")
    assert wrong == {}
