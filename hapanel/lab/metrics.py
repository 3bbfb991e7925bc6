"""Measured values as functions of time: what is shown now and what a chart shows later agree."""

import math
import zlib
from dataclasses import dataclass
from functools import cached_property

import msgspec


@dataclass(frozen=True)
class Wave:
    """A value that wanders around `base` by at most `swing` (a fraction of base), never below 0."""

    seed: str
    base: float
    swing: float = 0.4

    def at(self, epoch: float) -> float:
        """The value at that time."""
        return self.base * (1 + self.swing * self._wander(epoch))

    def sum_between(self, start: float, end: float) -> float:
        """Integral over time, for counters. Only the slow part wanders, so that it never falls."""
        if end <= start:
            return 0.0
        slow, phase = self._slow
        wobble = (math.cos(slow * start + phase) - math.cos(slow * end + phase)) / slow
        return self.base * ((end - start) + min(self.swing, 0.9) * wobble)

    @cached_property
    def _slow(self) -> tuple[float, float]:
        number = zlib.crc32(self.seed.encode())
        return math.tau / (240 + number % 180), (number >> 8) % 628 / 100

    def _wander(self, epoch: float) -> float:
        slow, phase = self._slow
        step = math.floor(epoch / 2)
        jump = zlib.crc32(f"{self.seed}/{step}".encode()) / 0xFFFFFFFF * 2 - 1
        return 0.55 * math.sin(slow * epoch + phase) + 0.45 * jump


class GuestGauges:
    """What wanders in one guest: shares of its processors and memory, bytes a second."""

    def __init__(self, seed: str) -> None:
        self.cpu = Wave(f"{seed}/cpu", 0.14, 0.8)
        self.mem = Wave(f"{seed}/mem", 0.62, 0.12)
        self.netin = Wave(f"{seed}/in", 190_000)
        self.netout = Wave(f"{seed}/out", 640_000)
        self.diskread = Wave(f"{seed}/read", 90_000)
        self.diskwrite = Wave(f"{seed}/write", 210_000)


class NodeReport(msgspec.Struct, frozen=True, gc=False):
    """What pvestatd of a node last told the cluster about the node."""

    at: float
    cpu: float
    mem: int
    disk: int
    uptime: int


class GuestReport(msgspec.Struct, frozen=True, gc=False):
    """What pvestatd of a guest's node last told the cluster about the guest."""

    at: float
    status: str
    uptime: int
    cpu: float
    mem: int
    netin: int
    netout: int
    diskread: int
    diskwrite: int
