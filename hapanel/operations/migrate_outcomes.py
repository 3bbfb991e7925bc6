"""How a migration can end badly, or stay unclear, after it was asked for."""

from __future__ import annotations

from hapanel.kernel.refusal import Refusal, refusal_kind
from hapanel.kernel.refusal import gettext_noop as _
from hapanel.ports.errors import (
    ClusterError,
    GuestLocked,
    NotQuorate,
    PermissionMissing,
    SignInRefused,
)

MOVED_MEANWHILE = refusal_kind(
    "guest-moved-meanwhile",
    _("%(guest)s was moved to %(node)s by somebody else before the migration began."),
    _("Look where it is now, and ask again if it shall go on to %(target)s."),
)
ANOTHER_GUEST = refusal_kind(
    "another-guest",
    _("%(vmid)s is %(now)s now, and %(asked)s was asked for. Nothing was started."),
    _("Look who has the number now: renamed, or another guest. Ask again if that one shall move."),
)
TOKEN_REFUSED = refusal_kind(
    "token-refused",
    _("%(cluster)s refuses the panel's token: %(said)s. Nothing was started."),
    _("Give the cluster a valid token in its settings, then ask again."),
)
PERMISSION_MISSING = refusal_kind(
    "proxmox-permission",
    _("Proxmox does not let the panel's token do this: %(said)s. Nothing was started."),
    _("Give the token's user and the token the privilege that Proxmox names."),
)
QUORUM_LOST = refusal_kind(
    "quorum-lost",
    _("%(cluster)s lost its quorum and takes no change: %(said)s. Nothing was started."),
    _("Bring back nodes or the QDevice, then ask again."),
)
LOCKED_MEANWHILE = refusal_kind(
    "guest-locked-meanwhile",
    _("Another task holds %(guest)s: %(said)s. Nothing was started."),
    _("Wait for that task, then ask again."),
)
PROXMOX_REFUSED = refusal_kind(
    "proxmox-refused",
    _("Proxmox refused to migrate %(guest)s: %(said)s. Nothing was started."),
    _("Mend what Proxmox names, then ask again."),
)
UNCLEAR_START = refusal_kind(
    "unclear-start",
    _(
        "The panel was about to ask Proxmox, or had just asked, and lost the answer. %(node)s "
        "lists no task for it. Either the request never arrived and nothing happened, or it "
        "arrived and its task is not listed."
    ),
    _(
        "Look for a migration of %(guest)s among the tasks of %(node)s. Name it here if there is "
        "one; say that nothing happened if there is none. The panel will not ask a second time."
    ),
)
SEVERAL_TASKS = refusal_kind(
    "several-tasks",
    _(
        "The panel lost the answer to its request, and %(count)s tasks of %(guest)s could be the "
        "one: %(tasks)s."
    ),
    _("Look at these tasks in Proxmox and name the one that shall be followed."),
)
MIGRATION_FAILED = refusal_kind(
    "migration-failed",
    _("Proxmox ended the migration: %(error)s. %(guest)s is still on %(node)s."),
    _("Mend what Proxmox names, then migrate again. The task's log has the details."),
)
FAILED_AND_LOCKED = refusal_kind(
    "migration-failed-locked",
    _("The migration ended: %(error)s. %(guest)s is still on %(node)s, locked (%(lock)s)."),
    _(
        "Make sure that no migration runs any more, remove the lock on %(node)s with %(command)s, "
        "then migrate again."
    ),
)
FAILED_ON_TARGET = refusal_kind(
    "migration-problems",
    _("%(guest)s is on %(node)s, but Proxmox reports problems: %(error)s."),
    _("Check the guest, and look on the source for what the migration left behind."),
)
FAILED_ELSEWHERE = refusal_kind(
    "migration-failed-guest-elsewhere",
    _("The migration ended: %(error)s. %(guest)s is now on %(node)s."),
    _("Somebody else, or HA recovery, moved it. Check the guest, then ask again if need be."),
)
FAILED_GUEST_GONE = refusal_kind(
    "migration-failed-guest-gone",
    _("The migration ended: %(error)s. %(cluster)s does not list %(guest)s any more."),
    _("Look for its configuration in /etc/pve/nodes on the cluster's nodes."),
)
SOURCE_LOST = refusal_kind(
    "migration-source-lost",
    _("%(source)s was lost while %(guest)s was moving. The guest is now on %(node)s."),
    _(
        "Check the guest: it had just arrived, or HA recovered it there. "
        "Its task died with %(source)s."
    ),
)
HA_REFUSED = refusal_kind(
    "ha-refused",
    _("The HA manager did not take the migration of %(guest)s: %(said)s."),
    _("Mend what it names: most often an HA rule, or the guest's HA state."),
)
HA_DID_NOTHING = refusal_kind(
    "ha-did-nothing",
    _("The HA manager accepted the migration of %(guest)s but did not begin it in %(seconds)s s."),
    _("Look at the journal of pve-ha-crm on the HA manager's node; it tells nobody else why."),
)
HA_MAY_STILL = refusal_kind(
    "ha-may-still-begin",
    _(
        "The HA manager accepted the migration of %(guest)s but is not at work. It may begin the "
        "migration when it is back, or never."
    ),
    _("Bring pve-ha-crm back on a node with quorum. The panel follows as soon as it begins."),
)
NOT_ARRIVED = refusal_kind(
    "guest-not-arrived",
    _("Proxmox says the migration went well, but %(guest)s is on %(node)s (%(state)s)."),
    _("Look at the guest and its HA state in Proxmox."),
)


def refused_by_proxmox(error: ClusterError, *, guest: str, cluster: str) -> Refusal:
    """The refusal for a request that Proxmox answered with No: nothing was started."""
    said = error.reason[:500].rstrip(".!")
    match error:
        case SignInRefused():
            return TOKEN_REFUSED(cluster=cluster, said=said)
        case PermissionMissing():
            return PERMISSION_MISSING(said=said)
        case NotQuorate():
            return QUORUM_LOST(cluster=cluster, said=said)
        case GuestLocked():
            return LOCKED_MEANWHILE(guest=guest, said=said)
        case _:
            return PROXMOX_REFUSED(guest=guest, said=said)
