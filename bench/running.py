"""Panels that really run: the demo with its lab, or the serving programs over a bench database."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.bare_panel import ENVIRONMENT
from hapanel.supervisor.addresses import ask_readyz, claim_port
from hapanel.supervisor.panel_programs import PanelPrograms, base_environment
from hapanel.supervisor.running_set import RunningSet

ROOT = Path(__file__).resolve().parents[1]
READY_SECONDS = 90.0


class Demo:
    """`./panel demo` in a folder of its own, for the length of a with-block."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="hapanel-bench-demo-")
        words = ["demo", "--json", "--port", "0", "--net", "auto", "--var", self._folder.name]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hapanel.supervisor", *words],
            cwd=ROOT,
            env={k: v for k, v in os.environ.items() if not k.startswith("HAPANEL_")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the demo did not start; ./panel demo says why")
        self.facts: dict[str, Any] = json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=30)
        self._folder.cleanup()

    @property
    def url(self) -> str:
        """Where the panel answers."""
        url: str = self.facts["url"]
        return url

    @property
    def pids(self) -> dict[str, int]:
        """The demo's programs."""
        pids: dict[str, int] = self.facts["pids"]
        return pids


class LabApi:
    """The lab's own API, asked as its operator: `ready` is the lab's ready line."""

    def __init__(self, ready: dict[str, Any]) -> None:
        self._base = f"{ready['nodes'][0]['url']}/api2/json"
        self._context = ssl.create_default_context(cadata=ready["ca"])
        self._sign_in = f"PVEAPIToken={ready['token_id']}={ready['token_secret']}"

    def power(self, vmid: int, action: str) -> None:
        """POST .../status/ACTION of a virtual machine."""
        self._ask("POST", f"/nodes/{self._guest(vmid)['node']}/qemu/{vmid}/status/{action}")

    def wait_for(self, vmid: int, status: str) -> None:
        """Until /cluster/resources tells this status of the guest."""
        while self._guest(vmid)["status"] != status:
            time.sleep(0.01)

    def _guest(self, vmid: int) -> dict[str, Any]:
        rows: list[dict[str, Any]] = self._ask("GET", "/cluster/resources?type=vm")
        return next(row for row in rows if row["vmid"] == vmid)

    def _ask(self, method: str, path: str) -> Any:
        headers = {"Authorization": self._sign_in}
        request = urllib.request.Request(self._base + path, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=10, context=self._context) as answer:
            return json.load(answer)["data"]


class Serving:
    """Web, worker, beat and follower over the benchmark's own database, for a with-block."""

    def __init__(self) -> None:
        self.port = claim_port("127.0.0.1", 0)
        self._state = tempfile.TemporaryDirectory(prefix="hapanel-bench-run-")
        self._running = RunningSet(ROOT, Path(self._state.name))

    def __enter__(self) -> Self:
        programs = PanelPrograms(ROOT, {**base_environment(ROOT), **ENVIRONMENT})
        self._running.__enter__()
        self._running.start(*programs.serving("127.0.0.1", self.port))
        self._running.wait_until(
            lambda: ask_readyz("127.0.0.1", self.port).is_ready, "web", READY_SECONDS
        )
        return self

    def __exit__(self, *exception: object) -> None:
        self._running.__exit__(*exception)
        self._state.cleanup()

    @property
    def pids(self) -> dict[str, int]:
        """The programs."""
        return self._running.pids()

    def rest(self, seconds: float) -> None:
        """Let it run, looking after its programs."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._running.look(0.2)

    def check(self) -> None:
        """Look after its programs once."""
        self._running.look(0.0)
