"""Event streams: who gets which hints, how they are resumed, and when they end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from django.test import Client

from hapanel.access import Permission
from hapanel.accounts.models import ApiToken, User
from hapanel.accounts.visitors import permissions_of
from hapanel.live import hub as hub_module
from hapanel.live import sse
from hapanel.live.hints import Hint
from hapanel.live.hub import Hub
from hapanel.live.sse import EventStreams
from hapanel.live.stream import STREAM, Kind, connection, publish
from tests import machine

pytestmark = pytest.mark.django_db(transaction=True)

EVERYTHING = frozenset(Permission)


class Visit:
    """One request to the event streams, and what came back so far."""

    def __init__(self, streams: EventStreams, query: str = "", **headers: str) -> None:
        self.status = 0
        self.text = ""
        self.is_over = False
        self._gone = asyncio.Event()
        raw = [(name.replace("_", "-").encode(), v.encode()) for name, v in headers.items()]
        scope = {
            "type": "http",
            "method": "GET",
            "path": sse.PATH,
            "headers": raw,
            "query_string": query.encode(),
        }
        self._task = asyncio.create_task(self._run(streams, scope))

    async def _run(self, streams: EventStreams, scope: dict[str, Any]) -> None:
        await streams(scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.text += message["body"].decode()
            self.is_over = not message["more_body"]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.01)

    async def leave(self) -> None:
        self._gone.set()
        await asyncio.wait_for(self._task, 5)

    def hints(self) -> list[dict[str, str]]:
        lines = [line for line in self.text.splitlines() if line.startswith("data: ")]
        return [json.loads(line.removeprefix("data: ")) for line in lines]


def _play(
    story: Callable[[EventStreams], Awaitable[None]],
    who: frozenset[Permission] | None = EVERYTHING,
) -> None:
    async def run() -> None:
        hub = Hub(f"unix://{machine.REDIS_FOLDER / 'redis.sock'}?db=0")
        try:
            await story(EventStreams(hub, lambda headers: who))
        finally:
            await hub.stop()

    asyncio.run(run())


async def _publish(*hints: tuple[str, Kind, str]) -> None:
    await asyncio.to_thread(publish, hints)


def test_a_hint_reaches_an_open_stream() -> None:
    async def story(streams: EventStreams) -> None:
        visit = Visit(streams)
        await visit.until(lambda: "retry:" in visit.text)
        await _publish(("clusterubd", Kind.GUEST, "100"))
        await visit.until(lambda: bool(visit.hints()))
        assert visit.status == 200
        assert visit.hints() == [{"cluster": "clusterubd", "kind": "guest", "key": "100"}]
        assert "event: changed" in visit.text
        await visit.leave()

    _play(story)


def test_only_hints_that_somebody_may_have_reach_her() -> None:
    async def story(streams: EventStreams) -> None:
        visit = Visit(streams)
        await visit.until(lambda: "retry:" in visit.text)
        await _publish(("", Kind.AUDIT, "1"), ("clusterubd", Kind.SERVICE, "7"))
        await visit.until(lambda: bool(visit.hints()))
        assert [hint["kind"] for hint in visit.hints()] == ["service"]
        await visit.leave()

    _play(story, frozenset({Permission.SEE_SERVICES}))


def test_nobody_gets_a_401_and_somebody_without_a_role_a_403() -> None:
    async def refused(streams: EventStreams) -> None:
        visit = Visit(streams)
        await visit.until(lambda: visit.is_over)
        assert (visit.status, json.loads(visit.text)["code"]) == (401, "not-signed-in")

    async def without_role(streams: EventStreams) -> None:
        visit = Visit(streams)
        await visit.until(lambda: visit.is_over)
        assert visit.status == 403

    _play(refused, None)
    _play(without_role, frozenset())


def test_a_cut_stream_is_resumed_where_it_was_cut() -> None:
    publish([("c", Kind.GUEST, str(n)) for n in range(5)])
    kept: Any = connection().xrange(STREAM)
    ids = [raw.decode() for raw, _ in kept]

    async def story(streams: EventStreams) -> None:
        visit = Visit(streams, last_event_id=ids[2])
        await visit.until(lambda: len(visit.hints()) == 2)
        await _publish(("c", Kind.GUEST, "5"))
        await visit.until(lambda: len(visit.hints()) == 3)
        assert [hint["key"] for hint in visit.hints()] == ["3", "4", "5"]
        await visit.leave()
        by_query = Visit(streams, query=f"last_event_id={ids[3]}")
        await by_query.until(lambda: len(by_query.hints()) >= 2)
        assert by_query.hints()[0]["key"] == "4"
        await by_query.leave()

    _play(story)


@pytest.mark.parametrize("last_id", ["1-1", "nonsense", "99999999999999-0"])
def test_an_id_that_is_not_known_any_more_resets(last_id: str) -> None:
    publish([("c", Kind.GUEST, "1")])

    async def story(streams: EventStreams) -> None:
        visit = Visit(streams, last_event_id=last_id)
        await visit.until(lambda: "event: reset" in visit.text)
        await visit.leave()

    _play(story)


def test_a_browser_that_is_too_slow_is_told_to_fetch_everything() -> None:
    async def story() -> None:
        subscriber = hub_module.Subscriber(EVERYTHING)
        for n in range(hub_module.QUEUED + 5):
            subscriber.offer(Hint(b"%d" % n, Permission.SEE_CLUSTERS, (n, 0)))
        first = await subscriber.get()
        assert first is not None
        assert first.startswith(b"event: reset")

    asyncio.run(story())


def test_a_signed_out_persons_stream_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "CHECK_SECONDS", 0.1)

    async def story(_unused: EventStreams) -> None:
        hub = Hub(f"unix://{machine.REDIS_FOLDER / 'redis.sock'}?db=0")
        there: list[frozenset[Permission] | None] = [EVERYTHING]
        visit = Visit(EventStreams(hub, lambda headers: there[0]))
        await visit.until(lambda: "retry:" in visit.text)
        there[0] = None
        await visit.until(lambda: visit.is_over)
        await hub.stop()

    _play(story)


def test_an_open_stream_counts_as_attention_and_tells_when_a_cluster_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub_module, "SEEN_SECONDS", 0.1)
    connection().hset("hapanel:seen", "clusterubd", "2026-11-23T08:00:00+00:00")

    async def story(streams: EventStreams) -> None:
        visit = Visit(streams)
        await visit.until(lambda: bool(visit.hints()))
        hint = {"cluster": "clusterubd", "kind": "seen", "key": "2026-11-23T08:00:00+00:00"}
        assert visit.hints() == [hint]
        await visit.leave()

    _play(story)
    assert connection().exists("hapanel:watched")


def test_without_redis_streams_are_refused_with_a_remedy() -> None:
    async def story() -> None:
        streams = EventStreams(Hub("unix:///nowhere/redis.sock"), lambda headers: EVERYTHING)
        visit = Visit(streams)
        await visit.until(lambda: visit.is_over)
        assert (visit.status, json.loads(visit.text)["code"]) == (503, "panel-incomplete")

    asyncio.run(story())


def test_a_session_a_token_and_nobody_are_told_apart(oda: User) -> None:
    client = Client()
    client.force_login(oda)
    cookie = f"sessionid={client.cookies['sessionid'].value}"
    _token, secret = ApiToken.issue(oda, "script")
    by_session = permissions_of({"cookie": cookie})
    assert by_session is not None
    assert Permission.MIGRATE_GUESTS in by_session
    assert permissions_of({"authorization": f"Bearer {secret}"}) == by_session
    assert permissions_of({"authorization": "Bearer hap_wrong"}) is None
    assert permissions_of({"cookie": "sessionid=wrong"}) is None
    client.logout()
    assert permissions_of({"cookie": cookie}) is None
