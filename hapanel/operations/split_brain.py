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
from hapanel.drbd.recovery import RecoveryStep, steps_of, with_guests
from hapanel.drbd.rescue import Rescue, guest_steps
from hapanel.drbd.split_brain import Divergence
from hapanel.drbd.victim import Proposal, propose_victim, refusal_of_victim, runs_on_both
from hapanel.kernel.refusal import Refusal, Refused
from hapanel.operations.drbd_action import busy_with
from hapanel.operations.drbd_scene import active_of, recorded_resource
from hapanel.operations.models import Kind, Operation, State
from hapanel.operations.recording import earlier_or_refuse, earlier_with_key, record_operation
from hapanel.operations.rescue import recorded_rescue
from hapanel.operations.wishes import Asker
from hapanel.ports.node_shell import LvmReport
from nodes.models import Cluster, DrbdNode
from vms.replication import replication_of

LABEL_LATER = "OPERATION"
"""Ends a snapshot's name until the operation has a number."""


@dataclass(frozen=True)
class SplitBrainWish:
    """Give up what `victim` alone has written. `confirm` is its name, typed by a person;
    `without_copy` says that they go on where no snapshot can be taken. With guests on both sides
    those of the victim are copied to the storage `copy_to`; blank: to the one with most room."""

    cluster: Cluster
    resource: str
    victim: str
    confirm: str = ""
    without_copy: bool = False
    copy_to: str = ""


@dataclass(frozen=True)
class Recovery:
    """The way out with one side as the victim. Possible only without refusals. `rescue`: what
    becomes of its guests when guests run on both sides, else None."""

    victim: str
    survivor: str
    refusals: tuple[Refusal, ...]
    steps: tuple[RecoveryStep, ...]
    copies: Copies
    rescue: Rescue | None = None


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


def wish_of(cluster: Cluster, operation: Operation) -> SplitBrainWish:
    """The wish that an operation was recorded from."""
    told = operation.params
    return SplitBrainWish(
        cluster,
        operation.resource,
        told["victim"],
        told["confirm"],
        told["without_copy"],
        told.get("copy_to", ""),
    )


def recorded_case(cluster: Cluster, name: str, *, copy_to: str = "") -> Case | None:
    """The split brain as it was seen last, None when there is none. Raises Refused (404)."""
    found = recorded_resource(cluster, name)
    lvm = {word.node: word.lvm for word in replication_of(cluster).known.words}
    return case_of(
        cluster,
        found.replication,
        found.circumstances,
        found.groups,
        lvm,
        label=LABEL_LATER,
        copy_to=copy_to,
    )


def case_of(
    cluster: Cluster,
    replication: Replication,
    circumstances: Circumstances,
    groups: tuple[str, ...],
    lvm: dict[str, LvmReport],
    *,
    label: str,
    copy_to: str = "",
) -> Case | None:
    """The split brain of `replication`, None when it is in none."""
    parted = judge(replication, circumstances).split_brain
    if parted is None:
        return None
    name = replication.resource
    around = _Around(cluster, replication, circumstances, groups, lvm, parted, label, copy_to)
    first, second = parted.first, parted.second
    ways = (_way(around, first, second), _way(around, second, first))
    proposal = propose_victim(parted, name, circumstances)
    return Case(name, parted, proposal, ways, circumstances)


@dataclass(frozen=True)
class _Around:
    """What both ways are made from."""

    cluster: Cluster
    replication: Replication
    circumstances: Circumstances
    groups: tuple[str, ...]
    lvm: dict[str, LvmReport]
    parted: Divergence
    label: str
    copy_to: str


def _way(around: _Around, victim: str, survivor: str) -> Recovery:
    name, groups = around.replication.resource, around.groups
    report = around.lvm.get(victim, LvmReport())
    copies = _copies(around, victim, survivor, report)
    steps = steps_of(
        around.replication,
        victim,
        survivor,
        copies=copies.copies,
        groups=groups,
        active=active_of(report, groups),
        is_dual=around.circumstances.dual_primary_configured,
    )
    refusal = refusal_of_victim(victim, around.parted, name, around.circumstances)
    more = no.THREE_SIDES(resource=name) if len(around.replication.sides) > 2 else None
    refusals = tuple(one for one in (more, refusal) if one)
    if not runs_on_both(around.parted, around.circumstances):
        return Recovery(victim, survivor, refusals, steps, copies)
    rescue = recorded_rescue(
        around.cluster,
        name,
        victim,
        survivor,
        circumstances=around.circumstances,
        groups=groups,
        copy_to=around.copy_to,
    )
    steps = with_guests(steps, guest_steps(rescue, victim, survivor))
    return Recovery(victim, survivor, (*refusals, *rescue.refusals), steps, copies, rescue)


def _copies(around: _Around, victim: str, survivor: str, report: LvmReport) -> Copies:
    """The snapshots below the victim's copy."""
    name, parted = around.replication.resource, around.parted
    row = DrbdNode.objects.filter(cluster=around.cluster, node=victim).first()
    texts = [file["text"] for file in row.files] if row else []
    return copies_of(
        name,
        victim,
        backing_devices(texts, name, victim),
        report,
        changing=(parted.changed(victim) or 0) + (parted.changed(survivor) or 0),
        label=around.label,
    )


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
    # Guests that are copied one by one need no snapshot of everything below them.
    if way.copies.refusal is not None and not wish.without_copy and way.rescue is None:
        found.append(way.copies.refusal)
    if wish.confirm.strip() != wish.victim:
        found.append(no.NAME_NOT_TYPED(node=wish.victim))
    return tuple(found)


def plan_split_brain(wish: SplitBrainWish) -> tuple[Recovery | None, tuple[Refusal, ...]]:
    """The way and what hinders it, judged from records; records nothing. Raises Refused (404)."""
    case = recorded_case(wish.cluster, wish.resource, copy_to=wish.copy_to)
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
            "copy_to": way.rescue.storage if way.rescue else "",
        },
    )
    try:
        return record_operation(
            operation, asker, idempotency_key=idempotency_key, body_digest=body_digest
        )
    except IntegrityError:
        busy = busy_with(wish.cluster, wish.resource)
        raise Refused(*([busy] if busy else [])) from None
