"""Which address to ask: in the order of preference, dead ones left alone for a while."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 30.0


@dataclass(slots=True)
class Address:
    """What is remembered of one address. Moments are of the address book's clock."""

    url: str
    failures: int = 0
    retry_at: float = 0.0
    last_error: str = ""
    node: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One address to ask.

    is_trial: it was dead at the last attempt, while another one answers.
    is_direct: the node that the call is about answers there itself.
    """

    url: str
    is_trial: bool
    is_direct: bool


@dataclass(slots=True)
class AddressBook:
    """The addresses of one cluster and how they fared.

    An address that failed is skipped for 2 s, then 4 s and so on up to 30 s, a fifth more or less
    by chance so that many clusters' trials spread out. Then it is tried again in its old place;
    so the preferred one is used again as soon as it answers. When none is known to answer, all
    are tried, those first whose pause ends first.
    """

    urls: Sequence[str]
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[float, float], float] = random.uniform
    _entries: dict[str, Address] = field(init=False)
    _preferred: str | None = None
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._entries = {url: Address(url) for url in self.urls}

    def attempts(self, about: str | None = None) -> tuple[Attempt, ...]:
        """The addresses to ask in turn; that of the node which the call is about comes first."""
        with self._lock:
            now = self.clock()
            entries = sorted(self._entries.values(), key=lambda e: e.url != self._preferred)
            entries.sort(key=lambda e: e.node != about or not about)
            ready = [e for e in entries if e.retry_at <= now]
            someone_answers = any(not e.failures for e in ready)
            if not someone_answers:
                resting = [e for e in entries if e.retry_at > now]
                ready += sorted(resting, key=lambda e: e.retry_at)
            return tuple(
                Attempt(
                    e.url,
                    is_trial=bool(e.failures) and someone_answers,
                    is_direct=about is not None and e.node == about,
                )
                for e in ready
            )

    def attempts_at_all(self) -> tuple[Attempt, ...]:
        """Every address, whatever is known of it: for whoever wants this very one."""
        with self._lock:
            return tuple(Attempt(url, is_trial=False, is_direct=False) for url in self._entries)

    def prefer(self, url: str | None) -> None:
        """Ask this address first, until another one or none is preferred."""
        with self._lock:
            self._preferred = url if url in self._entries else None

    def answered(self, url: str) -> None:
        """The address gave a good answer."""
        with self._lock:
            entry = self._entries[url]
            entry.failures, entry.retry_at, entry.last_error = 0, 0.0, ""

    def failed(self, url: str, error: str) -> int:
        """The address gave none; leave it alone for a while. How often that was so in a row."""
        with self._lock:
            entry = self._entries[url]
            entry.failures += 1
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(entry.failures - 1, 10))
            entry.retry_at = self.clock() + pause * self.chance(0.8, 1.2)
            entry.last_error = error
            return entry.failures

    def belongs_to(self, url: str, node: str) -> None:
        """The node that answers at this address, as it says itself."""
        with self._lock:
            self._entries[url].node = node

    def entries(self) -> tuple[Address, ...]:
        """Copies of what is remembered, in the order of preference."""
        with self._lock:
            return tuple(
                Address(e.url, e.failures, e.retry_at, e.last_error, e.node)
                for e in self._entries.values()
            )
