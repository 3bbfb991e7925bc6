"""Readiness and forecast say the same of each guest, though one looks and the other runs ahead."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hapanel.ha.forecast.oracle import Oracle
from hapanel.ha.forecast.outcome import Outcome
from hapanel.ha.forecast.snapshot import Snapshot
from tests.pure.ha.forecast.test_truth_table import TABLE as FORETOLD
from tests.pure.ha.readiness.test_truth_table import TABLE, judged


def distinct() -> Iterator[tuple[str, Snapshot]]:
    """Both tables' situations; rows that say different things of the same one have it once."""
    told: list[Snapshot] = []
    for name, row in (FORETOLD | TABLE).items():
        if row.seen not in told:
            told.append(row.seen)
            yield name, row.seen


def lost(seen: Snapshot) -> set[int]:
    """Guests under HA that do not come back from the death of some node."""
    return {
        guest.vmid
        for told in Oracle(seen).each()
        for guest in told.guests
        if guest.outcome in (Outcome.LOST, Outcome.FAILS_THERE)
    }


@pytest.mark.parametrize("seen", [pytest.param(seen, id=name) for name, seen in distinct()])
def test_guests_at_risk_are_those_that_the_forecast_loses(seen: Snapshot) -> None:
    assert {each.vmid for each in judged(seen).at_risk} == lost(seen)
