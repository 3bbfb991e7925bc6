"""How much is asked of one cluster: counted, and held within bounds.

A Proxmox node answers through three single-threaded workers, so a panel that asks many things at
once keeps its administrators waiting. One look serves everybody; what comes on top waits in line.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from hapanel.ports.cluster_gateway import MOST_READS, MOST_WRITES
from hapanel.ports.errors import Unreachable


class Traffic:
    """The counters of one cluster's gateway, and its bounds.

    calls: requests sent, sign-ins included. retries: those among them that were sent again, to the
    same address or to another one. connections: how many are open now.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reads = threading.BoundedSemaphore(MOST_READS)
        self._writes = threading.BoundedSemaphore(MOST_WRITES)
        self.calls = 0
        self.retries = 0
        self.connections = 0

    @contextmanager
    def call(self, address: str, *, writes: bool, seconds: float) -> Iterator[None]:
        """One request, counted and held back while too many are under way.

        Raises Unreachable when it had to wait longer than `seconds`: then nothing was sent.
        """
        slots = self._writes if writes else self._reads
        if not slots.acquire(timeout=seconds):
            raise Unreachable("too many calls of the panel are under way", address=address)
        try:
            with self._lock:
                self.calls += 1
            yield
        finally:
            slots.release()

    def again(self) -> None:
        """A request is about to be sent once more."""
        with self._lock:
            self.retries += 1

    def opened(self, count: int = 1) -> None:
        """So many connections were opened (or, below zero, closed)."""
        with self._lock:
            self.connections += count
