"""Runs the benchmarks; prints a table and writes bench/results.json."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from bench import bare_panel
from bench.goals import Figure, table

RESULTS = Path(__file__).parent / "results.json"
PARTS = (
    *("observation", "sizes", "forecasts", "replay", "capacity", "replication"),
    *("drbd_configurations", "viewers", "guests_page", "demo", "split_brain"),
)


def part(name: str) -> Callable[[], list[Figure]]:
    """A part's `measure`; imported late because parts import what reads the settings."""
    measure: Callable[[], list[Figure]] = import_module(f"bench.{name}").measure
    return measure


def main() -> int:
    """Run the chosen parts; 0 also when a goal is missed: the table says so."""
    parser = argparse.ArgumentParser(prog="./panel bench")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    chosen = parser.parse_args().parts or list(PARTS)
    if unknown := sorted(set(chosen) - set(PARTS)):
        parser.error(f"no such part: {', '.join(unknown)}")
    bare_panel.set_up()
    figures: list[Figure] = []
    for name in chosen:
        print(f"{name} ...", file=sys.stderr, flush=True)
        figures += part(name)()
    print(table(figures))
    if set(chosen) == set(PARTS):
        RESULTS.write_text(json.dumps(_results(figures), indent=1) + "\n")
    return 0


def _results(figures: list[Figure]) -> dict[str, object]:
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "figures": [figure.as_record() for figure in figures],
    }


if __name__ == "__main__":
    sys.exit(main())
