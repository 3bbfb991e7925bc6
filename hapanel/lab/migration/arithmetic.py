"""How long memory takes to move: QEMU's pre-copy, pass by pass. Pure.

Time scale: with `speed` the wall clock runs short, so link and dirty rate count `speed` times
and the amounts stay what they are. Bytes over wall seconds is then the rate that the log shows.
Only the last stop, the downtime, is computed with the real link: it is never shortened.
"""

from dataclasses import dataclass, field

MIB = 1024 * 1024
PAGE = 4096
VIDEO_RAM = int(16.8 * MIB)
FIRST_DOWNTIME_LIMIT_MS = 100
MAX_DOWNTIME_LIMIT_MS = 2_000_000
FIRST_THROTTLE = 0.2
NEXT_THROTTLE = 0.1
MAX_THROTTLE = 0.99


@dataclass
class PreCopy:
    """The state of one memory transfer. Bytes; rates in bytes per wall second."""

    memory: int
    resident: float
    dirty_rate: float
    working_set: int
    speed: float = 1.0
    transferred: float = 0.0
    passes: int = 1
    downtime_limit_ms: int = FIRST_DOWNTIME_LIMIT_MS
    throttle: float = 0.0
    raised_limits: list[int] = field(default_factory=list)
    is_ready: bool = False

    def __post_init__(self) -> None:
        self.to_send = self.memory * self.resident + VIDEO_RAM
        self._pass_size = self.to_send
        self._dirtied = 0.0

    @property
    def total(self) -> int:
        """What QEMU calls the total of the VM state: memory and video memory."""
        return self.memory + VIDEO_RAM

    @property
    def current_dirty_rate(self) -> float:
        """Bytes dirtied per wall second, after auto-converge has throttled the guest."""
        return self.dirty_rate * self.speed * (1 - self.throttle)

    def advance(self, seconds: float, rate: float) -> None:
        """Sends for that long at that rate (bytes per wall second, 0 = the link is cut)."""
        while seconds > 0 and not self.is_ready:
            if rate <= 0:
                self._dirty(seconds)
                return
            step = min(seconds, self.to_send / rate)
            self.to_send -= step * rate
            self.transferred += step * rate
            self._dirty(step)
            seconds -= step
            if self.to_send < 1:
                self._next_pass(rate)

    def _dirty(self, seconds: float) -> None:
        dirtied = self._dirtied + seconds * self.current_dirty_rate
        self._dirtied = min(dirtied, float(self.working_set))

    def _next_pass(self, rate: float) -> None:
        self.to_send, self._dirtied = self._dirtied, 0.0
        if self.to_send * 1000 <= rate / self.speed * self.downtime_limit_ms:
            self.is_ready = True
            return
        if self.passes > 1 and self.to_send > self._pass_size * 0.9:
            self._struggle()
        self._pass_size = self.to_send
        self.passes += 1

    def _struggle(self) -> None:
        more = NEXT_THROTTLE if self.throttle else FIRST_THROTTLE
        self.throttle = min(MAX_THROTTLE, self.throttle + more)
        self.downtime_limit_ms = min(MAX_DOWNTIME_LIMIT_MS, self.downtime_limit_ms * 2)
        self.raised_limits.append(self.downtime_limit_ms)

    def downtime_ms(self, link_rate: float, device_ms: int) -> int:
        """The last stop in real milliseconds: what is left over the real link, and devices."""
        return device_ms + int(self.to_send * 1000 / link_rate)

    def switch_over(self) -> None:
        """The rest is sent while the guest stands still."""
        self.transferred += self.to_send
        self.to_send = 0.0
