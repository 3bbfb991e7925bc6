"""How long a guest boots: from the start of its task to its service's first good answer.

Learnt only where nothing has to be guessed: the service needs this one guest, it was down when the
guest was started, and no other start came in between. Proxmox tells the start in whole seconds and
a silent service is probed once a second, so a figure may be up to two seconds too long.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from hapanel.helpdesk.models import Service, ServiceOutage, ServiceState
from vms.models import GuestStart

# A guest that has not answered by then did not boot, or something else hindered it.
LONGEST_BOOT = timedelta(minutes=30)
# A guest changes over the years; its last starts say the most.
KEPT_STARTS = 20
# The start is told in whole seconds, rounded down.
_SECOND = timedelta(seconds=1)


def learn_boots() -> int:
    """Fill in when started guests answered; how many did. Starts that nobody answered are
    forgotten once they are too old for it."""
    oldest = timezone.now() - LONGEST_BOOT
    open_starts = list(GuestStart.objects.filter(answered_at=None).order_by("started_at"))
    learnt = [start for start in open_starts if _answer(start, open_starts)]
    GuestStart.objects.bulk_update(learnt, ["answered_at"])
    GuestStart.objects.filter(answered_at=None, started_at__lt=oldest).delete()
    for cluster_id, vmid in {(start.cluster_id, start.vmid) for start in learnt}:
        known = GuestStart.objects.filter(
            cluster_id=cluster_id, vmid=vmid, answered_at__isnull=False
        )
        old = list(known.values_list("pk", flat=True)[KEPT_STARTS:])
        GuestStart.objects.filter(pk__in=old).delete()
    return len(learnt)


def _answer(start: GuestStart, starts: Iterable[GuestStart]) -> bool:
    """Whether an outage of a service of the guest alone tells when it answered."""
    outages = _ended_since(start).filter(
        service__in=[
            service.pk
            for service in Service.objects.filter(cluster_id=start.cluster_id)
            if service.vmids == [start.vmid]
        ]
    )
    ends = [end for end in outages.values_list("ended_at", flat=True) if end is not None]
    if not ends:
        return False
    first = min(ends)
    if _is_started_again(start, starts, first):
        return False
    start.answered_at = first
    return True


def _ended_since(start: GuestStart) -> QuerySet[ServiceOutage]:
    return ServiceOutage.objects.filter(
        state=ServiceState.DOWN,
        began_at__lte=start.started_at + _SECOND,
        ended_at__gt=start.started_at,
        ended_at__lte=start.started_at + LONGEST_BOOT,
    )


def _is_started_again(start: GuestStart, starts: Iterable[GuestStart], until: datetime) -> bool:
    return any(
        (other.cluster_id, other.vmid) == (start.cluster_id, start.vmid)
        and start.started_at < other.started_at < until
        for other in starts
    )
