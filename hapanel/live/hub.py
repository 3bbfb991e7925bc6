"""One reader of the Redis stream per process, which hands each hint to everybody who may have it.

A browser that is too slow to take its hints is told to fetch everything (reset) instead of
being queued for without end. When Redis is gone all streams end, and browsers poll.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from hapanel.access import Permission
from hapanel.live.attention import WATCHED_FOR_SECONDS, Watched
from hapanel.live.hints import RESET, Hint, HintId, parse_id
from hapanel.live.pulse import SEEN_KEY
from hapanel.live.stream import STREAM

QUEUED = 256
MOST_STREAMS = 4000
REPLAYED = 1000
BLOCK_MS = 5000
SEEN_SECONDS = 2.0
RETRY_SECONDS = 2.0

logger = logging.getLogger(__name__)


class HubUnavailable(Exception):
    """Redis does not answer, or there are as many streams as this process takes."""


class Subscriber:
    """One open stream's queue. `get` gives frames; None is the end."""

    def __init__(self, permissions: frozenset[Permission]) -> None:
        self.permissions = permissions
        self._queue: asyncio.Queue[Hint | None] = asyncio.Queue(QUEUED)
        self._overflowed = False
        self._ended = False
        self._after: HintId | None = None

    def offer(self, hint: Hint) -> None:
        """Queue the hint when this stream may have it; forget all of them when it is too slow."""
        if hint.permission not in self.permissions:
            return
        try:
            self._queue.put_nowait(hint)
        except asyncio.QueueFull:
            self._overflowed = True
            while not self._queue.empty():
                self._queue.get_nowait()
            self._queue.put_nowait(hint)

    def skip_until(self, last: HintId) -> None:
        """Everything up to `last` was sent already."""
        self._after = last

    def end(self) -> None:
        """Let `get` say that this stream is over."""
        self._ended = True
        with suppress(asyncio.QueueFull):
            self._queue.put_nowait(None)

    async def get(self) -> bytes | None:
        """The next frames, all that wait already in one; None when the stream is over."""
        while True:
            hints = [await self._queue.get()]
            while not self._queue.empty():
                hints.append(self._queue.get_nowait())
            if self._ended:
                return None
            frames = b"".join(hint.frame for hint in hints if hint and self._is_news(hint))
            if self._overflowed:
                self._overflowed = False
                return RESET + frames
            if frames:
                return frames

    def _is_news(self, hint: Hint) -> bool:
        return hint.id is None or self._after is None or hint.id > self._after


class Hub:
    """The process's reader and its subscribers. Belongs to one event loop."""

    def __init__(self, redis_url: str) -> None:
        self._url = redis_url
        self._subscribers: set[Subscriber] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._redis: Any = None
        self._is_reading = False

    def start(self) -> None:
        """Begin to read; safe to call again."""
        if not self._tasks:
            # A socket that stays silent for longer than a blocking read is broken.
            self._redis = Redis.from_url(self._url, socket_timeout=BLOCK_MS / 1000 + 5)
            self._tasks = [
                asyncio.create_task(self._read_for_ever(), name="live-reader"),
                asyncio.create_task(self._beat_for_ever(), name="live-beat"),
            ]

    async def stop(self) -> None:
        """End all streams and the reading."""
        self.end_streams()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._redis is not None:
            await self._redis.aclose()
            self._redis = None

    def end_streams(self) -> None:
        """End every stream that is open now; their browsers come again."""
        for subscriber in self._subscribers:
            subscriber.end()

    async def subscribe(self, permissions: frozenset[Permission]) -> Subscriber:
        """A new stream. Raises HubUnavailable."""
        self.start()
        if len(self._subscribers) >= MOST_STREAMS:
            raise HubUnavailable("too many streams")
        try:
            await self._note_watchers()
        except (RedisError, OSError) as error:
            raise HubUnavailable(str(error)) from error
        subscriber = Subscriber(permissions)
        self._subscribers.add(subscriber)
        return subscriber

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """The stream is closed."""
        self._subscribers.discard(subscriber)

    async def missed(self, subscriber: Subscriber, last_id: str) -> bytes:
        """What was sent since `last_id`, or a reset when that is not known any more.

        Call it after `subscribe`: what comes meanwhile is queued. Raises HubUnavailable.
        """
        last = parse_id(last_id)
        if last is None:
            return RESET
        try:
            oldest = await self._redis.xrange(STREAM, count=1)
            newest = await self._redis.xrevrange(STREAM, count=1)
            newer = await self._redis.xrange(STREAM, min=f"({last_id.strip()}", count=REPLAYED + 1)
        except (RedisError, OSError) as error:
            raise HubUnavailable(str(error)) from error
        # Outside of what is kept: too old, or from before Redis lost its memory.
        is_known = bool(oldest) and _id_of(oldest[0]) <= last <= _id_of(newest[0])
        if not is_known or len(newer) > REPLAYED:
            return RESET
        hints = list(_hints(newer))
        if hints and hints[-1].id is not None:
            subscriber.skip_until(hints[-1].id)
        return b"".join(h.frame for h in hints if h.permission in subscriber.permissions)

    async def newest_id(self) -> str:
        """The id of the last hint, from which a stream that is cut can be resumed."""
        try:
            newest = await self._redis.xrevrange(STREAM, count=1)
        except (RedisError, OSError) as error:
            raise HubUnavailable(str(error)) from error
        return newest[0][0].decode() if newest else ""

    async def _read_for_ever(self) -> None:
        while True:
            try:
                # An id and not "$", which would miss what comes between two readings.
                await self._read_from(await self.newest_id() or "0-0")
            except (RedisError, OSError, HubUnavailable) as error:
                logger.warning("live hints stop, Redis does not answer: %s", error)
                self.end_streams()
                await asyncio.sleep(RETRY_SECONDS)

    async def _read_from(self, last: str) -> None:
        """Hand out everything after `last`. Raises RedisError when Redis goes away."""
        while True:
            found = await self._redis.xread({STREAM: last}, block=BLOCK_MS, count=500)
            entries = found[0][1] if found else []
            for hint in _hints(entries):
                for subscriber in self._subscribers:
                    subscriber.offer(hint)
            if entries:
                last = entries[-1][0].decode()

    async def _beat_for_ever(self) -> None:
        """While anybody listens: say so upstream, and tell when each cluster answered last."""
        known: dict[bytes, bytes] = {}
        while True:
            await asyncio.sleep(SEEN_SECONDS)
            if not self._subscribers:
                continue
            try:
                await self._note_watchers()
                seen = await self._redis.hgetall(SEEN_KEY)
            except (RedisError, OSError):
                continue
            for cluster, at in seen.items():
                if known.get(cluster) != at:
                    hint = Hint.seen(cluster.decode(), at.decode())
                    for subscriber in self._subscribers:
                        subscriber.offer(hint)
            known = seen

    async def _note_watchers(self) -> None:
        await self._redis.set(Watched.CLUSTERS.value, 1, ex=WATCHED_FOR_SECONDS)


def _hints(entries: Iterable[Any]) -> Iterable[Hint]:
    for raw_id, fields in entries:
        texts = {name.decode(): value.decode() for name, value in fields.items()}
        yield Hint.of_entry(raw_id.decode(), texts)


def _id_of(entry: Any) -> HintId:
    return parse_id(entry[0].decode()) or (0, 0)
