"""The sentences of readiness: English templates, translated at the edge."""

from __future__ import annotations

from collections.abc import Mapping

from hapanel.ha.engine.rules import Conflict
from hapanel.kernel.refusal import gettext_noop as _

# of a guest
SERVES = _("People use it (%(services)s), but it is not under HA: it is down while %(node)s is.")
ONBOOT = _("It starts with its node, so it matters, but it is not under HA: down with %(node)s.")
ADD_TO_HA = _("Add it under Datacenter, HA, once its disks are on shared storage.")
SILENT = _("%(node)s is silent, and without quorum nobody starts it elsewhere.")
NO_QUORUM = _("There is no quorum: if its node dies now, nobody starts it elsewhere.")
NODE_FATAL = _("If %(node)s dies, the rest has no quorum and starts it nowhere.")
RESETS = _("If %(fatal)s dies, %(node)s has no quorum either and its watchdog resets it.")
SEE_QUORUM = _("Mend the quorum first, as the verdict of the cluster says.")
DISARMED = _("HA is disarmed: if %(node)s dies, nothing is fenced and nothing recovered.")
ARM = _("Arm HA again when the work is done: ha-manager crm-command arm-ha")
IN_ERROR = _("The HA manager has given it up (error) and does nothing for it.")
OUT_OF_ERROR = _(
    "Mend what kept it from starting, then disable it and start it again: "
    "ha-manager set %(sid)s --state disabled, then --state started"
)
FROZEN = _("It is frozen, since the local HA agent of %(node)s was stopped: it is not recovered.")
LRM_DEAD = _("The local HA agent of %(node)s does not answer, so it does nothing for it.")
START_LRM = _("On %(node)s: systemctl start pve-ha-lrm")
RULE_LEAVES_NONE = _("The HA rule %(rule)s leaves it no node when %(node)s is gone.")
WIDEN_RULE = _("Add another node to the rule %(rule)s, or make the rule not strict.")
PARTNER_IN_THE_WAY = _(
    "It must be kept apart from %(partner)s, and no node without it is left when %(node)s is gone."
)
ANOTHER_NODE = _("Add a node to the cluster, or give up the rule that keeps them apart.")
NO_NODE_LEFT = _("When %(node)s is gone no node is left that takes guests.")
NODE_BACK = _("Bring the other nodes back, or end their maintenance.")
WAIT = _("Wait a few minutes; if it stays so, give the panel's token VM.Audit on /vms.")
LOCAL_CD = _("Its CD image %(disk)s is on %(storage)s, which only %(node)s has.")
EJECT = _("Take the CD out of the drive, or put the image on shared storage.")
LOCAL_DISK = _(
    "Its disk %(disk)s is on %(storage)s, which is not shared: it will start nowhere else."
)
MOVE_DISK = _("Move the disk to a storage that is shared or replicated.")
STORAGE_NOWHERE = _(
    "Its disk %(disk)s is on %(storage)s, and no other node that may take it has that."
)
STORAGE_NOT_EVERYWHERE = _(
    "Its disk %(disk)s is on %(storage)s, which %(nodes)s lacks: the HA manager does not look at "
    "that and may start it there."
)
STORAGE_RULE = _(
    "Make a strict HA rule that keeps it on the nodes with %(storage)s, or give the others that "
    "storage."
)
HARDWARE = _("It uses hardware of %(node)s (%(device)s) and will start nowhere else.")
MAP_HARDWARE = _(
    "Take the device out, or map it: Datacenter, Resource Mappings, with a like device on the "
    "other nodes."
)
NO_ROOM = _("It would be started on %(node)s, where %(free)d of %(needed)d MiB are left for it.")
TOO_LARGE = _("It needs %(needed)d MiB of memory; no other node has more than %(free)d MiB free.")
MAKE_ROOM = _("Give the nodes more memory, or the guests less; see Capacity.")

