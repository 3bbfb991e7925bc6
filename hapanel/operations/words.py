"""What timeline codes, checks and privileges mean, in sentences for people.

Pages and the API ask here, in the language that is active; records hold only codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from hapanel.operations.privileges import without

TIMELINE: dict[str, str | Promise] = {
    "requested": _("%(actor)s asked for it."),
    "scheduled": _("It waits until %(not_before)s."),
    "due": _("Its time has come."),
    "began": _("A worker took it in hand."),
    "preflight_passed": _("Proxmox confirms that the guest can move."),
    "intended": _("The request to Proxmox is prepared."),
    "accepted": _("Proxmox accepted it as task %(upid)s."),
    "answer_lost": _(
        "Proxmox's answer was lost (%(reason)s). Its task list is searched; nothing is sent again."
    ),
    "adopted": _("The task %(upid)s was found in Proxmox's list and is followed."),
    "named": _("%(actor)s named the task %(upid)s to be followed."),
    "ha_accepted": _("The HA manager has the request in its queue."),
    "ha_began": _("The HA manager began to move the guest."),
    "ha_task_found": _("The HA manager moves the guest by task %(upid)s."),
    "ha_moved_it": _("The HA manager has moved the guest already."),
    "switched_over": _("The guest runs on the target; it stood still for %(downtime_ms)s ms."),
    "task_ended": _("Proxmox's task ended well; now the guest is looked for."),
    "blind": _("The cluster does not answer (%(reason)s). It is followed as soon as it does."),
    "node_silent": _(
        "%(node)s, which runs the task, does not answer (%(reason)s). The task is followed as soon "
        "as it does."
    ),
    "sighted": _("The cluster answers again, after %(seconds)s s."),
    "cancel_requested": _("%(actor)s asked to cancel it."),
    "cancel_sent": _("Proxmox was told to stop the task."),
    "cancel_unanswered": _("Proxmox did not answer the order to stop (%(reason)s)."),
    "cancel_refused": _("Proxmox does not let the panel stop the task: %(reason)s."),
    "cancelled": _("It was stopped; the guest is still on %(node)s."),
    "cancelled_unsent": _("%(actor)s cancelled it before anything was sent."),
    "needs_attention": _("It stopped for a person to look."),
    "attention_over": _("What was unclear has shown itself; it goes on."),
    "closed": _("%(actor)s found that nothing had happened."),
    "succeeded": _("The guest is on %(node)s."),
    "failed": _("It failed."),
    "address_left_out": _("The address %(address)s was left out."),
    "certificate_seen": _("The certificate is the expected one."),
    "signed_in": _("The token is accepted; Proxmox VE %(version)s answers."),
    "ssh_tried": _("The panel's script answers over ssh on %(nodes)s."),
    "ssh_node_left_out": _("%(node)s was left out (%(code)s)."),
    "ssh_off": _("The nodes are not reached over ssh any more: replication is not seen."),
    "ha_preflight_passed": _("Proxmox's configuration allows the change."),
    "ha_taken": _("Proxmox took the change."),
    "ha_answer_lost": _(
        "Proxmox's answer was lost (%(reason)s). Its configuration is read; nothing is sent again."
    ),
    "ha_unsure": _(
        "Whether the request was sent is not known. Proxmox's configuration is read; nothing is "
        "sent again."
    ),
    "ha_succeeded": _("Proxmox shows it as it was asked to be."),
    "ha_waits": _("The HA manager was told; it obeys when it comes to it (%(state)s)."),
    "cluster_added": _("The cluster %(cluster)s was added."),
    "foretold": _("The panel says beforehand: %(recover)s of %(total)s guests under HA come back."),
    "foretold_within": _("Within %(least)s to %(most)s s."),
    "lab_told": _("The lab was told."),
    "lab_obeyed": _("The lab shows it. What follows stands on the cluster's own pages."),
    "split_brain_copy": _("The snapshot %(about)s on %(node)s keeps what is given up."),
    "split_brain_disconnect": _("%(node)s stands alone."),
    "split_brain_deactivate": _("The volume group %(about)s is closed on %(node)s."),
    "split_brain_secondary": _("%(node)s is Secondary."),
    "split_brain_discard": _("%(node)s gives up its changes and looks for the other side."),
    "split_brain_connect": _("%(node)s lets the other side in."),
    "split_brain_sync": _("Both copies are UpToDate."),
    "split_brain_primary": _("%(node)s is Primary again, as before."),
    "split_brain_activate": _("The volume group %(about)s is open on %(node)s again."),
    "split_brain_stop": _("%(guest)s is shut down on %(node)s."),
    "split_brain_backup": _("%(guest)s is copied; its copy is %(volid)s."),
    "split_brain_move": _("%(guest)s belongs to %(to)s now."),
    "split_brain_restore": _("%(guest)s is restored on %(node)s from its copy."),
    "split_brain_start": _("%(guest)s runs on %(node)s."),
    "split_brain_not_copied": _("Snapshots and unused disks are in no copy: %(guests)s."),
    "split_brain_back": _("What was done to guests is taken back; nothing was given up."),
    "split_brain_not_undone": _("This could not be taken back on %(node)s: %(line)s"),
    "split_brain_without": _("This could not be done on %(node)s: %(line)s. The rest goes on."),
    "split_brain_kept": _("The copies are kept: %(copies)s."),
    "split_brain_over": _("The split brain is over; %(node)s has what the other side has."),
    "split_brain_left": _("It was left before anything was given up on %(node)s."),
    "snapshot_removed": _("The snapshot %(snapshot)s is gone from %(node)s."),
    "drbd_checked": _("Both sides were looked at: nothing speaks against it."),
    "drbd_ordered": _("On %(node)s: %(line)s"),
    "drbd_unanswered": _(
        "%(node)s did not answer (%(reason)s). Nothing is sent again; its state is read instead."
    ),
    "drbd_works": _("DRBD works on it (%(word)s)."),
    "drbd_held": _("The sync is held; it goes on when somebody resumes it."),
    "drbd_waits_for_peer": _("%(node)s waits for its peer now."),
    "drbd_verify_clean": _("The copies are the same."),
    "drbd_verify_found": _(
        "The copies differ in %(size)s (%(bytes)s bytes). DRBD does not mend that by itself: the "
        "replication page says what to do."
    ),
    "drbd_done": _("%(node)s shows it."),
    "drbd_paused": _("The sync was paused on %(node)s; the action resume-sync lets it go on."),
    "cluster_changed": _("The cluster %(cluster)s is reached in the new way from now on."),
}

PHASES: dict[str, str | Promise] = {
    "preparing": _("Proxmox prepares the move."),
    "shutting-down": _("The container shuts down."),
    "copying-disks": _("Local disks are copied."),
    "copying-memory": _("Memory is copied while the guest runs."),
    "finishing": _("Proxmox cleans up."),
    "starting": _("The container starts on the target."),
    "rolling-back": _("Proxmox takes the move back."),
}


def timeline_text(code: str, params: Mapping[str, Any]) -> str:
    """A timeline entry as one sentence in the active language; the code when it has none."""
    if code == "phase":
        phase = str(params.get("phase", ""))
        return str(PHASES.get(phase, phase))
    if code == "requested" and params.get("via") == "schedule":
        return gettext("Its time had come: the schedule asked for it.")
    template = TIMELINE.get(code)
    return code if template is None else _filled(str(template), params)


def without_privilege(privilege: str) -> str:
    """What does not work without the privilege, as one sentence in the active language."""
    sentence = without(privilege)
    return gettext(sentence) if sentence else ""


def _filled(template: str, params: Mapping[str, Any]) -> str:
    """The template with its parameters; one that an older record lacks shows as a dash."""
    return template % _Lenient(params)


class _Lenient(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "-"
