"""The verb resolve_split_brain, as people ask for it: the evidence, a victim, the steps, the wish.

Judged here from records; the worker (`hapanel.operations.split_brain_steps`) judges again from what
the nodes say, and makes the list of steps that it then goes through.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import IntegrityError

from hapanel.drbd import refusals as no
from hapanel.drbd.backing import Copies, backing_devices, copies_of
from hapanel.drbd.circumstances import Circumstances
from hapanel.drbd.join import Replication
from hapanel.drbd.judge import judge
from hapanel.drbd.recovery import RecoveryStep, steps_of
from hapanel.drbd.split_brain import Divergence
from hapanel.drbd.victim import Proposal, propose_victim, refusal_of_victim
from hapanel.kernel.refusal import Refusal, Refused
from hapanel.operations.drbd_action import busy_with
from hapanel.operations.drbd_scene import active_of, recorded_resource
from hapanel.operations.models import Kind, Operation, State
from hapanel.operations.recording import earlier_or_refuse, earlier_with_key, record_operation
from hapanel.operations.wishes import Asker
from hapanel.ports.node_shell import LvmReport
from nodes.models import Cluster, DrbdNode
from vms.replication import replication_of

LABEL_LATER = "OPERATION"
"""Ends a snapshot's name until the operation has a number."""


@dataclass(frozen=True)
class SplitBrainWish:
    """Give up what `victim` alone has written. `confirm` is its name, typed by a person;
    `without_copy` says that they go on where no snapshot can be taken."""

    cluster: Cluster
    resource: str
    victim: str
    confirm: str = ""
    without_copy: bool = False


@dataclass(frozen=True)
class Recovery:
    """The way out with one side as the victim. Possible only without refusals."""

    victim: str
    survivor: str
    refusals: tuple[Refusal, ...]
    steps: tuple[RecoveryStep, ...]
    copies: Copies


@dataclass(frozen=True)
class Case:
    """A split brain with what belongs to it: what is known, who is proposed, both ways out."""

    resource: str
    divergence: Divergence
    proposal: Proposal
    ways: tuple[Recovery, ...]
    circumstances: Circumstances

    def way(self, victim: str) -> Recovery | None:
        """The way with this victim."""
        return next((one for one in self.ways if one.victim == victim), None)


def recorded_case(cluster: Cluster, name: str) -> Case | None:
    """The split brain as it was seen last, None when there is none. Raises Refused (404)."""
    found = recorded_resource(cluster, name)
    lvm = {word.node: word.lvm for word in replication_of(cluster).known.words}
    return case_of(
        cluster, found.replication, found.circumstances, found.groups, lvm, label=LABEL_LATER
    )


def case_of(
    cluster: Cluster,
    replication: Replication,
    circumstances: Circumstances,
    groups: tuple[str, ...],
    lvm: dict[str, LvmReport],
    *,
    label: str,
) -> Case | None:
    """The split brain of `replication`, None when it is in none."""
    parted = judge(replication, circumstances).split_brain
    if parted is None:
        return None
    name = replication.resource
    files = {row.node: row.files for row in DrbdNode.objects.filter(cluster=cluster)}
    ways = []
    for victim, survivor in (
        (parted.first, parted.second),
        (parted.second, parted.first),
    ):
        texts = [file["text"] for file in files.get(victim, ())]
        report = lvm.get(victim, LvmReport())
        copies = copies_of(
            name,
            victim,
            backing_devices(texts, name, victim),
            report,
            changing=(parted.changed(victim) or 0) + (parted.changed(survivor) or 0),
            label=label,
        )
        refusal = refusal_of_victim(victim, parted, name, circumstances)
        more = no.THREE_SIDES(resource=name) if len(replication.sides) > 2 else None
        steps = steps_of(
            replication,
            victim,
            survivor,
            copies=copies.copies,
            groups=groups,
            active=active_of(report, groups),
        )
        refusals = tuple(one for one in (more, refusal) if one)
        ways.append(Recovery(victim, survivor, refusals, steps, copies))
    proposal = propose_victim(parted, name, circumstances)
    return Case(name, parted, proposal, tuple(ways), circumstances)


def refusals_of(case: Case | None, wish: SplitBrainWish) -> tuple[Refusal, ...]:
    """Why the wish is refused; empty when nothing speaks against it."""
    if case is None:
        return (no.NO_SPLIT_BRAIN(resource=wish.resource),)
    way = case.way(wish.victim)
    if way is None:
        nodes = ", ".join(one.victim for one in case.ways)
        names = {"resource": wish.resource, "node": wish.victim or "-"}
        return (no.NOT_A_NODE.about("victim", **names, nodes=nodes),)
    if way.refusals:
        return way.refusals
    found = []
    if way.copies.refusal is not None and not wish.without_copy:
        found.append(way.copies.refusal)
    if wish.confirm.strip() != wish.victim:
        found.append(no.NAME_NOT_TYPED(node=wish.victim))
    return tuple(found)


def plan_split_brain(wish: SplitBrainWish) -> tuple[Recovery | None, tuple[Refusal, ...]]:
    """The way and what hinders it, judged from records; records nothing. Raises Refused (404)."""
    case = recorded_case(wish.cluster, wish.resource)
    busy = busy_with(wish.cluster, wish.resource)
    refusals = (*refusals_of(case, wish), *([busy] if busy else []))
    return (case.way(wish.victim) if case else None), refusals


def request_split_brain(
    wish: SplitBrainWish,
    asker: Asker,
    *,
    idempotency_key: str | None = None,
    body_digest: str = "",
) -> Operation:
    """Record the recovery for a worker to carry out. Raises Refused with every refusal."""
    earlier = earlier_with_key(asker, idempotency_key, body_digest)
    if earlier is not None:
        return earlier
    way, refusals = plan_split_brain(wish)
    if refusals or way is None:
        return earlier_or_refuse(refusals, asker, idempotency_key, body_digest)
    operation = Operation(
        kind=Kind.RESOLVE_SPLIT_BRAIN,
        state=State.QUEUED,
        cluster=wish.cluster,
        subject=wish.resource,
        resource=wish.resource,
        source=way.victim,
        target=way.survivor,
        params={
            "victim": way.victim,
            "confirm": wish.confirm.strip(),
            "without_copy": wish.without_copy,
        },
    )
    try:
        return record_operation(
            operation, asker, idempotency_key=idempotency_key, body_digest=body_digest
        )
    except IntegrityError:
        busy = busy_with(wish.cluster, wish.resource)
        raise Refused(*([busy] if busy else [])) from None
