"""`follow`: the follower, one asyncio process that watches what has to be watched closely.

That is the probes of services, and the event streams of the nodes that are reached over ssh. One
follower leads by a lock in Redis, others wait. While none runs, workers do both instead.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import Any

from django.core.management.base import BaseCommand
from redis import RedisError

from hapanel import wiring
from hapanel.helpdesk.desk import RecordedDesk
from hapanel.helpdesk.prober import Prober
from hapanel.live import leadership, pulse
from hapanel.live.lock import Hold, give_back
from hapanel.observe.replication_desk import RecordedReplication
from hapanel.observe.replication_watch import ReplicationWatch

LOOK_SECONDS = 1.0

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    """Runs until it is told to end."""

    help = "Run the follower: probe services, watch replication. Ends on SIGTERM or Ctrl-C."
    requires_system_checks = []

    def handle(self, *_arguments: Any, **_options: Any) -> None:
        asyncio.run(follow())


async def follow() -> None:
    """Lead whenever the lock is free, until a signal ends the process."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    while not stop.is_set():
        hold = await _claim()
        if hold is not None:
            await _lead(hold, stop)
        await _pause(stop)


async def _claim() -> Hold | None:
    try:
        await asyncio.to_thread(pulse.note, pulse.Part.FOLLOWER)
        return await asyncio.to_thread(leadership.claim)
    except RedisError as error:
        logger.warning("the follower waits for Redis: %s", error)
        return None


async def _lead(hold: Hold, stop: asyncio.Event) -> None:
    """Probe and watch while the lock is ours."""
    logger.info("the follower leads")
    ended = asyncio.Event()
    watches = [
        asyncio.create_task(Prober(wiring.http_prober(), RecordedDesk()).run(ended)),
        asyncio.create_task(
            ReplicationWatch(wiring.node_shells(), RecordedReplication()).run(ended)
        ),
    ]
    try:
        while not (stop.is_set() or hold.is_lost or any(watch.done() for watch in watches)):
            await _pause(stop)
            hold.go_on()
            await _note()
    finally:
        ended.set()
        for broken in await asyncio.gather(*watches, return_exceptions=True):
            if broken is not None:
                logger.error("a watch broke off and begins anew", exc_info=broken)
        await asyncio.to_thread(give_back, hold)


async def _note() -> None:
    try:
        await asyncio.to_thread(pulse.note, pulse.Part.FOLLOWER)
        await asyncio.to_thread(leadership.renew_claim)
    except RedisError as error:
        logger.warning("the follower cannot give a sign of life: %s", error)


async def _pause(stop: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(stop.wait(), LOOK_SECONDS)
    except TimeoutError:
        return
