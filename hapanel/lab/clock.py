"""The lab's time: clocks stay wall-clock, durations of the real thing are shortened by `speed`."""

import asyncio
import time


class Clock:
    """Wall clock tied to the running event loop, so that a virtual loop makes all of it virtual.

    `speed` 6 means: what takes a Proxmox node a minute takes the lab ten seconds.
    """

    def __init__(self, speed: float = 1.0, *, epoch: float | None = None) -> None:
        if speed <= 0:
            raise ValueError("speed must be above 0")
        self.speed = speed
        self._loop = asyncio.get_running_loop()
        start = time.time() if epoch is None else epoch
        self._offset = start - self._loop.time()

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._loop.time() + self._offset

    def shortened(self, seconds: float) -> float:
        """How long a duration of the real thing takes here, in seconds."""
        return seconds / self.speed

    async def pass_time(self, seconds: float) -> None:
        """Waits for a duration of the real thing (shortened by speed)."""
        await asyncio.sleep(self.shortened(seconds))

    async def pause(self, seconds: float) -> None:
        """Waits for a duration that is never shortened: downtimes, the rhythm of log lines."""
        await asyncio.sleep(seconds)
