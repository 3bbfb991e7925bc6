"""Every No, and every warning, that a wish to change HA can get before anything happens."""

from __future__ import annotations

from hapanel.kernel.refusal import gettext_noop as _
from hapanel.kernel.refusal import refusal_kind

NEEDS_SYS_CONSOLE = refusal_kind(
    "ha-needs-sys-console",
    _("The panel's token on %(cluster)s lacks Sys.Console, which every change of HA needs."),
    _("Give the token's user, and the token, a role with Sys.Console on the path / of Proxmox."),
)
NOT_MANAGED = refusal_kind(
    "ha-not-managed",
    _("%(cluster)s has no HA resource %(sid)s."),
    _("Put the guest under HA first, or look in the list of resources for the right id."),
    status=404,
)
ALREADY_MANAGED = refusal_kind(
    "ha-already-managed",
    _("%(guest)s is under HA already."),
    _("Change its settings instead."),
)
IN_ERROR = refusal_kind(
    "ha-resource-in-error",
    _("The HA manager holds %(guest)s in the state error and takes no change but disabled."),
    _("Find and mend the cause, set its state to disabled, and then to started again."),
    field="state",
)
NO_SETTING = refusal_kind(
    "ha-nothing-to-change",
    _("Nothing that can be changed was given."),
    _("Give at least one setting."),
    status=422,
)
AS_WANTED = refusal_kind(
    "ha-already-so",
    _("%(what)s is already as it was asked to be."),
    _("Nothing has to be done. Ask for something else, or look again in a moment."),
)
NO_RULES = refusal_kind(
    "ha-rules-unknown-version",
    _("HA rules came with Proxmox VE 9; %(cluster)s runs %(version)s and has HA groups instead."),
    _("Change the groups in Proxmox, or upgrade all nodes: groups then turn into rules."),
)
GROUPS_LEFT = refusal_kind(
    "ha-groups-not-migrated",
    _("%(cluster)s still has HA groups (%(groups)s), and takes no rules beside them."),
    _(
        "Bring all nodes online with Proxmox VE 9 and working HA services: within a minute or so "
        "the HA manager turns every group into a rule by itself."
    ),
)
RULE_NAME = refusal_kind(
    "ha-rule-bad-name",
    _("%(rule)s cannot be the name of an HA rule."),
    _("Begin with a letter; then letters, digits, - and _ may follow, 128 characters at most."),
    status=422,
    field="rule",
)
RULE_EXISTS = refusal_kind(
    "ha-rule-exists",
    _("%(cluster)s has an HA rule %(rule)s already."),
    _("Choose another name, or change that rule."),
    field="rule",
)
NO_SUCH_RULE = refusal_kind(
    "ha-rule-unknown",
    _("%(cluster)s has no HA rule %(rule)s."),
    _("Look in the list of rules for the right name."),
    status=404,
)
RULE_INCOMPLETE = refusal_kind(
    "ha-rule-incomplete",
    _("A rule of the type %(type)s needs %(missing)s."),
    _("Give it."),
    status=422,
)
RULE_TOO_MUCH = refusal_kind(
    "ha-rule-foreign-setting",
    _("A rule of the type %(type)s has no %(extra)s."),
    _("Leave it out, or make a rule of the other type."),
    status=422,
)
RULE_TYPE = refusal_kind(
    "ha-rule-type-fixed",
    _("The rule %(rule)s is of the type %(type)s, which cannot change."),
    _("Remove the rule and make another one."),
    status=422,
    field="type",
)
UNKNOWN_NODES = refusal_kind(
    "ha-rule-unknown-node",
    _("%(cluster)s has no node %(nodes)s."),
    _("Choose from: %(known)s."),
    status=422,
    field="nodes",
)
UNMANAGED = refusal_kind(
    "ha-rule-unmanaged-resource",
    _("A rule holds for guests under HA only, and these are not: %(sids)s."),
    _("Put them under HA first, or leave them out."),
    status=422,
    field="resources",
)
RULE_CONFLICT = refusal_kind(
    "ha-rule-conflict",
    _("The rule %(rule)s could not be kept."),
    _("Change this rule, or the one that stands against it. A disabled rule stands against none."),
    field="resources",
)
RULES_FALL_OUT = refusal_kind(
    "ha-rule-drops-others",
    _("The HA manager would ignore these rules from then on: %(rules)s."),
    _("Change or remove them in the same breath."),
)
NO_ARMING = refusal_kind(
    "ha-arming-unsupported",
    _("%(cluster)s cannot disarm HA: Proxmox VE can since 9.2, and it runs %(version)s."),
    _("Upgrade all nodes, or take single guests out of HA for the time of the work."),
)
ALREADY_DISARMED = refusal_kind(
    "ha-already-disarmed",
    _("HA on %(cluster)s is %(state)s already."),
    _("Arm HA when the work is done."),
)
ALREADY_ARMED = refusal_kind(
    "ha-already-armed",
    _("HA on %(cluster)s is not disarmed (%(state)s)."),
    _("Nothing has to be done."),
)
ANOTHER_CHANGE = refusal_kind(
    "ha-change-in-progress",
    _("Operation %(operation)s is just changing %(what)s."),
    _("Wait for its end, or settle it when it needs attention."),
)
NOT_CONFIRMED = refusal_kind(
    "ha-not-confirmed",
    _("%(wanted)s was not typed."),
    _("Type it exactly as it stands there. Nothing was done."),
    status=422,
    field="confirm",
)
# What happens at once, beside what happens when a node dies.
STARTS_NOW = refusal_kind(
    "ha-starts-guest",
    _("%(guest)s is switched off: the HA manager starts it within a round of ten seconds."),
    _("Ask for stopped if it shall stay off."),
)
STOPS_NOW = refusal_kind(
    "ha-stops-guest",
    _("%(guest)s runs: the HA manager shuts it down within a round of ten seconds."),
    _("Ask for started if it shall go on running."),
)
MOVES_NOW = refusal_kind(
    "ha-moves-guest",
    _("%(guest)s is on %(source)s: the HA manager moves it to %(target)s at once."),
    _("Wait for a quiet hour if the move disturbs: a container is restarted by it."),
)
LEAVES_RULES = refusal_kind(
    "ha-leaves-rules",
    _("%(guest)s leaves the rules that name it: %(rules)s. A rule without guests is removed."),
    _("Add it to them again should it come back under HA."),
)
RUNS_ON = refusal_kind(
    "ha-guest-runs-on",
    _("%(guest)s goes on as it is, but nobody starts it again when it or its node dies."),
    _("Switch on its start at boot in Proxmox if it shall come back with its node."),
)
DISARM_FREEZES = refusal_kind(
    "ha-disarm-freezes",
    _(
        "Until HA is armed again no watchdog is active, no node is fenced and no guest is "
        "recovered. All guests under HA are frozen where they are: they run on, but nobody "
        "carries out a start, a stop or a migration of them."
    ),
    _("Arm HA as soon as the work is done. Choose ignore if guests must be handled meanwhile."),
)
DISARM_IGNORES = refusal_kind(
    "ha-disarm-ignores",
    _(
        "Until HA is armed again no watchdog is active, no node is fenced and no guest is "
        "recovered. Guests can be started, stopped and migrated as if they were not under HA."
    ),
    _("Arm HA as soon as the work is done. What is off then is started by HA if it is to run."),
)
ARM_RECOVERS = refusal_kind(
    "ha-arm-recovers",
    _(
        "The watchdogs are active again within seconds. Guests of a node that is away now are "
        "started elsewhere at once when HA was disarmed with ignore; with freeze they stay "
        "frozen until their node is back."
    ),
    _("Bring nodes back that are only switched off for the work before you arm HA."),
)
