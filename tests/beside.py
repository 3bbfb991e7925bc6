"""What runs in processes of its own beside the session, one after the other.

The app tests once more, on the production database, take minutes of one core; the journeys in
tests/journeys/beside mostly wait. So they begin with the session, on the core that it leaves free,
and tests/test_beside.py only waits for their ends.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# The one contract test that keeps records; the others know no database.
ADDING = "tests/contract/test_add_cluster_lab.py"
RUNS = {
    "postgresql": ["-p", "tests.postgres", "-x", "tests/app", ADDING],
    "journeys": ["tests/journeys/beside"],
}
SECONDS = 900


@dataclass
class _Run:
    """One pytest: how it ended and what it printed last, once `over` is set."""

    words: list[str]
    status: int = -1
    printed: str = ""
    over: threading.Event = field(default_factory=threading.Event)


class Beside:
    """The runs, one after the other, followed by a thread."""

    def __init__(self) -> None:
        self._runs = {name: _Run(words) for name, words in RUNS.items()}
        self._closing = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def end(self, name: str) -> tuple[int, str]:
        """Wait for a run: its exit status, and what it printed last."""
        run = self._runs[name]
        assert run.over.wait(SECONDS), f"{name} has not ended within {SECONDS} s"
        return run.status, run.printed

    def close(self) -> None:
        """End what still runs; pytest then ends what it started."""
        self._closing.set()
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        self._thread.join(90)

    def _follow(self) -> None:
        for run in self._runs.values():
            if not self._closing.is_set():
                self._carry_out(run)
            run.over.set()

    def _carry_out(self, run: _Run) -> None:
        with tempfile.TemporaryFile() as printed:  # not a pipe: nobody reads while it runs
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pytest", *run.words],
                cwd=ROOT,
                stdout=printed,
                stderr=subprocess.STDOUT,
            )
            run.status = self._process.wait()
            printed.seek(0)
            run.printed = printed.read().decode(errors="replace")[-6000:]


@pytest.fixture(scope="session")
def beside() -> Iterator[Beside]:
    """The runs, begun; whoever takes it may wait for their ends."""
    runs = Beside()
    yield runs
    runs.close()


@pytest.fixture(scope="session", autouse=True)
def begin_early(request: pytest.FixtureRequest) -> None:
    """Begin before the session's first test when a later one will wait for it."""
    if any("beside" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("beside")
