"""A worker does for a while what the follower does, when there is none."""

from __future__ import annotations

import asyncio

from asgiref.sync import sync_to_async
from django.db import connections

from hapanel import wiring
from hapanel.helpdesk.desk import RecordedDesk
from hapanel.helpdesk.prober import Prober
from hapanel.live import leadership
from hapanel.live.lock import Hold, give_back
from hapanel.observe.replication_desk import RecordedReplication
from hapanel.observe.replication_watch import ReplicationWatch

TURN_SECONDS = 30.0
LOOK_SECONDS = 0.5


def stand_in() -> bool:
    """Probe services and watch replication for half a minute or until a follower comes; whether
    this worker did so at all.

    The verdicts are recorded, so the next turn goes on where this one ends. Raises RedisError.
    """
    hold = leadership.stand_in()
    if hold is None:
        return False
    try:
        asyncio.run(_probe(hold))
    finally:
        give_back(hold)
    return True


async def _probe(hold: Hold) -> None:
    stop = asyncio.Event()
    watches = [
        asyncio.create_task(Prober(wiring.http_prober(), RecordedDesk()).run(stop)),
        asyncio.create_task(
            ReplicationWatch(wiring.node_shells(), RecordedReplication()).run(stop)
        ),
    ]
    loop = asyncio.get_running_loop()
    end = loop.time() + TURN_SECONDS
    while loop.time() < end and not hold.is_lost:
        await asyncio.sleep(LOOK_SECONDS)
        if await asyncio.to_thread(leadership.is_claimed):
            break
    stop.set()
    await asyncio.gather(*watches)
    # The prober's thread for records outlives this turn; its database connection should not.
    await sync_to_async(connections.close_all)()
