"""Every No, and every warning, that a wish to migrate can get before anything happens."""

from __future__ import annotations

from hapanel.kernel.refusal import gettext_noop as _
from hapanel.kernel.refusal import refusal_kind

UNKNOWN_GUEST = refusal_kind(
    "unknown-guest",
    _("The cluster %(cluster)s has no guest %(vmid)s."),
    _("Check the number in the list of guests. A guest that was just made shows within seconds."),
    status=404,
)
UNKNOWN_TARGET = refusal_kind(
    "unknown-target",
    _("The cluster %(cluster)s has no node %(node)s."),
    _("Choose one of: %(nodes)s."),
    status=422,
    field="target",
)
TARGET_IS_SOURCE = refusal_kind(
    "target-is-source",
    _("%(guest)s already runs on %(node)s."),
    _("Choose another node as the target."),
    field="target",
)
TEMPLATE = refusal_kind(
    "guest-is-template",
    _("%(guest)s is a template and never runs."),
    _("Make a guest from the template and migrate that one."),
)
GUEST_UNKNOWN = refusal_kind(
    "guest-state-unknown",
    _("Whether %(guest)s runs is not known: nothing is heard from its node %(node)s."),
    _("Wait until %(node)s is back, or until the HA manager has recovered the guest."),
)
GUEST_LOCKED = refusal_kind(
    "guest-locked",
    _("%(guest)s is locked (%(lock)s): another task is working on it."),
    _(
        "Wait for that task. A lock left over by a crash is removed on the node %(node)s with: "
        "%(command)s"
    ),
)
OPERATION_IN_PROGRESS = refusal_kind(
    "operation-in-progress",
    _("Operation %(operation)s is already moving %(guest)s."),
    _("Wait for its end, cancel it, or settle it when it needs attention."),
)
CLUSTER_NOT_SEEN = refusal_kind(
    "cluster-not-seen",
    _("%(cluster)s does not tell how it is: %(reason)s."),
    _("Wait until the panel sees the cluster again, or check the cluster's settings."),
)
CLUSTER_STALE = refusal_kind(
    "cluster-stale",
    _("What the panel knows of %(cluster)s is %(seconds)s s old."),
    _("Wait for the next look at the cluster. If none comes, see whether the workers run."),
)
NO_QUORUM = refusal_kind(
    "no-quorum",
    _("%(cluster)s has no quorum, so it takes no change."),
    _("Bring back nodes or the QDevice until the cluster has the majority of its votes."),
)
WATCH_ONLY = refusal_kind(
    "watch-only",
    _("%(cluster)s was added to be watched only."),
    _("Give the panel a token that may operate, in the cluster's settings."),
)
PRIVILEGE_MISSING = refusal_kind(
    "privilege-missing",
    _("The panel's token on %(cluster)s lacks the privilege %(privilege)s."),
    _("Give it to the token's user and to the token, on the path /vms of Proxmox."),
)
SOURCE_NOT_ONLINE = refusal_kind(
    "source-not-online",
    _("%(guest)s lies on %(node)s, which is %(status)s."),
    _("A guest leaves a lost node by HA recovery only. Bring %(node)s back to migrate it."),
)
TARGET_NOT_ONLINE = refusal_kind(
    "target-not-online",
    _("The target %(node)s is %(status)s."),
    _("Choose a node that is online, or bring %(node)s back first."),
    field="target",
)
TARGET_IN_MAINTENANCE = refusal_kind(
    "target-in-maintenance",
    _("The target %(node)s is in maintenance: guests are leaving it."),
    _("Choose another node, or end the maintenance of %(node)s first."),
    field="target",
)
LOCAL_DISKS = refusal_kind(
    "local-disks",
    _("%(guest)s has disks that only %(node)s has: %(volumes)s."),
    _("Ask for the disks to be copied along, or move them to shared storage first."),
    field="with_local_disks",
)
LOCAL_CDROM = refusal_kind(
    "local-cdrom",
    _("A CD of %(guest)s lies on a storage that only %(node)s has: %(volumes)s."),
    _("Take the CD out of the drive, then migrate."),
)
LOCAL_RESOURCES = refusal_kind(
    "local-resources",
    _("%(guest)s uses devices of %(node)s: %(devices)s."),
    _("Detach the devices, or stop the guest and move it without them."),
)
NOT_ENOUGH_MEMORY = refusal_kind(
    "not-enough-memory",
    _("%(guest)s uses %(needed)s of memory, %(node)s has %(free)s free."),
    _("Free memory on %(node)s, give the guest less, or choose another node."),
    field="target",
)
TIGHT_MEMORY = refusal_kind(
    "tight-memory",
    _("%(guest)s may grow to %(needed)s of memory, %(node)s has %(free)s free."),
    _("Watch the memory of %(node)s after the move, or choose another node."),
)
MEMORY_UNKNOWN = refusal_kind(
    "memory-unknown",
    _("How much memory %(node)s has free is not known."),
    _("Check the node's memory before you migrate a large guest."),
)
MODE_DOES_NOT_FIT = refusal_kind(
    "mode-does-not-fit",
    _("%(guest)s cannot move in the mode %(mode)s: it is %(state)s."),
    _("Choose the mode %(fitting)s."),
    field="mode",
)
STORAGE_MISSING = refusal_kind(
    "storage-missing",
    _("The storage %(storage)s, where %(guest)s has a disk, is not available on %(node)s."),
    _("Make the storage available on %(node)s, or choose another node."),
    field="target",
)
TARGET_STORAGE_MISSING = refusal_kind(
    "target-storage-missing",
    _("%(node)s has no storage %(storage)s that is available and may hold this guest's disks."),
    _("Choose one of: %(storages)s."),
    status=422,
    field="target_storage",
)
HA_RULE_FORBIDS = refusal_kind(
    "ha-rule-forbids-target",
    _("The HA rule %(rule)s lets %(guest)s run only on: %(nodes)s."),
    _("Choose one of these nodes, or change the rule in Proxmox."),
    field="target",
)
HA_RULE_PREFERS = refusal_kind(
    "ha-rule-prefers-other",
    _("The HA rule %(rule)s prefers other nodes for %(guest)s: %(nodes)s."),
    _("Expect the HA manager to move it back, or change the rule in Proxmox."),
)
HA_KEPT_APART = refusal_kind(
    "ha-kept-apart",
    _("The HA rule %(rule)s keeps %(guest)s apart from %(others)s, which is on %(node)s."),
    _("Move %(others)s away first, or choose another node."),
    field="target",
)
HA_MOVES_ALONG = refusal_kind(
    "ha-moves-along",
    _("The HA rule %(rule)s keeps %(guest)s together with %(others)s: they move along."),
    _("Check that the target has room for all of them."),
)
HA_ERROR = refusal_kind(
    "ha-error-state",
    _("The HA manager holds %(guest)s in the state error and does nothing with it."),
    _("Find and mend the cause, then set its requested state to disabled and to started again."),
)
HA_BUSY = refusal_kind(
    "ha-busy",
    _("The HA manager is at work on %(guest)s (%(state)s)."),
    _("Wait until the guest's HA state is started or stopped."),
)
HA_DISARMED = refusal_kind(
    "ha-disarmed",
    _("HA is disarmed on %(cluster)s (%(state)s), so a migration of an HA guest would never run."),
    _("Arm HA again in Proxmox, then migrate."),
)
HA_MANAGER_DOWN = refusal_kind(
    "ha-manager-down",
    _("The HA services on %(where)s do not work, so nobody would carry out the migration."),
    _("Start pve-ha-crm and pve-ha-lrm there: systemctl start pve-ha-crm pve-ha-lrm"),
)
HA_FIXES_OPTIONS = refusal_kind(
    "ha-fixes-options",
    _("%(guest)s is under HA: target storage and bandwidth limit are not passed on by Proxmox."),
    _("Set limits for the whole datacenter in Proxmox, or take the guest out of HA for the move."),
)
DISKS_ARE_COPIED = refusal_kind(
    "disks-are-copied",
    _("The local disks of %(guest)s are copied over the network: %(volumes)s."),
    _("Expect the move to take as long as the copy."),
)
CONFIG_NOT_READ = refusal_kind(
    "config-not-read-yet",
    _("The disks and devices of %(guest)s are not read yet."),
    _("They are checked with Proxmox right before the move."),
)
QUORUM_UNKNOWN = refusal_kind(
    "quorum-unknown",
    _("Whether %(cluster)s has quorum is not known."),
    _("Give the panel's token Sys.Audit on /; it is checked again right before the move."),
)
PROXMOX_FORBIDS = refusal_kind(
    "proxmox-forbids-target",
    _("Proxmox does not allow %(guest)s on %(node)s: %(said)s."),
    _("Mend what Proxmox names, or choose another node."),
    field="target",
)
