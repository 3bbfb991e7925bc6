"""The word for people: what a service is said to be, from its state and what is asked for it."""

from hapanel.ha.engine.words import Requested, ServiceState
from hapanel.ha.engine.world import Service
from hapanel.lab.ha.configuration import Resource

# Those that say already what the manager will do in its next round (pve-ha-manager, Tools.pm).
_AT_ONCE = {
    (ServiceState.STOPPED, Requested.STARTED): "starting",
    (ServiceState.STOPPED, Requested.DISABLED): "disabled",
    (ServiceState.STARTED, Requested.STOPPED): "stopping",
    (ServiceState.STARTED, Requested.DISABLED): "stopping",
    (ServiceState.ERROR, Requested.DISABLED): "clearing error flag",
}


def verbose(service: Service | None, resource: Resource | None) -> str:
    """`service` is the manager's entry, `resource` that of the configuration."""
    if resource is None:
        return "deleting"
    if resource.state is Requested.IGNORED:
        return "ignored"
    if service is None:
        return "queued"
    known = _AT_ONCE.get((service.state, resource.state))
    if known is not None:
        return known
    if service.state is ServiceState.STARTED and not service.is_running:
        return "starting"
    return service.state.value
