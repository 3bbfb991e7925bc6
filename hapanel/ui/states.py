"""One fact, one severity: how each word of Proxmox and of ours is shown, on every page.

Everything here takes plain words and gives a shape's name and a word in the reader's language.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _

from hapanel.access import Role


@dataclass(frozen=True, slots=True)
class Shown:
    """The name of a shape (see tokens.css) and the word beside it."""

    state: str
    word: str


class GuestFacts(Protocol):
    """What decides how a guest is shown; vms.Guest has it."""

    status: str
    lock: str
    ha_state: str
    template: bool

    @property
    def is_awaited(self) -> bool: ...


_NODE: dict[str, tuple[str, Promise]] = {
    "online": ("ok", _("online")),
    "offline": ("danger", _("offline")),
    "maintenance": ("maint", _("maintenance")),
    "fence": ("fence", _("being fenced")),
}
_GUEST: dict[str, tuple[str, Promise]] = {
    "running": ("ok", _("running")),
    "stopped": ("off", _("stopped")),
    "paused": ("off", _("paused")),
    "suspended": ("off", _("suspended")),
    "prelaunch": ("busy", _("starting")),
}
_OPERATION: dict[str, tuple[str, Promise]] = {
    "scheduled": ("off", _("scheduled")),
    "queued": ("busy", _("queued")),
    "running": ("busy", _("running")),
    "succeeded": ("ok", _("done")),
    "failed": ("danger", _("failed")),
    "cancelled": ("off", _("cancelled")),
    "needs_attention": ("warn", _("needs attention")),
}
_OUTCOME: dict[str, tuple[str, Promise]] = {
    "asked": ("off", _("asked")),
    "refused": ("warn", _("refused")),
    "missed": ("warn", _("missed")),
}
_HA: dict[str, tuple[str, Promise]] = {
    "started": ("ok", _("started")),
    "stopped": ("off", _("stopped")),
    "disabled": ("off", _("disabled")),
    "ignored": ("off", _("ignored")),
    "error": ("danger", _("error")),
    "fence": ("fence", _("waits for fencing")),
    "recovery": ("fence", _("recovery")),
    "freeze": ("maint", _("frozen")),
    "migrate": ("busy", _("migrating")),
    "relocate": ("busy", _("relocating")),
    "starting": ("busy", _("starting")),
    "stopping": ("busy", _("stopping")),
    "request_start": ("busy", _("starting")),
    "request_start_balance": ("busy", _("starting")),
    "request_stop": ("busy", _("stopping")),
    "queued": ("busy", _("queued")),
    "deleting": ("busy", _("being removed")),
}
_LRM: dict[str, tuple[str, Promise]] = {
    "active": ("ok", _("active")),
    "idle": ("off", _("idle")),
    "wait_for_agent_lock": ("busy", _("waits for its lock")),
    "lost_agent_lock": ("danger", _("lost its lock")),
    "maintenance": ("maint", _("maintenance")),
    "restart": ("busy", _("restarting")),
}
# The row "fencing" of /cluster/ha/status/current since PVE 9.2; disarmed, nothing is recovered.
_FENCING: dict[str, tuple[str, Promise]] = {
    "armed": ("ok", _("armed")),
    "standby": ("off", _("on standby")),
    "disarming": ("busy", _("being disarmed")),
    "disarmed": ("warn", _("disarmed: nothing is recovered")),
}
_SERVICE: dict[str, tuple[str, Promise]] = {
    "up": ("ok", _("up")),
    "degraded": ("warn", _("slow")),
    "down": ("danger", _("down")),
    "maintenance": ("maint", _("under maintenance")),
    "unknown": ("unknown", _("not known")),
}
# Whether a condition of readiness is met (ha.readiness.condition.Met); its shape is its level.
_MET: dict[str, Promise] = {
    "ok": _("met"),
    "warn": _("warning"),
    "fail": _("not met"),
    "unknown": _("not known"),
}
# Whether guests find room (ha.capacity.loss.Fit); nothing of it has happened yet.
_FIT: dict[str, tuple[str, Promise]] = {
    "fits": ("ok", _("fits")),
    "tight": ("warn", _("fits, CPU is short")),
    "no": ("warn", _("does not fit")),
    "unknown": ("unknown", _("not known")),
}
# How good the panel's knowledge of something is (nodes.models.Sight).
_SIGHT: dict[str, tuple[str, Promise]] = {
    "current": ("ok", _("seen now")),
    "minority": ("warn", _("seen only by a minority")),
    "stale": ("unknown", _("not seen lately")),
    "unknown": ("unknown", _("not seen")),
}
_SEVERITY = {"ok": "ok", "info": "info", "warn": "warn", "danger": "danger", "busy": "busy"}


def _look_up(table: dict[str, tuple[str, Promise]], word: str) -> Shown:
    """A word that Proxmox has and we do not know is shown as it is, in neither green nor red."""
    if word in table:
        state, shown = table[word]
        return Shown(state, str(shown))
    return Shown("unknown", word or gettext("not known"))


def node_shown(status: str, *, stale: bool = False) -> Shown:
    """How a node is shown. `stale`: nobody has seen its cluster for too long."""
    if stale or status == "unknown":
        return Shown("unknown", pgettext("a node or guest", "not seen"))
    return _look_up(_NODE, status)


def guest_shown(guest: GuestFacts, *, stale: bool = False, moving: bool = False) -> Shown:
    """How a guest is shown: not seen before HA error before moving before Proxmox's own word.

    What HA has just moved is reported by its new node only some seconds later, and starts.
    """
    if not stale and guest.is_awaited:
        return _look_up(_HA, guest.ha_state)
    if stale or guest.status == "unknown":
        return Shown("unknown", pgettext("a node or guest", "not seen"))
    if guest.ha_state == "error":
        return Shown("danger", gettext("HA error"))
    if moving or guest.lock == "migrate":
        return Shown("busy", gettext("migrating"))
    if guest.template:
        return Shown("off", gettext("template"))
    return _look_up(_GUEST, guest.status)


def status_shown(status: str) -> Shown:
    """How Proxmox's own word for a guest is shown, without anything around it."""
    return _look_up(_GUEST, status)


