"""Adding, changing and removing services: the same rules for the page and for the API."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils import timezone

from hapanel.audit.actor import Actor
from hapanel.audit.models import record
from hapanel.helpdesk import recent
from hapanel.helpdesk.models import Service, ServiceState
from hapanel.helpdesk.target import refusal_of_url
from hapanel.kernel.refusal import Refusal, Refused, refusal_kind
from hapanel.kernel.refusal import gettext_noop as _
from hapanel.live.stream import Kind, publish
from nodes.models import Cluster
from vms.models import Guest

MOST_GUESTS = 50

NAME_MISSING = refusal_kind(
    "service-name-missing",
    _("The service has no name."),
    _("Give the name that callers use."),
    status=422,
    field="name",
)
NAME_TAKEN = refusal_kind(
    "service-name-taken",
    _("%(cluster)s already has a service called %(name)s."),
    _("Change that service, or choose another name."),
    status=409,
    field="name",
)
GUESTS_UNKNOWN = refusal_kind(
    "service-guests-unknown",
    _("%(cluster)s has no guest %(vmids)s."),
    _("Choose guests from the list of the cluster."),
    status=422,
    field="vmids",
)
TOO_MANY_GUESTS = refusal_kind(
    "service-too-many-guests",
    _("A service can have %(most)s guests, these are %(count)s."),
    _("Name the guests without which the service cannot be used."),
    status=422,
    field="vmids",
)


@dataclass(frozen=True, slots=True)
class ServiceWish:
    """A service as somebody wants it. `name_id` is its name in Bahasa Indonesia, may be blank."""

    cluster: Cluster
    name: str
    url: str
    name_id: str = ""
    vmids: tuple[int, ...] = ()
    verify_tls: bool = True
    public: bool = True


def refusals_of(wish: ServiceWish, present: Service | None = None) -> tuple[Refusal, ...]:
    """Everything that stands against the wish; `present` is the service that is to be changed."""
    found = [refusal_of_url(wish.url), _name_refusal(wish, present), _guests_refusal(wish)]
    return tuple(refusal for refusal in found if refusal)


def create_service(wish: ServiceWish, actor: Actor) -> Service:
    """Record a new service; the prober finds it within a second. Raises Refused."""
    _judge(wish)
    return _save(Service(), wish, actor, "service_added")


def change_service(service: Service, wish: ServiceWish, actor: Actor) -> Service:
    """Change a service. One that is asked elsewhere from now on starts as unknown. Raises Refused.

    The cluster of a service stays what it is: its history belongs to the cluster's guests.
    """
    _judge(wish, service)
    is_asked_elsewhere = (service.url, service.verify_tls) != (wish.url, wish.verify_tls)
    with transaction.atomic():
        if is_asked_elsewhere:
            service.state, service.since, service.reason = ServiceState.UNKNOWN, timezone.now(), ""
            service.outages.filter(ended_at=None).update(ended_at=service.since)
        _save(service, wish, actor, "service_changed")
    if is_asked_elsewhere:
        recent.forget(service.pk)
    return service


def remove_service(service: Service, actor: Actor) -> None:
    """Remove a service and its history."""
    pk, cluster = service.pk, service.cluster
    with transaction.atomic():
        service.delete()
        _tell(cluster, pk, service.name, actor, "service_removed")
    recent.forget(pk)


def _judge(wish: ServiceWish, present: Service | None = None) -> None:
    """Raises Refused before anything is touched: a refused change must not end an outage."""
    if refusals := refusals_of(wish, present):
        raise Refused(*refusals)


def _save(service: Service, wish: ServiceWish, actor: Actor, action: str) -> Service:
    service.cluster = wish.cluster
    service.name, service.name_id = wish.name.strip(), wish.name_id.strip()
    service.url, service.verify_tls = wish.url, wish.verify_tls
    service.vmids, service.public = sorted(set(wish.vmids)), wish.public
    try:
        with transaction.atomic():
            service.save()
            _tell(wish.cluster, service.pk, service.name, actor, action)
    except IntegrityError:
        # Somebody else took the name between judging and recording.
        raise Refused(NAME_TAKEN(cluster=wish.cluster.name, name=wish.name)) from None
    return service


def _tell(cluster: Cluster, pk: int, name: str, actor: Actor, action: str) -> None:
    record(action=action, cluster=cluster.name, subject=name, **actor.as_columns())
    publish([(cluster.name, Kind.SERVICE, str(pk))])


def _name_refusal(wish: ServiceWish, present: Service | None) -> Refusal | None:
    if not wish.name.strip():
        return NAME_MISSING()
    taken = Service.objects.filter(cluster=wish.cluster, name=wish.name.strip())
    if present is not None:
        taken = taken.exclude(pk=present.pk)
    if taken.exists():
        return NAME_TAKEN(cluster=wish.cluster.name, name=wish.name.strip())
    return None


def _guests_refusal(wish: ServiceWish) -> Refusal | None:
    asked = set(wish.vmids)
    if len(asked) > MOST_GUESTS:
        return TOO_MANY_GUESTS(most=MOST_GUESTS, count=len(asked))
    there = set(
        Guest.objects.filter(cluster=wish.cluster, vmid__in=asked, gone_at=None).values_list(
            "vmid", flat=True
        )
    )
    if missing := sorted(asked - there):
        return GUESTS_UNKNOWN(
            cluster=wish.cluster.name, vmids=", ".join(str(vmid) for vmid in missing)
        )
    return None
