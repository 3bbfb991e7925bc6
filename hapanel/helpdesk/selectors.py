"""What is known of the services right now, for the pages and the API: a fixed number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from django.db.models import Q, QuerySet
from django.utils import timezone

from hapanel.helpdesk.models import Service, ServiceOutage, ServiceState
from hapanel.helpdesk.recent import LastProbe, last_probes
from hapanel.operations.models import Kind, Operation, State
from nodes.models import Cluster, Node, NodeStatus
from vms.models import Guest

_COMING_BACK = frozenset({"recovery", "starting", "request_start", "request_start_balance"})


def services_by_guest(cluster: Cluster) -> dict[int, list[str]]:
    """The names of the services behind which each guest stands, by its number; one query."""
    found: dict[int, list[str]] = defaultdict(list)
    for service in Service.objects.filter(cluster=cluster).order_by("name"):
        for vmid in service.vmids:
            found[int(vmid)].append(service.display_name)
    return found


class Cause(Enum):
    """What the records say about why a service does not answer; never more than they say."""

    NONE = "none"  # nothing is known
    MOVING = "moving"  # an operation moves a guest of it
    COMING_BACK = "coming-back"  # its server is lost, the HA manager starts it elsewhere
    SERVER_LOST = "server-lost"  # nothing is heard of its server
    SWITCHED_OFF = "switched-off"  # Proxmox says that it does not run
    RUNS = "runs"  # Proxmox says that it runs, and still it does not answer
    NOT_SEEN = "not-seen"  # the panel does not see the cluster either


@dataclass(frozen=True, slots=True)
class ServiceNow:
    """A service, its guests and who works on them, as of `now`.

    `state` is the recorded one, or unknown when the probes have stopped; then `since` is the last
    probe (None: it was never probed).
    """

    service: Service
    state: ServiceState
    since: datetime | None
    last: LastProbe | None
    guests: tuple[Guest, ...]
    operation: Operation | None
    cause: Cause

    @property
    def pk(self) -> int:
        return self.service.pk

    @property
    def name(self) -> str:
        """In the reader's language."""
        return self.service.display_name

    @property
    def reason(self) -> str:
        """The prober's reason (ports.probe.Failure, slow, flaky, http-503); blank when up."""
        return self.service.reason if self.state == self.service.state else ""

    @property
    def probed_at(self) -> datetime | None:
        return self.last.at if self.last else None

    @property
    def answer_ms(self) -> float | None:
        return self.last.answer_ms if self.last else None

    @property
    def is_answering(self) -> bool:
        return self.state in {ServiceState.UP, ServiceState.DEGRADED}

    @property
    def servers(self) -> tuple[str, ...]:
        """The nodes that its guests are on, as last seen."""
        return tuple(sorted({guest.node for guest in self.guests}))


def services_now(
    services: QuerySet[Service] | None = None, now: datetime | None = None
) -> list[ServiceNow]:
    """The given services (default: all), worst first, then by name."""
    now = now or timezone.now()
    chosen = Service.objects.all() if services is None else services
    rows = list(chosen.select_related("cluster").defer("cluster__ca_pem"))
    surroundings = _Surroundings(rows)
    found = [surroundings.of(service, now) for service in rows]
    return sorted(found, key=lambda one: (_ORDER[one.state], one.name.casefold()))


def service_now(pk: int, now: datetime | None = None) -> ServiceNow | None:
    """One service; None when there is no such."""
    found = services_now(Service.objects.filter(pk=pk), now)
    return found[0] if found else None


def public_services() -> QuerySet[Service]:
    """What everybody on campus may know of."""
    return Service.objects.filter(public=True)


_ORDER = {
    ServiceState.DOWN: 0,
    ServiceState.DEGRADED: 1,
    ServiceState.MAINTENANCE: 2,
    ServiceState.UNKNOWN: 3,
    ServiceState.UP: 4,
}


class _Surroundings:
    """Guests, nodes, operations and probes around some services, read once."""

    def __init__(self, services: Sequence[Service]) -> None:
        self._last = last_probes()
        wanted: dict[int, set[int]] = defaultdict(set)
        for service in services:
            wanted[service.cluster_id].update(service.vmids)
        ours = _any(Q(cluster_id=pk, vmid__in=vmids) for pk, vmids in wanted.items() if vmids)
        self._guests = {(g.cluster_id, g.vmid): g for g in Guest.objects.filter(ours, gone_at=None)}
        self._nodes = {
            (node.cluster_id, node.name): node.status
            for node in Node.objects.filter(cluster_id__in=wanted).order_by()
        }
        self._operations = {
            (operation.cluster_id, operation.vmid): operation
            for operation in Operation.objects.filter(ours, state=State.RUNNING).order_by("id")
        }

    def of(self, service: Service, now: datetime) -> ServiceNow:
        last = self._last.get(service.pk)
        state = ServiceState(service.state)
        since: datetime | None = service.since
        if last is None or last.is_stale(now):
            state, since = ServiceState.UNKNOWN, last.at if last else None
        keys = [(service.cluster_id, vmid) for vmid in service.vmids]
        guests = tuple(self._guests[key] for key in keys if key in self._guests)
        operation = next((self._operations[k] for k in keys if k in self._operations), None)
        cause = self._cause(service, guests, operation, now)
        return ServiceNow(service, state, since, last, guests, operation, cause)

    def _cause(
        self,
        service: Service,
        guests: Iterable[Guest],
        operation: Operation | None,
        now: datetime,
    ) -> Cause:
        if operation is not None and operation.kind == Kind.MIGRATE:
            return Cause.MOVING
        causes = [self._cause_of(guest) for guest in guests]
        if not causes:
            return Cause.NONE
        if service.cluster.is_stale(now):
            return Cause.NOT_SEEN
        # One guest that is missing explains more than the others that run.
        return min(causes, key=list(Cause).index)

    def _cause_of(self, guest: Guest) -> Cause:
        node = self._nodes.get((guest.cluster_id, guest.node), NodeStatus.UNKNOWN)
        if guest.ha_state in _COMING_BACK:
            return Cause.COMING_BACK
        if node not in {NodeStatus.ONLINE, NodeStatus.MAINTENANCE} or guest.status == "unknown":
            return Cause.SERVER_LOST
        return Cause.RUNS if guest.is_running else Cause.SWITCHED_OFF


def _any(conditions: Iterable[Q]) -> Q:
    whole = Q(pk__in=[])
    for condition in conditions:
        whole |= condition
    return whole


def outages_since(services: Iterable[Service], start: datetime) -> dict[int, list[ServiceOutage]]:
    """Service id -> its outages that were not over at `start`, newest first."""
    found: dict[int, list[ServiceOutage]] = defaultdict(list)
    not_over = Q(ended_at=None) | Q(ended_at__gte=start)
    for outage in ServiceOutage.objects.filter(not_over, service__in=list(services)):
        found[outage.service_id].append(outage)
    return found
