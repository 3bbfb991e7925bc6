"""The app tests once more, on the production database, beside the rest of the session.

They take minutes of one core. So the run begins with the session, on the core that the tests before
it leave free, and tests/test_on_postgresql.py only waits for its end.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# The one contract test that keeps records; the others know no database.
ADDING = "tests/contract/test_add_cluster_lab.py"
SECONDS = 600


class SecondRun:
    """pytest in a process of its own, with a PostgreSQL of its own."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="hapanel-second-run-")
        self._printed = Path(self._folder.name) / "printed"
        tests = ["-p", "tests.postgres", "-x", "tests/app", ADDING]
        with self._printed.open("wb") as printed:  # not a pipe: nobody reads while it runs
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pytest", *tests],
                cwd=ROOT,
                stdout=printed,
                stderr=subprocess.STDOUT,
            )

    def end(self) -> tuple[int, str]:
        """Wait for it: its exit status, and what it printed last."""
        status = self._process.wait(SECONDS)
        return status, self._printed.read_text()[-6000:]

    def close(self) -> None:
        """End it when the session ends before it; pytest then ends its PostgreSQL."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(60)
        self._folder.cleanup()


@pytest.fixture(scope="session")
def second_run() -> Iterator[SecondRun]:
    """The run, begun; whoever takes it may wait for its end."""
    run = SecondRun()
    yield run
    run.close()


@pytest.fixture(scope="session", autouse=True)
def begin_early(request: pytest.FixtureRequest) -> None:
    """Begin before the session's first test when a later one will wait for it."""
    if any("second_run" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("second_run")
