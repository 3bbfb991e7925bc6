"""People and facts that every kind of test may use."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection

from tests import machine


@pytest.fixture(scope="session")
def facts() -> Path:
    """The folder with the recorded facts; tests that need it are skipped where it is absent."""
    if not machine.FACTS.is_dir():
        pytest.skip("the recorded facts are not beside this checkout")
    return machine.FACTS


ORDER = ("pure", "app", "contract", "journeys", "test_beside.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is quick and exact first; journeys last: their browser keeps an event loop running."""

    def place(item: pytest.Item) -> int:
        return next((n for n, name in enumerate(ORDER) if name in item.path.parts), 0)

    items.sort(key=place)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says which database it was, and counts what was skipped for want of the recorded facts."""
    terminalreporter.write_line(f"database: {connection.vendor}")
    skipped = terminalreporter.stats.get("skipped", [])
    without_facts = [r for r in skipped if "recorded facts" in str(r.longrepr)]
    if without_facts:
        terminalreporter.write_line(
            f"{len(without_facts)} tests were skipped: the recorded facts are absent"
        )
