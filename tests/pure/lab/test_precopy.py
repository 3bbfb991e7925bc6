"""Memory moves pass by pass, as long as it takes."""

from __future__ import annotations

import pytest

from hapanel.lab.migration import lines
from hapanel.lab.migration.arithmetic import MIB, PreCopy

GBIT = 1e9 / 8


def copy(**changes: float) -> PreCopy:
    """Four GiB, all in use, of which 30 MiB a second are written again."""
    start: dict[str, float] = {
        "memory": 4096 * MIB, "resident": 1.0, "dirty_rate": 30 * MIB, "working_set": 1024 * MIB,
    }  # fmt: skip
    return PreCopy(**{**start, **changes})  # type: ignore[arg-type]


def seconds_until_ready(what: PreCopy, rate: float, limit: float = 3600) -> float:
    """Wall seconds until the guest may be stopped."""
    passed = 0.0
    while not what.is_ready:
        what.advance(0.1, rate)
        passed += 0.1
        assert passed < limit, "never converges"
    return passed


def test_an_idle_guest_takes_its_memory_over_the_link() -> None:
    idle = copy(dirty_rate=0)
    assert seconds_until_ready(idle, GBIT) == pytest.approx(4096 * MIB / GBIT, rel=0.02)
    assert idle.passes == 1


def test_a_busy_guest_takes_longer_and_more_passes() -> None:
    busy, idle = copy(), copy(dirty_rate=0)
    assert seconds_until_ready(busy, GBIT) > seconds_until_ready(idle, GBIT) * 1.2
    assert busy.passes > 2
    assert busy.transferred > idle.transferred


def test_with_speed_the_wall_time_shrinks_and_the_amounts_stay() -> None:
    plain, fast = copy(), copy(speed=6)
    slow_seconds = seconds_until_ready(plain, GBIT)
    assert seconds_until_ready(fast, GBIT * 6) == pytest.approx(slow_seconds / 6, rel=0.03)
    assert fast.transferred == pytest.approx(plain.transferred, rel=0.01)


def test_with_speed_the_downtime_stays_real() -> None:
    plain, fast = copy(), copy(speed=6)
    seconds_until_ready(plain, GBIT)
    seconds_until_ready(fast, GBIT * 6)
    assert fast.downtime_ms(GBIT, 30) == pytest.approx(plain.downtime_ms(GBIT, 30), abs=3)
    assert plain.downtime_ms(GBIT, 30) <= 130


def test_a_guest_that_writes_faster_than_the_link_is_throttled_until_it_fits() -> None:
    wild = copy(dirty_rate=200 * MIB)
    seconds_until_ready(wild, GBIT)
    assert wild.throttle > 0
    assert wild.raised_limits == [200 * 2**n for n in range(len(wild.raised_limits))]


def test_nothing_moves_over_a_cut_link() -> None:
    stuck = copy()
    stuck.advance(60, 0)
    assert stuck.transferred == 0
    assert not stuck.is_ready


def test_the_dirty_rate_is_in_the_line_only_while_it_wins() -> None:
    what = copy()
    what.advance(10, GBIT)
    assert lines.progress(what, GBIT) == (
        "migration active, transferred 1.2 GiB of 4.0 GiB VM-state, 119.2 MiB/s"
    )
    assert lines.progress(what, GBIT / 10).endswith(
        "11.9 MiB/s, VM dirties lots of memory: 30.0 MiB/s"
    )


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0.0 B"), (1023, "1023.0 B"), (4096 * 1024, "4.0 MiB"), (272.8 * MIB, "272.8 MiB")],
)
def test_bytes_are_rendered_with_one_decimal(amount: float, text: str) -> None:
    assert lines.render_bytes(amount) == text


def test_a_duration_may_have_more_than_two_digits_of_hours() -> None:
    assert lines.duration(67) == "00:01:07"
    assert lines.duration(100 * 3600 + 61) == "100:01:01"


@pytest.mark.parametrize(
    ("mib", "text"), [(128, "16.0 MiB"), (256, "32.0 MiB"), (4096, "512.0 MiB")]
)
def test_the_delta_cache_is_an_eighth_of_the_memory(mib: int, text: str) -> None:
    assert lines.cache_size(mib * MIB) == f"migration cachesize: {text}"
