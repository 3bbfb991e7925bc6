"""The production database must behave like the embedded one: the same tests, on both."""

from __future__ import annotations

from tests.second_run import SecondRun


def test_the_app_tests_pass_on_postgresql_too(second_run: SecondRun) -> None:
    status, printed = second_run.end()
    assert status == 0, printed
    assert "database: postgresql" in printed, printed
