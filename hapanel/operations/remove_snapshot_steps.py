"""The verb remove_snapshot, as a worker carries it out: look, send once, look whether it is gone.

An order that got no answer is not sent again: the node's volumes say what became of it.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from hapanel.drbd.orders import remove_copy
from hapanel.drbd.snapshots import refusals_of_removal, snapshots_of
from hapanel.kernel.refusal import Refused
from hapanel.operations import drbd_outcomes as ends
from hapanel.operations.drbd_scene import live_scene
from hapanel.operations.models import State, Step
from hapanel.operations.work import Work, noted
from hapanel.ports.errors import ClusterError
from hapanel.ports.node_shell import LvmReport
from hapanel.ports.ssh_errors import ScriptOlder
from hapanel.ports.ssh_faults import fault_of
from nodes.models import DrbdNode

PATIENCE_SECONDS = 20.0
LOOK_AGAIN_SECONDS = 0.5


def preflight(work: Work) -> None:
    """Judge anew from what both nodes say now."""
    operation, node = work.operation, work.operation.source
    try:
        replication = live_scene(work, node, with_groups=False).replication
    except Refused as gone:
        work.fail(gone.refusals[0])
        return
    path, confirm = operation.params["snapshot"], operation.params["confirm"]
    there = snapshots_of(operation.resource, node, work.doors.to_nodes(work.cluster).lvm(node))
    refusals = refusals_of_removal(path, node, replication, there, confirm=confirm)
    if refusals:
        work.fail(refusals[0])
        return
    work.commit(noted("drbd_checked"), step=Step.INTENDED)


def send(work: Work) -> None:
    """Send it, once. Whoever finds the right to send taken only looks what came of it."""
    node, line = work.operation.source, _line(work)
    if work.operation.sent_at is not None:
        work.commit(noted("drbd_unanswered", node=node, reason="-"), step=Step.SETTLING)
        return
    if not work.take_the_right_to_send():
        return
    try:
        answer = work.doors.to_nodes(work.cluster).order(node, line)
    except ScriptOlder as error:
        work.fail(fault_of(node, error))
        return
    except ClusterError as error:
        reason = error.reason[:300]
        if error.may_have_happened:
            work.commit(noted("drbd_unanswered", node=node, reason=reason), step=Step.SETTLING)
        else:
            work.fail(ends.NOT_SENT(node=node, reason=reason))
        return
    refusal = ends.refusal_of(node, work.operation.resource, line, answer)
    if refusal is not None:
        work.fail(refusal)
        return
    ordered = noted("drbd_ordered", node=node, line=line)
    work.commit(ordered, step=Step.SETTLING, memo=work.memo(answered=True))


def settle(work: Work) -> None:
    """Look until the node does not show it any more."""
    node, path = work.operation.source, work.operation.params["snapshot"]
    report = work.doors.to_nodes(work.cluster).lvm(node)
    if not any(f"{one.vg}/{one.lv}" == path for one in report.volumes):
        note = noted("snapshot_removed", node=node, snapshot=path)
        work.commit(
            note, state=State.SUCCEEDED, percent=100.0, also=lambda: _record(work, node, report)
        )
    elif (waited := work.since(work.operation.sent_at)) < PATIENCE_SECONDS:
        work.commit(look_in=LOOK_AGAIN_SECONDS)
    else:
        kind = ends.DISOBEYED if work.operation.memo.get("answered") else ends.UNANSWERED
        work.fail(kind(node=node, line=_line(work), seconds=round(waited)))


def _line(work: Work) -> str:
    group, _, name = work.operation.params["snapshot"].partition("/")
    return remove_copy(group, name)


def _record(work: Work, node: str, report: LvmReport) -> None:
    """What was just read, so that the page does not show it for another minute."""
    said = msgspec.json.decode(msgspec.json.encode(report))
    DrbdNode.objects.filter(cluster=work.cluster, node=node).update(lvm=said)


STEPS: dict[Step, Callable[[Work], None]] = {
    Step.PREFLIGHT: preflight,
    Step.INTENDED: send,
    Step.SETTLING: settle,
}
