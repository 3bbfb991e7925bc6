"""What is recorded together with the success of a change of HA."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from hapanel.ha.change.configuration import Configuration
from hapanel.ha.change.wish import HaChange, Verb
from hapanel.kernel.names import vmid_of
from hapanel.live.stream import Kind as HintKind
from hapanel.live.stream import publish
from hapanel.ports.cluster import HaService
from nodes.models import Cluster
from vms.ha_records import record_rules
from vms.models import Guest, HaResource

_UNMANAGED = ("", "ignored")
# The HA manager's word for what is configured and not yet in its hands.
_QUEUED = "queued"


def record_change(cluster: Cluster, change: HaChange, found: Configuration) -> None:
    """Write down what the configuration showed; runs in the transaction of the success."""
    match change.verb:
        case Verb.ADD_RESOURCE | Verb.CHANGE_RESOURCE:
            resource = found.resource(change.key)
            assert resource is not None, "the configuration showed it"
            _record_resource(cluster, resource)
        case Verb.REMOVE_RESOURCE:
            HaResource.objects.filter(cluster=cluster, sid=change.key).delete()
            _guests(cluster, change.key).update(ha_state="", changed_at=timezone.now())
        case Verb.DISARM | Verb.ARM:
            Cluster.objects.filter(pk=cluster.pk).update(ha_armed_state=found.armed)
    record_rules(cluster, found.rules)
    hints = [(cluster.name, HintKind.HA, change.key or "rules")]
    if change.verb in (Verb.DISARM, Verb.ARM):
        hints.append((cluster.name, HintKind.CLUSTER, cluster.name))
    publish(hints)


def _record_resource(cluster: Cluster, told: HaService) -> None:
    request = told.request_state or told.state
    settings: dict[str, Any] = {
        "request_state": request,
        "max_restart": told.max_restart,
        "max_relocate": told.max_relocate,
        "failback": told.failback,
        "comment": told.comment or "",
        "changed_at": timezone.now(),
    }
    told_settings = {name: value for name, value in settings.items() if value is not None}
    guests = _guests(cluster, told.sid)
    node = guests.values_list("node", flat=True).first() or ""
    new = {"node": node, "state": _QUEUED, **told_settings}
    HaResource.objects.update_or_create(
        cluster=cluster, sid=told.sid, defaults=told_settings, create_defaults=new
    )
    wanted = guests.filter(ha_state__in=_UNMANAGED) if request != "ignored" else guests
    wanted.update(ha_state=request, changed_at=timezone.now())


def _guests(cluster: Cluster, sid: str) -> Any:
    return Guest.objects.filter(cluster=cluster, vmid=vmid_of(sid) or 0)
