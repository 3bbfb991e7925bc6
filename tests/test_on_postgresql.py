"""The production database must behave like the embedded one: the same tests, on both."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

ROOT = Path(__file__).resolve().parents[1]
# The one contract test that keeps records; the others know no database.
ADDING = "tests/contract/test_add_cluster_lab.py"


@pytest.mark.skipif(connection.vendor == "postgresql", reason="this run is on PostgreSQL already")
def test_the_app_tests_pass_on_postgresql_too() -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.postgres", "-x", "tests/app", ADDING],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    report = finished.stdout[-6000:] + finished.stderr[-2000:]
    assert finished.returncode == 0, report
    assert "database: postgresql" in finished.stdout, report
