"""What ran beside the session has passed."""

from __future__ import annotations

from tests.beside import Beside


def test_the_journeys_pass(beside: Beside) -> None:
    """Whole demos and a real browser: tests/journeys."""
    status, printed = beside.end("journeys")
    assert status == 0, printed


def test_the_app_tests_pass_on_postgresql_too(beside: Beside) -> None:
    """The production database must behave like the embedded one: the same tests, on both."""
    status, printed = beside.end("postgresql")
    assert status == 0, printed
    assert "database: postgresql" in printed, printed


def test_the_journeys_through_kills_and_frozen_nodes_pass(beside: Beside) -> None:
    """kill -9 of the worker, every API frozen, a cable cut: the journeys that mostly wait."""
    status, printed = beside.end("kills")
    assert status == 0, printed


def test_the_contract_tests_pass(beside: Beside) -> None:
    """The gateways against real answers, the lab against recordings and other people's clients."""
    status, printed = beside.end("contract")
    assert status == 0, printed
