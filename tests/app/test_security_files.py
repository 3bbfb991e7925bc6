"""What the panel's processes write is nobody else's to read."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from hapanel.supervisor.program import Program
from hapanel.supervisor.running_set import RunningSet


def test_files_and_logs_of_the_processes_are_their_owners_alone(tmp_path: Path) -> None:
    database = tmp_path / "hapanel.sqlite3"
    code = f"open({str(database)!r}, 'w').close()"
    with RunningSet(tmp_path, tmp_path) as running:
        running.start(Program("seed", (sys.executable, "-c", code), dict(os.environ), once=True))
        running.finish("seed")
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o700
