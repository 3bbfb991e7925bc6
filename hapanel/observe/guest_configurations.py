"""The slow lane: guest configurations, at most five a second per cluster, new and changed first.

Until its configuration was read, what depends on a guest's disks is "not read yet"; an operation
reads it live before it acts, whatever is recorded here.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import cast

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from hapanel.live.stream import Kind, connection
from hapanel.observe.facts import UNKNOWN
from hapanel.observe.journal import Journal
from hapanel.ports.cluster import GuestConfig
from hapanel.ports.cluster_gateway import ClusterGateway
from hapanel.ports.errors import ClusterError, Unreachable
from nodes.models import Cluster, Node
from vms.models import Guest, GuestDisk

logger = logging.getLogger(__name__)

AT_ONCE = 5
# All others in turn, when nothing hinted at a change: one each five seconds at most.
REFRESH_AFTER = timedelta(minutes=12)
REFRESH_PAUSE_SECONDS = 5.0
FAILED_PAUSE_SECONDS = 60
_KEPT_SECONDS = 86400


def want_configurations(cluster_id: int, vmids: Iterable[int]) -> None:
    """Queue these guests' configurations for reading, oldest wish first. Raises RedisError."""
    now = time.time()
    wishes = {str(vmid): now for vmid in vmids}
    if wishes:
        connection().zadd(_wanted(cluster_id), wishes, nx=True)
        connection().expire(_wanted(cluster_id), _KEPT_SECONDS)


def is_anything_to_read(cluster: Cluster) -> bool:
    """Whether the slow lane of `cluster` has work now. Raises RedisError."""
    if connection().zcard(_wanted(cluster.pk)):
        return True
    failed = _failed(cluster.pk)
    return _never_read(cluster, failed).exists() or bool(_oldest(cluster, failed, take=False))


def read_some(cluster: Cluster, gateway: ClusterGateway) -> int:
    """Read up to five configurations and write what changed; how many were read.

    Raises RedisError; a guest that cannot be read is left for a minute.
    """
    done = 0
    for guest in _next_guests(cluster):
        try:
            config = gateway.guest_config(guest.node, guest.guest_type, guest.vmid)
        except Unreachable:
            want_configurations(cluster.pk, [guest.vmid])
            return done
        except ClusterError as error:
            logger.info("%s: configuration of %s not read: %s", cluster.name, guest, error.reason)
            _leave(cluster.pk, guest.vmid)
            continue
        _write(cluster, guest, config)
        done += 1
    return done


def _next_guests(cluster: Cluster) -> list[Guest]:
    """Whose turn it is: wished for, then never read, then the oldest reading."""
    popped = cast("list[tuple[bytes, float]]", connection().zpopmin(_wanted(cluster.pk), AT_ONCE))
    wished = [int(vmid) for vmid, _ in popped]
    failed = _failed(cluster.pk)
    found = list(_readable(cluster, failed).filter(vmid__in=wished)) if wished else []
    if len(found) < AT_ONCE:
        others = _never_read(cluster, failed).exclude(vmid__in=wished)
        found += list(others.order_by("vmid")[: AT_ONCE - len(found)])
    return found or _oldest(cluster, failed, take=True)


def _readable(cluster: Cluster, failed: set[int]) -> QuerySet[Guest]:
    """Guests on nodes that answer; a dead node's guests can wait."""
    seen = Node.objects.filter(cluster=cluster, status__in=["online", "maintenance"])
    rows = Guest.objects.filter(cluster=cluster, gone_at=None, node__in=seen.values("name"))
    return rows.exclude(vmid__in=failed).order_by()


def _never_read(cluster: Cluster, failed: set[int]) -> QuerySet[Guest]:
    return _readable(cluster, failed).filter(config_read_at=None)


def _oldest(cluster: Cluster, failed: set[int], *, take: bool) -> list[Guest]:
    """The guest whose reading is oldest, when one is old and the pause is over."""
    turn = f"hapanel:configurations:turn:{cluster.pk}"
    if connection().exists(turn):
        return []
    limit = timezone.now() - REFRESH_AFTER
    rows = _readable(cluster, failed).filter(config_read_at__lt=limit).exclude(status=UNKNOWN)
    found = list(rows.order_by("config_read_at")[:1])
    if take or not found:
        connection().set(turn, 1, px=int(REFRESH_PAUSE_SECONDS * 1000))
    return found


def _write(cluster: Cluster, guest: Guest, config: GuestConfig) -> None:
    """Write what a start elsewhere depends on when it is not as recorded."""
    was_read = guest.config_read_at is not None
    passthrough = list(config.passthrough)
    old = {disk.key: disk for disk in GuestDisk.objects.filter(guest=guest)}
    new = {disk.key: disk for disk in _disks(guest, config)}
    changed = [disk for key, disk in new.items() if not _same(old.get(key), disk)]
    gone = [disk.pk for key, disk in old.items() if key not in new]
    journal = Journal()
    with transaction.atomic():
        if gone:
            GuestDisk.objects.filter(pk__in=gone).delete()
        GuestDisk.objects.bulk_create(
            changed,
            update_conflicts=True,
            unique_fields=["guest", "key"],
            update_fields=["volume", "storage", "size", "is_cdrom", "is_unused"],
        )
        Guest.objects.filter(pk=guest.pk).update(
            config_read_at=timezone.now(), passthrough=passthrough, onboot=config.onboot
        )
        same = guest.passthrough == passthrough and guest.onboot == config.onboot
        if changed or gone or not was_read or not same:
            journal.hint(Kind.GUEST, [guest.vmid])
        journal.write(cluster, timezone.now())


def _disks(guest: Guest, config: GuestConfig) -> Iterable[GuestDisk]:
    for disk in config.disks:
        yield GuestDisk(
            guest=guest,
            key=disk.key[:16],
            volume=disk.volume[:255],
            storage=(disk.storage or "")[:100],
            size=disk.size,
            is_cdrom=disk.is_cdrom,
            is_unused=disk.is_unused,
        )


def _same(old: GuestDisk | None, new: GuestDisk) -> bool:
    names = ("volume", "storage", "size", "is_cdrom", "is_unused")
    return old is not None and all(getattr(old, name) == getattr(new, name) for name in names)


def _failed(cluster_id: int) -> set[int]:
    """Guests whose reading failed within the last minute."""
    key, now = _failures(cluster_id), time.time()
    connection().zremrangebyscore(key, "-inf", now)
    return {int(vmid) for vmid in cast("list[bytes]", connection().zrange(key, 0, -1))}


def _leave(cluster_id: int, vmid: int) -> None:
    key = _failures(cluster_id)
    connection().zadd(key, {str(vmid): time.time() + FAILED_PAUSE_SECONDS})
    connection().expire(key, FAILED_PAUSE_SECONDS)


def _wanted(cluster_id: int) -> str:
    return f"hapanel:configurations:wanted:{cluster_id}"


def _failures(cluster_id: int) -> str:
    return f"hapanel:configurations:failed:{cluster_id}"
