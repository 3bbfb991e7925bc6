"""Readiness and forecast say the same of each guest, though one looks and the other runs ahead."""

from __future__ import annotations

import pytest

from hapanel.ha.forecast.oracle import Oracle
from hapanel.ha.forecast.outcome import Outcome
from hapanel.ha.forecast.snapshot import Snapshot
from tests.pure.ha.forecast.test_truth_table import TABLE as FORETOLD
from tests.pure.ha.readiness.test_truth_table import TABLE, judged

SITUATIONS = {name: row.seen for name, row in FORETOLD.items()} | {
    name: row.seen for name, row in TABLE.items()
}


def lost(seen: Snapshot) -> set[int]:
    """Guests under HA that do not come back from the death of some node."""
    return {
        guest.vmid
        for told in Oracle(seen).each()
        for guest in told.guests
        if guest.outcome in (Outcome.LOST, Outcome.FAILS_THERE)
    }


@pytest.mark.parametrize("name", SITUATIONS)
def test_guests_at_risk_are_those_that_the_forecast_loses(name: str) -> None:
    seen = SITUATIONS[name]
    assert {each.vmid for each in judged(seen).at_risk} == lost(seen)
