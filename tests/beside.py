"""What a whole run does in processes of its own, beside the session.

One core cannot do it all in time, and much of it waits for clusters that come to rest. So three
lanes go side by side, each about as long as the others: the session itself (pure and app tests);
the journeys, then the contract tests; the journeys that kill, then the app tests once more on the
production database. tests/test_beside.py waits for the ends. A session that names a part of the
tests (a path, -k, -m) runs just that, in one process.
"""

from __future__ import annotations

import re
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
TESTS = ROOT / "tests"
JOURNEYS = TESTS / "journeys"
WAITING_FOR_THEM = TESTS / "test_beside.py"
# The one contract test that keeps records; the others know no database.
ADDING = "tests/contract/test_add_cluster_lab.py"
# These kill, freeze and part what a whole demo stands on, and mostly wait for it to come back.
KILLS = (
    "tests/journeys/test_crash_of_the_worker.py",
    "tests/journeys/test_freeze_and_thaw.py",
    "tests/journeys/test_split_brain.py",
)
CONTRACT = TESTS / "contract"
SECONDS = 1800
# What a part counted: tests that it left out, recordings that agree.
COUNTED = re.compile(r"SKIPPED|.*\b\d+(?:/| of )\d+\b")


@dataclass(frozen=True)
class Part:
    """One pytest of a lane, and its words."""

    name: str
    words: tuple[str, ...]


LANES = (
    (
        Part("journeys", ("tests/journeys", *(f"--ignore={path}" for path in KILLS))),
        Part("contract", ("tests/contract",)),
    ),
    (
        Part("kills", KILLS),
        Part("postgresql", ("-p", "tests.postgres", "-x", "tests/app", ADDING)),
    ),
)


STASHED = pytest.StashKey["Beside"]()


@dataclass
class _End:
    """How a part ended and what it printed, once `over` is set."""

    status: int = -1
    printed: str = ""
    over: threading.Event = field(default_factory=threading.Event)


class Beside:
    """The lanes, each followed by a thread."""

    def __init__(self) -> None:
        self._ends = {part.name: _End() for lane in LANES for part in lane}
        self._closing = threading.Event()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._threads = [
            threading.Thread(target=self._follow, args=(lane,), daemon=True) for lane in LANES
        ]
        for thread in self._threads:
            thread.start()

    def end(self, name: str) -> tuple[int, str]:
        """Wait for a part: its exit status, and what it printed."""
        end = self._ends[name]
        assert end.over.wait(SECONDS), f"{name} has not ended within {SECONDS} s"
        return end.status, end.printed

    def told(self) -> Iterator[str]:
        """What has to be known of each part that is over: its skips and its last line."""
        for name, end in self._ends.items():
            if end.over.is_set() and end.printed:
                lines = end.printed.rstrip().splitlines()
                yield from (f"{name}: {line}" for line in lines[:-1] if COUNTED.match(line))
                yield f"{name}: {lines[-1].strip('= ')}"

    def close(self) -> None:
        """End what still runs; pytest then ends what it started."""
        self._closing.set()
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        for thread in self._threads:
            thread.join(90)

    def _follow(self, lane: tuple[Part, ...]) -> None:
        for part in lane:
            if not self._closing.is_set():
                self._carry_out(part)
            self._ends[part.name].over.set()

    def _carry_out(self, part: Part) -> None:
        end = self._ends[part.name]
        with tempfile.TemporaryFile() as printed:  # not a pipe: nobody reads while it runs
            process = subprocess.Popen(
                [sys.executable, "-m", "pytest", "-rs", *part.words],
                cwd=ROOT,
                stdout=printed,
                stderr=subprocess.STDOUT,
            )
            self._processes.append(process)
            end.status = process.wait()
            printed.seek(0)
            end.printed = printed.read().decode(errors="replace")[-20_000:]


def is_whole(config: pytest.Config) -> bool:
    """Whether this session is to run every test: it names no part of them."""
    named = {(config.invocation_params.dir / word).resolve() for word in config.args}
    return not config.option.keyword and not config.option.markexpr and named <= {ROOT, TESTS}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A whole session leaves journeys and contracts to their lanes; any other waits for no lane."""
    if is_whole(config):
        return True if collection_path in (JOURNEYS, CONTRACT) else None
    return True if collection_path == WAITING_FOR_THEM else None


@pytest.fixture(scope="session")
def beside(request: pytest.FixtureRequest) -> Iterator[Beside]:
    """The lanes, begun; whoever takes it may wait for their ends."""
    lanes = Beside()
    request.config.stash[STASHED] = lanes
    yield lanes
    lanes.close()


@pytest.fixture(scope="session", autouse=True)
def begin_early(request: pytest.FixtureRequest) -> None:
    """Begin before the session's first test when a later one will wait for it."""
    if any("beside" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("beside")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count what the lanes ran and skipped, as pytest does for the session itself."""
    lanes = terminalreporter.config.stash.get(STASHED, None)
    for line in lanes.told() if lanes else ():
        terminalreporter.write_line(line)
