"""Questions that pages and the API ask about guests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from django.db.models import Count, Q, QuerySet
from django.http import Http404
from redis.exceptions import RedisError

from hapanel.ha.forecast.snapshot import Boot
from hapanel.kernel.names import GuestType, Upid, service_id
from nodes.metrics import GuestMetrics
from nodes.models import Cluster
from nodes.selectors import measured
from vms.models import Guest, GuestStart

# States that are filtered by: name -> the words of Proxmox it stands for.
RUNNING, STOPPED, NOT_SEEN = "running", "stopped", "unknown"


@dataclass(frozen=True, slots=True)
class GuestFilter:
    """What a list of guests is narrowed down to; blank fields do not narrow."""

    text: str = ""
    state: str = ""  # running, stopped, unknown, error
    type: str = ""  # qemu, lxc
    node: str = ""
    ha: str = ""  # yes, no
    tag: str = ""

    def __bool__(self) -> bool:
        return any((self.text, self.state, self.type, self.node, self.ha, self.tag))


@dataclass(frozen=True, slots=True)
class GuestCounts:
    """How many guests a cluster has, and in which states."""

    total: int = 0
    running: int = 0
    stopped: int = 0
    not_seen: int = 0
    error: int = 0


def guest_numbered(cluster: Cluster, vmid: int) -> Guest:
    """One guest of the cluster, also one that is gone. Raises Http404."""
    found = Guest.objects.filter(cluster=cluster, vmid=vmid).first()
    if found is None:
        raise Http404(str(vmid))
    found.cluster = cluster
    return found


def guests_of(cluster: Cluster, wanted: GuestFilter | None = None) -> QuerySet[Guest]:
    """The guests that are there now, narrowed down to `wanted`, in no particular order."""
    rows = Guest.objects.filter(cluster=cluster, gone_at=None).order_by()
    return rows if wanted is None else rows.filter(_matching(wanted))


def _matching(wanted: GuestFilter) -> Q:
    match = Q()
    if wanted.text:
        match &= _text(wanted.text)
    if wanted.type:
        match &= Q(type=wanted.type)
    if wanted.node:
        match &= Q(node=wanted.node)
    if wanted.tag:
        match &= tagged(wanted.tag)
    if wanted.ha:
        not_managed = Q(ha_state__in=["", "ignored"])
        match &= ~not_managed if wanted.ha == "yes" else not_managed
    match wanted.state:
        case "":
            return match
        case "error":
            return match & Q(ha_state="error")
        case "running":
            return match & ~Q(status__in=[STOPPED, NOT_SEEN])
        case state:
            return match & Q(status=state)


def _text(text: str) -> Q:
    match = Q(name__icontains=text) | Q(tags__icontains=text)
    return match | Q(vmid__startswith=text) if text.isdecimal() else match


def tagged(tag: str) -> Q:
    """Proxmox joins a guest's tags with semicolons."""
    return (
        Q(tags=tag)
        | Q(tags__startswith=f"{tag};")
        | Q(tags__endswith=f";{tag}")
        | Q(tags__contains=f";{tag};")
    )


def guest_counts(cluster: Cluster) -> GuestCounts:
    """The cluster's guests by state, one query."""
    in_error = Count("id", filter=Q(ha_state="error"))
    rows = guests_of(cluster).values_list("status").annotate(n=Count("id"), bad=in_error)
    by_status = {status: (n, bad) for status, n, bad in rows}
    total = sum(n for n, _bad in by_status.values())
    stopped, not_seen = (by_status.get(word, (0, 0))[0] for word in (STOPPED, NOT_SEEN))
    error = sum(bad for _n, bad in by_status.values())
    return GuestCounts(total, total - stopped - not_seen, stopped, not_seen, error)


def measured_guests(cluster: Cluster, vmids: Iterable[int]) -> dict[int, GuestMetrics]:
    """What these guests measure right now; empty when nothing is known or Redis is away."""
    figures = measured(cluster)
    if figures is None:
        return {}
    try:
        return figures.guests(vmids)
    except RedisError:
        return {}


@dataclass(frozen=True, slots=True)
class GuestRow:
    """A guest with what it measures, for one line of a table."""

    guest: Guest
    now: GuestMetrics | None
    is_moving: bool

    @property
    def memory_share(self) -> float | None:
        """Used memory as a fraction of what the guest has."""
        if self.now is None or not self.guest.is_running:
            return None
        if self.now.mem is None or not self.guest.maxmem:
            return None
        return self.now.mem / self.guest.maxmem

    @property
    def cores(self) -> int:
        return round(self.guest.maxcpu or 0)

    @property
    def cpu(self) -> float | None:
        return self.now.cpu if self.now and self.guest.is_running else None


def rows_of(cluster: Cluster, guests: Sequence[Guest], moving: Collection[int]) -> list[GuestRow]:
    """Table rows for these guests of one cluster; one look at Redis for all of them."""
    figures = measured_guests(cluster, [guest.vmid for guest in guests])
    for guest in guests:
        guest.cluster = cluster
    return [GuestRow(g, figures.get(g.vmid), g.vmid in moving) for g in guests]


def by_load(cluster: Cluster, wanted: GuestFilter, figure: str) -> list[int]:
    """The ids of the wanted guests by cpu or mem, the largest first; unmeasured ones last."""
    vmids = list(guests_of(cluster, wanted).order_by("vmid").values_list("vmid", flat=True))
    figures = measured(cluster)
    try:
        loads = figures.all_guests() if figures else {}
    except RedisError:
        loads = {}

    def load(vmid: int) -> float:
        found = loads.get(vmid)
        return -1.0 if found is None else float(getattr(found, figure) or 0)

    return sorted(vmids, key=load, reverse=True)


def boots_of(cluster: Cluster) -> Mapping[str, Boot]:
    """What is learnt of how long each guest boots, by its sid."""
    seen: dict[str, list[float]] = defaultdict(list)
    rows = GuestStart.objects.filter(cluster=cluster, answered_at__isnull=False)
    for vmid, upid, started_at, answered_at in rows.values_list(
        "vmid", "upid", "started_at", "answered_at"
    ):
        assert answered_at is not None  # the filter's word
        kind = GuestType.QEMU if Upid.parse(upid).type == "qmstart" else GuestType.LXC
        seen[service_id(kind, vmid)].append(round((answered_at - started_at).total_seconds(), 1))
    return {
        sid: Boot(least=min(took), typical=median(took), most=max(took), count=len(took))
        for sid, took in seen.items()
    }
