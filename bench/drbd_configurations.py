"""Reading and judging a DRBD configuration of 2,000 lines: 80 resources on two nodes."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.goals import Figure
from hapanel.drbd.configuration.compare import compare
from hapanel.drbd.configuration.lint import judged
from hapanel.drbd.configuration.model import Configuration
from hapanel.drbd.configuration.reader import Source, read
from hapanel.drbd.configuration.understanding import understood

LINES, GOAL_SECONDS, ROUNDS = 2_000, 0.5, 5


def measure() -> list[Figure]:
    """CPU seconds for one lint, and for comparing two such files; the best of a few rounds."""
    text = made_up()
    lint, found = _best(lambda: len(judged(_understood(text, "master"))))
    one, other = _understood(text, "master"), _understood(text.replace("60M", "30M"), "slave")
    both, differences = _best(lambda: len(compare(one, other)))
    beside = {"lines": text.count("\n"), "findings": found}
    return [
        Figure("DRBD lint, 2,000 lines", lint, "s", GOAL_SECONDS, beside),
        Figure("DRBD comparison, 2 x 2,000 lines", both, "s", None, {"differences": differences}),
    ]


def _understood(text: str, node: str) -> Configuration:
    return understood(read(Source(f"{node}.conf", text)))


def _best(work: Callable[[], int]) -> tuple[float, int]:
    best, result = float("inf"), 0
    for _ in range(ROUNDS):
        began = time.process_time()
        result = work()
        best = min(best, time.process_time() - began)
    return best, result


def made_up() -> str:
    """As many resources as fill the lines, each with a fault in it."""
    resources: list[str] = []
    lines = 0
    while lines < LINES:
        resources.append(_resource(len(resources)))
        lines += resources[-1].count("\n")
    return "".join(resources)


def _resource(n: int) -> str:
    hosts = "".join(
        f"  on {node} {{\n    device /dev/drbd{n};\n    disk /dev/vg0/r{n};\n"
        f"    address 10.1.1.{at}:{7000 + n};\n    meta-disk internal;\n  }}\n"
        for at, node in enumerate(("master", "slave"), start=1)
    )
    return (
        f"resource r{n} {{\n  protocol C;\n  startup {{\n    wfc-timeout 120;\n  }}\n"
        f'  net {{\n    cram-hmac-alg sha256;\n    shared-secret "k7Qm-v2Xp.9sRt/{n}";\n'
        "    after-sb-0pri discard-zero-change;\n    verify-alg crc32c;\n  }\n"
        f"  disk {{\n    c-max-rate 60M;\n    on-io-eror detach;\n  }}\n{hosts}}}\n"
    )
