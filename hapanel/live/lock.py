"""A lock in Redis that survives neither its holder nor a crash for long.

The key lives for a few seconds only and one thread per process renews all keys that are held. So a
round may take as long as its time-outs allow, while the lock of a worker that was killed is free
again after LIFETIME_SECONDS.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from redis import RedisError

from hapanel.live.stream import connection

LIFETIME_SECONDS = 6.0
RENEW_SECONDS = 1.5
# A holder that hangs for ever must not hold for ever.
LONGEST_HOLD_SECONDS = 180.0

# Both only touch the key while it is still ours: it may have run out and be somebody else's by now.
_RENEW = """
if redis.call('get', KEYS[1]) == ARGV[1] then
  return redis.call('pexpire', KEYS[1], ARGV[2])
end
return 0
"""
_RELEASE = """
if redis.call('get', KEYS[1]) == ARGV[1] then
  return redis.call('del', KEYS[1])
end
return 0
"""

logger = logging.getLogger(__name__)


@dataclass
class Hold:
    """One lock that is held. `is_lost` turns True when it ran out or was taken away."""

    key: str
    token: str
    since: float = field(default_factory=time.monotonic)
    is_lost: bool = False

    def renew(self) -> None:
        """Prolong the key's life, or notice that it is gone."""
        if time.monotonic() - self.since > LONGEST_HOLD_SECONDS:
            self.is_lost = True
            return
        milliseconds = int(LIFETIME_SECONDS * 1000)
        self.is_lost = not connection().eval(_RENEW, 1, self.key, self.token, milliseconds)

    def go_on(self) -> None:
        """Said by a holder that is meant to hold for ever, while it does its work."""
        self.since = time.monotonic()

    def release(self) -> None:
        """Free the key when it is still ours. Without Redis it runs out by itself."""
        try:
            connection().eval(_RELEASE, 1, self.key, self.token)
        except RedisError:
            logger.warning("the lock %s could not be released; it runs out by itself", self.key)


class _Keeper:
    """The thread that renews what is held in this process. It starts with the first lock and lives
    as long as the process: a thread that sleeps costs less than one started for each lock."""

    def __init__(self) -> None:
        self._by_id: dict[int, Hold] = {}
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, hold: Hold) -> None:
        with self._guard:
            self._by_id[id(hold)] = hold
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="lock-keeper", daemon=True)
                self._thread.start()

    def remove(self, hold: Hold) -> None:
        with self._guard:
            self._by_id.pop(id(hold), None)

    def _run(self) -> None:
        while True:
            time.sleep(RENEW_SECONDS)
            with self._guard:
                holds = [hold for hold in self._by_id.values() if not hold.is_lost]
            for hold in holds:
                self._renew(hold)

    @staticmethod
    def _renew(hold: Hold) -> None:
        try:
            hold.renew()
        except RedisError:
            logger.warning("the lock %s could not be renewed", hold.key)


_keeper = _Keeper()


@contextmanager
def held(name: str) -> Iterator[Hold | None]:
    """Hold the lock `name` for the block; None when somebody else holds it.

    Raises RedisError when Redis does not answer.
    """
    hold = take(name)
    try:
        yield hold
    finally:
        if hold is not None:
            give_back(hold)


def take(name: str) -> Hold | None:
    """Take the lock `name` until `give_back`; None when somebody else holds it."""
    hold = Hold(_key(name), secrets.token_hex(8))
    if not connection().set(hold.key, hold.token, nx=True, px=int(LIFETIME_SECONDS * 1000)):
        return None
    _keeper.add(hold)
    return hold


def give_back(hold: Hold) -> None:
    """Free a lock that was taken."""
    _keeper.remove(hold)
    hold.release()


def is_held(name: str) -> bool:
    """Whether somebody holds the lock `name` right now. Raises RedisError."""
    return bool(connection().exists(_key(name)))


def _key(name: str) -> str:
    return f"hapanel:lock:{name}"