def operation_shown(state: str, *, blind: bool = False) -> Shown:
    """How an operation's state is shown. `blind`: its cluster does not answer right now."""
    if blind and state == "running":
        return Shown("unknown", gettext("not seen"))
    return _look_up(_OPERATION, state)


def outcome_shown(outcome: str) -> Shown:
    """How an entry of the audit log ended: as an operation does, or asked for, or refused."""
    return _look_up({**_OPERATION, **_OUTCOME}, outcome)


def ha_shown(state: str, *, stale: bool = False) -> Shown:
    """How the state of an HA resource is shown, from the HA manager's (verbose) word."""
    if stale:
        return Shown("unknown", pgettext("a node or guest", "not seen"))
    return _look_up(_HA, state)


def lrm_shown(state: str, *, dead: bool = False, stale: bool = False) -> Shown:
    """How a node's local resource manager is shown."""
    if stale:
        return Shown("unknown", pgettext("a node or guest", "not seen"))
    return Shown("danger", gettext("does not answer")) if dead else _look_up(_LRM, state)


def ha_manager_shown(state: str, *, silent: bool = False, stale: bool = False) -> Shown:
    """How the HA manager is shown; `silent`: its node is not online.

    Proxmox itself calls it dead 30 s after its last sign of life, and active until then.
    """
    return lrm_shown(state, dead=silent or state == "dead", stale=stale)


def met_shown(met: str, level: str) -> Shown:
    """Whether a condition of readiness is met, as loud as `level` says."""
    return Shown(level, str(_MET[met]))


def fit_shown(fit: str) -> Shown:
    """Whether guests find room when a node dies."""
    return _look_up(_FIT, fit)


def fencing_shown(state: str) -> Shown:
    """Whether the HA manager may fence."""
    return _look_up(_FENCING, state)


def service_shown(state: str) -> Shown:
    """How a service is shown to staff; the status page has plainer sentences of its own."""
    return _look_up(_SERVICE, state)


def sight_shown(sight: str) -> Shown:
    """How it is shown that something is seen now, by a minority only, no more, or not at all."""
    return _look_up(_SIGHT, sight)


_MILESTONES = {
    "succeeded": "ok",
    "cluster_added": "ok",
    "cluster_changed": "ok",
    "lab_obeyed": "ok",
    "ha_succeeded": "ok",
    "drbd_done": "ok",
    "split_brain_over": "ok",
    "split_brain_left": "off",
    "split_brain_back": "warn",
    "split_brain_not_undone": "danger",
    "split_brain_without": "danger",
    "split_brain_not_copied": "warn",
    "drbd_verify_clean": "ok",
    "drbd_verify_found": "warn",
    "drbd_unanswered": "warn",
    "drbd_held": "warn",
    "drbd_paused": "off",
    "failed": "danger",
    "needs_attention": "warn",
    "blind": "unknown",
    "answer_lost": "warn",
    "ha_answer_lost": "warn",
    "ha_unsure": "warn",
    "cancel_requested": "warn",
    "cancel_refused": "warn",
    "cancel_unanswered": "warn",
    "cancelled": "off",
    "cancelled_unsent": "off",
}


