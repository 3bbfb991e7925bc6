"""How a change of HA can end badly, or stay unclear, after it was asked for."""

from __future__ import annotations

from hapanel.kernel.refusal import Refusal, refusal_kind
from hapanel.kernel.refusal import gettext_noop as _
from hapanel.operations.migrate_outcomes import refused_by_proxmox
from hapanel.ports.errors import ClusterError, NotQuorate, PermissionMissing, SignInRefused

REFUSED = refusal_kind(
    "ha-change-refused",
    _("Proxmox refused the change: %(said)s. Nothing was changed."),
    _("Mend what Proxmox names, then ask again."),
)
NOT_ARRIVED = refusal_kind(
    "ha-change-not-arrived",
    _(
        "Proxmox's answer was lost, and %(seconds)s seconds later its configuration does not show "
        "the change: the request did not arrive."
    ),
    _("Ask again. Nothing was changed, and the panel does not send a request twice by itself."),
)
NOT_KEPT = refusal_kind(
    "ha-change-not-kept",
    _("Proxmox took the change, but its configuration shows something else by now."),
    _("Look at the HA page: somebody else has most likely changed the same thing right after."),
)
NOT_OBEYED = refusal_kind(
    "ha-manager-did-not-obey",
    _("The HA manager was told, but after %(seconds)s seconds it is still %(state)s."),
    _("Look at the journal of pve-ha-crm on the HA manager's node, then ask again."),
)
MAY_STILL_OBEY = refusal_kind(
    "ha-manager-may-still-obey",
    _("The HA manager was told but is not at work. It may obey when it is back, or never."),
    _("Bring pve-ha-crm back on a node with quorum. The panel goes on as soon as it obeys."),
)


def refused(error: ClusterError, *, cluster: str) -> Refusal:
    """The refusal for a request that Proxmox answered with No: nothing was changed."""
    if isinstance(error, SignInRefused | PermissionMissing | NotQuorate):
        return refused_by_proxmox(error, guest="", cluster=cluster)
    return REFUSED(said=error.reason[:500].rstrip(".!"))
