"""How fast is written and sent, from counters that DRBD prints, look by look."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from hapanel.drbd.load import Look, loads_of, look_of, with_look
from hapanel.ports.replication import (
    ConnectionState,
    NodeStatus,
    Peer,
    PeerVolume,
    ReplicationState,
    ResourceState,
    Volume,
)

BEGAN = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
MB = 1_000_000


def status(
    written: int | None,
    sent: int | None,
    received: int | None = 0,
    *,
    congested: bool = False,
    state: ReplicationState = ReplicationState.ESTABLISHED,
    link: ConnectionState = ConnectionState.CONNECTED,
) -> NodeStatus:
    volume = PeerVolume(number=0, replication_state=state, sent=sent, received=received)
    peer = Peer(connection_state=link, congested=congested, volumes=(volume,))
    mine = Volume(number=0, written=written)
    return NodeStatus(resources=(ResourceState(name="rs", volumes=(mine,), peers=(peer,)),))


def looks(told: Iterable[NodeStatus], every: float = 4.0) -> tuple[Look, ...]:
    kept: tuple[Look, ...] = ()
    for place, one in enumerate(told):
        kept = with_look(kept, look_of(one, BEGAN + timedelta(seconds=every * place)))
    return kept


def test_the_guests_writes_are_what_is_written_and_was_not_received() -> None:
    told = [status(10 * MB * n, 4 * MB * n, 6 * MB * n) for n in range(5)]
    [load] = loads_of("rs", "master", looks(told))
    assert (load.seconds, load.write_rate, load.sent_rate) == (16.0, MB, MB)
    assert load.link_rate is None, "it was never full, so nobody knows what it takes"


def test_a_link_that_is_full_in_most_looks_takes_what_is_sent() -> None:
    told = [status(20 * MB * n, 20 * MB * n, congested=n % 3 > 0) for n in range(9)]
    [load] = loads_of("rs", "master", looks(told))
    assert (load.full, load.looks, load.link_rate) == (6, 9, 5 * MB)
    ahead = [status(MB * n, MB * n, state=ReplicationState.AHEAD) for n in range(5)]
    assert loads_of("rs", "master", looks(ahead))[0].link_rate is not None
    down = [status(MB * n, 0, congested=True, link=ConnectionState.CONNECTING) for n in range(5)]
    assert loads_of("rs", "master", looks(down))[0].link_rate is None


def test_counters_that_begin_anew_are_not_counted_backwards() -> None:
    told = [status(900 * MB, 900 * MB), *(status(4 * MB * n, 4 * MB * n) for n in range(4))]
    [load] = loads_of("rs", "master", looks(told))
    assert (load.seconds, load.write_rate) == (12.0, MB)
    assert loads_of("rs", "master", looks(told[:3])) == ()


def test_too_short_a_time_and_counters_that_are_not_told_say_nothing() -> None:
    assert loads_of("rs", "master", looks([status(n, n) for n in range(2)])) == ()
    for untold in (status(None, 1), status(1, None), status(1, 1, None)):
        assert look_of(untold, BEGAN).counts == {}
    assert loads_of("other", "master", looks([status(n, n) for n in range(5)])) == ()


def test_a_minute_is_kept_however_often_is_looked() -> None:
    kept = looks([status(n * MB, n * MB) for n in range(200)], every=0.5)
    assert len(kept) <= 17
    assert kept[-1].at - kept[0].at <= timedelta(seconds=60)
    [load] = loads_of("rs", "master", kept)
    assert load.write_rate == 2 * MB
