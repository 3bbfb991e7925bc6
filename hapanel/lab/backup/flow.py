"""How long an amount of data takes. Amounts stay what they are, rates count `speed` times, so a
log's bytes over wall seconds are the rate that it tells.
"""

from collections.abc import AsyncIterator

from hapanel.lab.world import Storage, World

TICK_SECONDS = 0.25
DISK_BYTES_PER_SECOND = 400e6
NETWORK_BYTES_PER_SECOND = 112e6
ON_NETWORK = ("nfs", "cifs", "cephfs", "pbs")
KIB = 1024


def rate_of(storage: Storage) -> float:
    """What a storage takes or gives, in bytes a second of the real thing."""
    return NETWORK_BYTES_PER_SECOND if storage.type in ON_NETWORK else DISK_BYTES_PER_SECOND


def limited(rate: float, bwlimit: int) -> float:
    """The same under a limit in KiB a second; 0 is none."""
    return min(rate, bwlimit * KIB) if bwlimit else rate


async def flow(world: World, size: float, rate: float) -> AsyncIterator[tuple[float, float]]:
    """Bytes and wall seconds so far, tick by tick until all of `size` has gone."""
    done, began = 0.0, world.now()
    while done < size:
        await world.clock.pause(TICK_SECONDS)
        seconds = world.now() - began
        done = min(size, seconds * rate * world.clock.speed)
        yield done, seconds
