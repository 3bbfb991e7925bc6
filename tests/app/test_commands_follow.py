"""The follower's own loop: what breaks in it is told, and it goes on."""

from __future__ import annotations

import asyncio

import pytest

from hapanel.commands.management.commands import follow
from hapanel.live import leadership
from hapanel.live.lock import give_back


def test_a_watch_that_breaks_off_is_told_and_the_lead_is_given_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def __init__(self, *_rest: object) -> None:
            return

        async def run(self, _stop: asyncio.Event) -> None:
            raise ValueError("an address that cannot be")

    monkeypatch.setattr(follow, "Prober", Broken)
    monkeypatch.setattr(follow, "LOOK_SECONDS", 0.01)
    hold = leadership.claim()
    assert hold is not None
    asyncio.run(follow._lead(hold, asyncio.Event()))
    assert "a watch broke off" in caplog.text
    assert "an address that cannot be" in caplog.text
    again = leadership.claim()
    assert again is not None
    give_back(again)
