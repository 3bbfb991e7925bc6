"""A lab of its own for a benchmark: a program beside, asked and hurt from outside."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from types import TracebackType
from typing import Any, Self

import psutil

from hapanel.supervisor.addresses import claim_net


class LabProgram:
    """`python -m hapanel.lab` with these words, for the length of a with-block."""

    def __init__(self, *words: str) -> None:
        command = [sys.executable, "-m", "hapanel.lab", *words, "--net", claim_net("auto")]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.ready: dict[str, Any] = json.loads(self._process.stdout.readline())
        self._known = psutil.Process(self._process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)

    @property
    def processor_seconds(self) -> float:
        """What the program has used up to now."""
        times = self._known.cpu_times()
        return float(times.user + times.system)

    def calls(self) -> int:
        """How many API calls its nodes have read so far."""
        nodes = control(self.ready, "status")["nodes"]
        return sum(node["calls"] for node in nodes.values())


def control(ready: dict[str, Any], action: str, *words: str) -> dict[str, Any]:
    """One action of `ctl` on the lab with this ready line."""
    request = urllib.request.Request(
        ready["control_url"],
        data=json.dumps({"action": action, "args": words}).encode(),
        headers={"Authorization": f"Bearer {ready['control_token']}"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as answer:
        return dict(json.load(answer))
