"""Preflight: the same judgement as on the page, from what Proxmox says right now."""

from __future__ import annotations

from datetime import datetime, timedelta

from hapanel.ha import migration_refusals as no
from hapanel.ha.preflight import judge
from hapanel.kernel.names import GuestType
from hapanel.kernel.refusal import Refusal
from hapanel.operations import migrate_outcomes as outcomes
from hapanel.operations.adoption import task_types, tasks_of_guest
from hapanel.operations.live_facts import live_move_facts, look, may_be_told
from hapanel.operations.models import Operation, Step
from hapanel.operations.work import Work, noted
from hapanel.ports.cluster import GuestState, Task
from hapanel.ports.cluster_gateway import ClusterGateway
from hapanel.ports.errors import (
    BadRequest,
    ClusterError,
    GuestLocked,
    NotQuorate,
    PermissionMissing,
    ServerFault,
    SignInRefused,
)

# Far more than clocks differ: every task that could be mistaken for ours is known beforehand.
KNOWN_SINCE = timedelta(hours=2)
_SAYS_NO = (SignInRefused, PermissionMissing, NotQuorate, GuestLocked, BadRequest, ServerFault)


def preflight(work: Work) -> None:
    """Judge again, note which tasks there are already, and intend the request."""
    gateway = work.doors.to_cluster(work.cluster)
    try:
        _judge_and_intend(work, gateway)
    except _SAYS_NO as error:
        work.fail(_refusal(work, error))


def _judge_and_intend(work: Work, gateway: ClusterGateway) -> None:
    operation = work.operation
    assert operation.vmid is not None
    view = look(gateway)
    guest = view.guest(operation.vmid)
    if guest is None:
        work.fail(no.UNKNOWN_GUEST(cluster=work.cluster.name, vmid=operation.vmid))
        return
    if guest.node != operation.source:
        words = {"guest": operation.subject, "node": guest.node, "target": operation.target}
        work.fail(outcomes.MOVED_MEANWHILE(**words))
        return
    if _is_another(operation, guest):
        words = {"asked": operation.subject, "now": guest.name or "-"}
        work.fail(outcomes.ANOTHER_GUEST(vmid=guest.vmid, **words))
        return
    facts = live_move_facts(gateway, operation, work.cluster, view, guest)
    judgement = judge(facts)
    if judgement.refusals:
        work.fail(judgement.refusals[0])
        return
    mode = operation.params.get("mode") or facts.fitting_mode.value
    known = listed_tasks(gateway, operation, since=work.now - KNOWN_SINCE)
    work.commit(
        noted("preflight_passed", warnings=[warning.code for warning in judgement.warnings]),
        noted("intended"),
        step=Step.INTENDED,
        intended_at=work.now,
        sent_at=None,
        memo=work.memo(
            known=sorted(task.upid.raw for task in known),
            mode=mode,
            ha=facts.guest.is_under_ha,
        ),
    )


def _is_another(operation: Operation, guest: GuestState) -> bool:
    """Whether the number belongs to another guest than the one that somebody asked to move."""
    asked = operation.subject.partition(" ")[2]
    renamed = bool(asked and guest.name) and guest.name != asked
    return guest.type.value != operation.guest_type or renamed


def listed_tasks(gateway: ClusterGateway, operation: Operation, *, since: datetime) -> list[Task]:
    """Every migration task and HA request of the guest on its source node, as listed now.

    Both lists are read: the node's own is complete, the cluster's is there first and also when
    the token may not see the other. Raises a ClusterError when the node's list cannot be had.
    """
    assert operation.vmid is not None
    # The node filters by its own clock, which may be far behind ours.
    since -= timedelta(seconds=max(0.0, -(gateway.clock_offset or 0.0)))
    types = task_types(GuestType(operation.guest_type))
    found = list(may_be_told(gateway.tasks) or ())
    for task_type in types:
        found += gateway.node_tasks(
            operation.source, vmid=operation.vmid, task_type=task_type, since=since
        )
    return tasks_of_guest(found, vmid=operation.vmid, node=operation.source, types=types)


def _refusal(work: Work, error: ClusterError) -> Refusal:
    return outcomes.refused_by_proxmox(
        error, guest=work.operation.subject, cluster=work.cluster.name
    )
