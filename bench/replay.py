"""The large recorded HA cases, against the CPU seconds that Proxmox's simulator took for them."""

from __future__ import annotations

import json
import resource
import time
from pathlib import Path
from typing import Any

from bench.goals import Figure
from hapanel.ha.replay.form import as_case
from hapanel.ha.replay.play import play

FACTS = Path(__file__).resolve().parents[2] / "shared" / "facts" / "ha"
GOAL_SHARE = 0.1
ROUNDS = 3
MIB_IN_KIB = 1024


def measure() -> list[Figure]:
    """For each recorded timing: our CPU seconds over those of the simulator's fastest run.

    The simulator's were taken on another day on a machine like this one, so the share is as good as
    the two machines are alike. Nothing where the recordings are not there.
    """
    timings = FACTS / "own-cases-timings.json"
    if not timings.exists():
        return []
    theirs: dict[str, dict[str, Any]] = json.loads(timings.read_text())
    cases = json.loads((FACTS / "own-cases-dev.json").read_text())["cases"]
    return [_share(case, theirs[case["name"]]) for case in cases if case["name"] in theirs]


def _share(case: dict[str, Any], theirs: dict[str, Any]) -> Figure:
    ours = min(_cpu_seconds(case) for _ in range(ROUNDS))
    beside = {
        "cpu_s": ours,
        "simulator_cpu_s": theirs["best_cpu_s"],
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB_IN_KIB,
        "simulator_peak_mib": max(run["max_rss_mib"] for run in theirs["runs"]),
    }
    name = f"replay of {case['name'].removeprefix('own-')}: x the simulator's CPU"
    return Figure(name, ours / theirs["best_cpu_s"], "x", GOAL_SHARE, beside)


def _cpu_seconds(case: dict[str, Any]) -> float:
    began = time.process_time()
    play(as_case(case | {"expected": {"duration": case["expected"]["duration"]}}))
    return time.process_time() - began