def milestone_state(code: str) -> str:
    """The shape of a line in an operation's timeline."""
    return _MILESTONES.get(code, "info")


def severity_state(severity: str) -> str:
    """The shape of an event's severity."""
    return _SEVERITY.get(severity, "info")


ROLES: dict[Role | None, Promise] = {
    Role.ADMINISTRATOR: _("administrator"),
    Role.OPERATOR: _("operator"),
    Role.HELP_DESK: _("help desk"),
}

ACTIONS: dict[str, Promise] = {
    "signed_in": _("signed in"),
    "signed_out": _("signed out"),
    "sign_in_failed": _("failed to sign in"),
    "locked_out": _("was locked out after too many wrong passwords"),
    "token_issued": _("made an API token"),
    "token_revoked": _("revoked an API token"),
    "user_created": _("added an account"),
    "role_given": _("gave a role"),
    "user_deactivated": _("deactivated an account"),
    "user_activated": _("activated an account"),
    "password_reset": _("set a new password for somebody"),
    "password_changed": _("changed the own password"),
    "migration_requested": _("asked for a migration"),
    "migration_ended": _("migration ended"),
    "cluster_add_requested": _("asked to add a cluster"),
    "cluster_add_ended": _("trying the cluster ended"),
    "cluster_added": _("added a cluster"),
    "cluster_change_requested": _("asked to change a cluster"),
    "cluster_change_ended": _("trying the change ended"),
    "ssh_change_requested": _("asked to change the ssh access"),
    "ssh_change_ended": _("trying the ssh access ended"),
    "ha_resource_add_requested": _("asked to put a guest under HA"),
    "ha_resource_add_ended": _("putting a guest under HA ended"),
    "ha_resource_change_requested": _("asked to change an HA resource"),
    "ha_resource_change_ended": _("changing an HA resource ended"),
    "ha_resource_removal_requested": _("asked to take a guest out of HA"),
    "ha_resource_removal_ended": _("taking a guest out of HA ended"),
    "ha_rule_add_requested": _("asked to add an HA rule"),
    "ha_rule_add_ended": _("adding an HA rule ended"),
    "ha_rule_change_requested": _("asked to change an HA rule"),
    "ha_rule_change_ended": _("changing an HA rule ended"),
    "ha_rule_removal_requested": _("asked to remove an HA rule"),
    "ha_rule_removal_ended": _("removing an HA rule ended"),
    "ha_disarm_requested": _("asked to disarm HA"),
    "ha_disarm_ended": _("disarming HA ended"),
    "ha_arm_requested": _("asked to arm HA"),
    "ha_arm_ended": _("arming HA ended"),
    "cluster_removed": _("removed a cluster from the panel"),
    "ssh_key_made": _("made an ssh key for the nodes of a cluster"),
    "split_brain_recovery_requested": _("asked to end a split brain"),
    "split_brain_recovery_ended": _("a split-brain recovery ended"),
    "snapshot_removal_requested": _("asked to remove a snapshot"),
    "snapshot_removal_ended": _("removing a snapshot ended"),
    "drbd_action_requested": _("asked to act on a DRBD resource"),
    "drbd_action_ended": _("an action on a DRBD resource ended"),
    "verify_schedule_set": _("let the verify of a DRBD resource repeat"),
    "verify_schedule_changed": _("changed when a DRBD resource is verified"),
    "verify_schedule_removed": _("ended the repeated verify of a DRBD resource"),
    "scheduled_verify_left_out": _("left a scheduled verify out"),
    "lab_switch_requested": _("asked to switch something in the lab"),
    "lab_switch_ended": _("the switch in the lab ended"),
    "operation_cancelled": _("cancelled an operation"),
    "operation_cancel_requested": _("asked to cancel an operation"),
    "operation_settled": _("settled an unclear operation"),
    "service_added": _("added a service"),
    "service_changed": _("changed a service"),
    "service_removed": _("removed a service"),
}

HA_DONE: dict[str, Promise] = {
    "add_ha_resource": _("%(subject)s is under HA"),
    "change_ha_resource": _("The HA settings of %(subject)s are changed"),
    "remove_ha_resource": _("%(subject)s is no longer under HA"),
    "add_ha_rule": _("The rule %(subject)s is added"),
    "change_ha_rule": _("The rule %(subject)s is changed"),
    "remove_ha_rule": _("The rule %(subject)s is removed"),
    "disarm_ha": _("HA on %(subject)s is disarmed"),
    "arm_ha": _("HA on %(subject)s is armed"),
}
