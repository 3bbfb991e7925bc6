"""A whole demo of its own for a test: every process, a lab, an address, all of it ended afterwards.

    with running_demo(speed=20) as demo:
        demo.ctl("crash", "slave")
        demo.kill("worker")

Journeys, crash tests and benchmarks use it. It runs `./panel demo --json` on a free port, in a free
loopback network and in a folder of its own, so any number of them can run beside each other.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 120
END_SECONDS = 30


class DemoFailed(Exception):
    """The demo did not come up; carries what it said."""


@dataclass(frozen=True, slots=True)
class DemoSet:
    """A demo that runs. `facts` is the line that it printed when it was ready."""

    var: Path
    facts: dict[str, Any]

    @property
    def url(self) -> str:
        """Where the panel answers."""
        return str(self.facts["url"])

    @property
    def tokens(self) -> dict[str, str]:
        """REST tokens of ada, oda and hal."""
        return dict(self.facts["tokens"])

    def pids(self) -> dict[str, int]:
        """The processes that run now, by name; one that was killed is missing until its restart."""
        return dict(json.loads((self.var / "processes.json").read_text()))

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to web, worker, beat, follower, lab or redis; the pid that got it."""
        pid = self.pids()[name]
        os.kill(pid, number)
        return pid

    def wait_for_restart(self, name: str, former: int, seconds: float = 30) -> int:
        """Wait until the supervisor has started `name` again; its new pid."""
        deadline = time.monotonic() + seconds
        while (pid := self.pids().get(name, former)) == former:
            if time.monotonic() > deadline:
                raise DemoFailed(f"{name} was not started again within {seconds} s")
            time.sleep(0.05)
        return pid

    def ctl(self, *words: str) -> str:
        """Do something to the lab's hardware; what the lab answered."""
        where = ["--url", self.facts["control_url"], "--token", self.facts["control_token"]]
        return _run([sys.executable, "-m", "hapanel.lab", "ctl", *where, *words], dict(os.environ))

    def manage(self, *words: str) -> str:
        """Run manage.py with the demo's settings; what it printed."""
        settings = json.loads((self.var / "demo" / "environment.json").read_text())
        return _run([sys.executable, "manage.py", *words], {**_clean_environment(), **settings})

    def api(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Call the REST API as ada, oda or hal; the decoded answer. Raises HTTPError."""
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", method=method)
        request.add_header("Authorization", f"Bearer {self.tokens[who]}")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def log(self, name: str) -> str:
        """Everything that the process `name` has said."""
        return (self.var / "log" / f"{name}.log").read_text(errors="replace")


@contextmanager
def running_demo(
    *, scenario: str = "clusterubd", speed: float = 6, database: str = "sqlite"
) -> Iterator[DemoSet]:
    """Start a demo and end it. Raises DemoFailed with its words when it does not come up."""
    # Short, because the address of a unix socket has little room.
    var = Path(tempfile.mkdtemp(prefix="hapanel-demo-"))
    what = ["--scenario", scenario, "--speed", f"{speed:g}", "--database", database]
    where = ["--port", "0", "--net", "auto", "--var", str(var), "--json"]
    with (var / "supervisor.log").open("w") as words:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "hapanel.supervisor", "demo", *what, *where],
            cwd=ROOT,
            env=_clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=words,
            text=True,
        )
    try:
        yield DemoSet(var, _ready_line(supervisor, var))
    finally:
        supervisor.terminate()
        try:
            supervisor.wait(END_SECONDS)
        finally:
            supervisor.kill()
            shutil.rmtree(var, ignore_errors=True)


def _ready_line(supervisor: subprocess.Popen[str], var: Path) -> dict[str, Any]:
    assert supervisor.stdout is not None
    answered, _, _ = select.select([supervisor.stdout], [], [], START_SECONDS)
    line = supervisor.stdout.readline() if answered else ""
    if not line:
        raise DemoFailed((var / "supervisor.log").read_text())
    return dict(json.loads(line))


def _clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("HAPANEL_")}


def _run(command: list[str], environ: dict[str, str]) -> str:
    outcome = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=120
    )
    if outcome.returncode != 0:
        raise DemoFailed(f"{command} ended with {outcome.returncode}: {outcome.stderr}")
    return outcome.stdout