# of the cluster
CONDITION_OK = {
    "armed": _("HA is armed."),
    "standby": _("HA is on standby: no guest asks for it, so no watchdog runs."),
}
IS_DISARMED = _("HA is %(armed)s: when a node dies, nothing is fenced and nothing recovered.")
ARMED_NOT_TOLD = _("This version does not tell whether HA is armed; before 9.2 it always is.")
MANAGER_WELL = _("The HA manager is at work on %(manager)s.")
MANAGER_DEAD = _("The HA manager on %(manager)s does not answer: nothing is decided.")
MANAGER_NONE = _("No HA manager is at work: nothing is decided.")
MANAGER_UNUSED = _("No guest is under HA, so no HA manager is needed.")
START_CRM = _("On every node: systemctl start pve-ha-crm")
FENCING_WELL = _("Each node resets itself by its watchdog when it loses the cluster.")
FENCING_AGENTS = _("The local HA agent does not answer on %(nodes)s: its guests are not recovered.")
FENCING_UNUSED = _("No guest is under HA, so nothing has to be fenced.")
FENCING_UNKNOWN = _("The local HA agents could not be seen.")
NONE_GIVEN_UP = _("None of %(managed)d guests under HA is in error or frozen.")
EACH_GUEST = _("What to do stands beside each guest.")
HA_NOT_TOLD = _("The HA manager's state was not told lately.")
NO_HA = _("No guest is under HA.")
GIVEN_UP = _("%(count)d of %(managed)d guests under HA are in error or frozen: %(guests)s.")
DISKS_AMISS = _(
    "Disks of %(count)d of %(managed)d guests under HA are not wherever they may be started: "
    "%(guests)s."
)
DISKS_UNREAD = _("Disks of %(count)d of %(managed)d guests under HA are not read yet: %(guests)s.")
DEVICES_AMISS = _(
    "%(count)d of %(managed)d guests under HA use hardware of their node: %(guests)s."
)
RULES_AMISS = _("%(count)d of %(managed)d guests under HA would be left no node: %(guests)s.")
TOO_LARGE_ONES = _(
    "%(count)d of %(managed)d guests under HA are larger than any free room: %(guests)s."
)
DISKS_WELL = _("The disks of all %(managed)d guests under HA are on storage that others have too.")
DEVICES_WELL = _("None of %(managed)d guests under HA uses the hardware of one node.")
RULES_WELL = _("Whichever node dies, the rules leave each guest a place.")
CONFLICTS: Mapping[Conflict, str] = {
    Conflict.PLACED_TWICE: _(
        "The rule %(rule)s is ignored: a guest of it is in another node rule, too."
    ),
    Conflict.TOO_FEW_RESOURCES: _("The rule %(rule)s is ignored: it names less than two guests."),
    Conflict.TOO_FEW_NODES: _(
        "The rule %(rule)s is ignored: it keeps more guests apart than there are nodes."
    ),
    Conflict.BOTH_WAYS: _("The rule %(rule)s is ignored: guests are to be together and apart."),
    Conflict.SEVERAL_PRIORITIES: _(
        "The rule %(rule)s is ignored: its guests are in a node rule with several priorities."
    ),
    Conflict.BUNDLE_IN_TWO_PLACES: _(
        "The rule %(rule)s is ignored: guests to be together are in more than one node rule."
    ),
    Conflict.APART_ON_TOO_FEW_NODES: _(
        "The rule %(rule)s is ignored: node rules leave its guests too few nodes to be apart."
    ),
}
RULES_MEND = _("Change or remove rules that contradict each other.")
CAPACITY_WELL = _("Whichever node dies, its guests under HA fit on the others.")
CAPACITY_SHORT = _(
    "If %(node)s dies, its guests under HA need %(needed)d MiB and the others have %(free)d MiB."
)
CAPACITY_LEFT_OUT = _("If %(node)s dies, there is no room for %(guests)s.")
CAPACITY_CPU = _("If %(node)s dies, %(left)s has %(each).1f assigned cores for each of its own.")
CAPACITY_CPU_MEND = _("Guests would run slower. Spread them, or give them fewer cores.")
CAPACITY_UNKNOWN = _("How much memory is free is not known on %(nodes)s.")
CAPACITY_ASKED = _("As far as sums tell there is room; Capacity looks at each place.")
NETWORK_WELL = _("Corosync has %(links)d networks between the nodes.")
NETWORK_ONE = _(
    "Corosync has one network only: when its switch or cable fails, nodes lose each other."
)
NETWORK_TWO = _(
    "Give each node a second address (ring1_addr) in another network: pvecm help, and the "
    "chapter on redundancy in the cluster manual of Proxmox."
)
NETWORK_UNKNOWN = _("Corosync's networks were not read. The panel's token needs Sys.Audit on /.")
NETWORK_ALONE = _("It is one node; there is no cluster network.")
LINK_UNKNOWN = _("Replication under %(storages)s is not observed, so it may be broken unseen.")
LINK_OBSERVE = _(
    "Let the panel observe it over ssh (settings of the cluster), or look with drbdadm status."
)
LINK_UNUSED = _("No guest under HA is on storage that looks replicated.")
COVERAGE_WELL = _("No running guest that starts with its node or is behind a service lacks HA.")
COVERAGE_LACKS = _("%(count)d guests matter and are not under HA: %(guests)s.")
COVERAGE_NONE = _("Guests run and none of them is under HA: nobody starts them elsewhere.")
OTHER_FENCING = _(
    "The datacenter asks for %(fencing)s fencing. The HA manager never calls a fence device: the "
    "watchdog alone fences, and who waits for a device or a person waits in vain."
)
OTHER_FENCING_MEND = _("Remove the option fencing from /etc/pve/datacenter.cfg.")
WATCHDOG_ONLY = _("The datacenter leaves fencing to the watchdog.")
OPTIONS_UNREAD = _(
    "The datacenter's options were not read. The panel's token needs Sys.Audit on /."
)
GROUPS_NONE = _("There are no HA groups.")
GROUPS_LEFT = _("These HA groups are not rules yet: %(groups)s.")
GROUPS_MEND = _(
    "Upgrade all nodes to Proxmox VE 9: the HA manager then turns groups into rules by itself, "
    "as soon as every node is online and its local HA agent is at work."
)
GROUPS_UNREAD = _("HA groups could not be read.")
READY_BUT = _("%(cluster)s works, but is not ready to lose a node.")
