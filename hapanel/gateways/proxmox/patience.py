"""How long a connection waits: a total per answer, and a pulse that tells a dead peer early.

The read timeouts of http clients count from one received byte to the next, so a peer that drips
one byte now and then holds them for ever. And a call that Proxmox hands on to another node may
rightly be silent for 30 s, while a crashed machine is silent too. So a `PatientSocket` ends at a
deadline whatever arrives, and asks between two waits whether the peer still shakes hands.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How patient a gateway is, in seconds.

    connect: until TLS stands. trial: for the version of an address that was dead at the last
    attempt while another one answers. look: what is asked about the whole cluster, which any node
    answers by itself. direct: what a node is asked about itself. proxied: what it may hand on to
    another node; Proxmox gives up by itself after 30 s. write: the same for changes. pulse: after
    how much silence the peer is first asked for a sign of life.
    """

    connect: float = 2.0
    trial: float = 1.0
    look: float = 5.0
    direct: float = 10.0
    proxied: float = 35.0
    write: float = 40.0
    pulse: float = 2.0


# Between two signs of life of a peer that takes its time.
_LONGEST_PULSE = 5.0


@dataclass(slots=True)
class Pulse:
    """How a silent peer is watched: asked after `seconds`, given up after `misses` in a row.

    A read that is given up too early is asked elsewhere; a write that is, leaves a person in
    doubt, so a busy peer is given a second chance there.
    """

    is_alive: Callable[[], bool]
    seconds: float
    misses: int = 1
    _missed: int = 0

    def is_gone(self) -> bool:
        """Ask for a sign of life, and wait a little longer for the next one."""
        self._missed = 0 if self.is_alive() else self._missed + 1
        self.seconds = min(self.seconds * 1.5, max(self.seconds, _LONGEST_PULSE))
        return self._missed >= self.misses


class PatientSocket(ssl.SSLSocket):
    """A TLS socket whose reads share one deadline (set by `expect_answer`)."""

    _deadline: float | None = None
    _seconds: float = 0.0
    _pulse: Pulse | None = None

    def expect_answer(self, seconds: float, pulse: Pulse) -> None:
        """Start the clock for one answer, header and body."""
        self._deadline = time.monotonic() + seconds
        self._seconds = seconds
        self._pulse = pulse

    def recv_into(self, buffer: WriteableBuffer, nbytes: int | None = None, flags: int = 0) -> int:
        """As SSLSocket's. Raises TimeoutError at the deadline or when the peer is gone."""
        if self._deadline is None or self._pulse is None:
            return super().recv_into(buffer, nbytes, flags)
        while True:
            self.settimeout(min(self._remaining(self._deadline), self._pulse.seconds))
            try:
                return super().recv_into(buffer, nbytes, flags)
            except TimeoutError:
                pass  # what is raised below shall not have this one for its cause
            waited = self._seconds - self._remaining(self._deadline)
            if self._pulse.is_gone():
                raise TimeoutError(f"no answer within {waited:.0f} s and no sign of life since")

    def _remaining(self, deadline: float) -> float:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError(f"no whole answer within {self._seconds:g} s")
        return remaining
