"""The conditions that the cluster as a whole has to meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from hapanel.drbd.findings import Severity
from hapanel.drbd.judge import Judgement
from hapanel.ha.capacity.loss import Loss
from hapanel.ha.forecast.snapshot import SeenNode, Snapshot
from hapanel.ha.readiness import wording as say
from hapanel.ha.readiness.condition import (
    Code,
    Condition,
    Finding,
    Met,
    Says,
    Sentence,
    VotesSay,
    worst,
)
from hapanel.ha.readiness.facts import Facts
from hapanel.ha.readiness.guests import Guests
from hapanel.ha.verdict import Code as Votes
from hapanel.kernel.refusal import Translate, untranslated

_VOTES = {
    Votes.SURVIVES_ANY_SINGLE_LOSS: Met.OK,
    Votes.SURVIVES_ONE_MORE_LOSS: Met.WARN,
    Votes.WOULD_NOT_SURVIVE: Met.FAIL,
    Votes.NO_LOSS_LEFT: Met.FAIL,
    Votes.NOT_QUORATE: Met.FAIL,
    Votes.SINGLE_NODE: Met.FAIL,
    Votes.UNKNOWN: Met.UNKNOWN,
}
_MIB = 1024**2


def quorum(facts: Facts) -> Condition:
    """Votes, as corosync counts them, the QDevice among them."""
    votes = facts.votes
    counted = votes.ballot
    evidence = {
        "total_votes": counted.total if counted else None,
        "expected_votes": counted.expected if counted else None,
        "quorum": counted.needed if counted else None,
        "qdevice_votes": counted.qdevice_votes if counted else None,
        "fatal_nodes": list(votes.fatal_nodes),
        "missing": [name or "qdevice" for name in votes.missing],
    }
    return Condition(
        code=Code.QUORUM,
        met=_VOTES[votes.code],
        because=(VotesSay(votes),),
        remedy=(Says(votes.cure.title),) if votes.cure else (),
        cure=votes.cure,
        evidence=evidence,
        is_now=votes.code is Votes.NOT_QUORATE,
    )


def armed(seen: Snapshot) -> Condition:
    """Whether somebody has switched HA off for work on the cluster (Proxmox VE 9.2)."""
    words = {"armed": seen.armed}
    if seen.armed.startswith("disarm"):
        why, remedy = Says(say.IS_DISARMED, words), (Says(say.ARM),)
        return Condition(
            code=Code.ARMED, met=Met.FAIL, because=(why,), remedy=remedy, evidence=words
        )
    template = say.CONDITION_OK.get(seen.armed, say.ARMED_NOT_TOLD)
    return Condition(code=Code.ARMED, met=Met.OK, because=(Says(template),), evidence=words)


def manager(seen: Snapshot, *, is_used: bool) -> Condition:
    """Whether somebody decides about guests at all."""
    words = {"manager": seen.manager_node, "state": seen.manager_state}
    met, template = Met.OK, say.MANAGER_WELL
    if not is_used:
        template = say.MANAGER_UNUSED
    elif seen.manager_state == "dead":
        met, template = Met.FAIL, say.MANAGER_DEAD
    elif not seen.manager_node:
        met, template = Met.WARN, say.MANAGER_NONE
    return Condition(
        code=Code.MANAGER,
        met=met,
        because=(Says(template, words),),
        remedy=() if met is Met.OK else (Says(say.START_CRM),),
        evidence=words,
        is_now=met is Met.FAIL,
    )


def fencing(seen: Snapshot, *, is_used: bool) -> Condition:
    """Nodes are fenced by their own watchdog, which the local HA agent feeds."""
    agents = {n.name: n.lrm_state for n in seen.nodes if n.is_member}
    dead = [n.name for n in seen.nodes if n.is_member and n.lrm_dead]
    evidence = {"agents": agents, "dead": dead}
    words = {"nodes": ", ".join(dead), "node": ", ".join(dead)}
    met, template = Met.OK, say.FENCING_WELL
    remedy: tuple[Sentence, ...] = ()
    if not is_used:
        template = say.FENCING_UNUSED
    elif dead:
        met, template = Met.FAIL, say.FENCING_AGENTS
        remedy = (Says(say.START_LRM, words),)
    elif not any(agents.values()):
        met, template = Met.UNKNOWN, say.FENCING_UNKNOWN
    return Condition(
        code=Code.FENCING,
        met=met,
        because=(Says(template, words),),
        remedy=remedy,
        evidence=evidence,
        is_now=bool(dead) and is_used,
    )


def rules(guests: Guests, found: Sequence[Finding]) -> Condition:
    """Rules that contradict each other take no effect; others leave a guest no node."""
    made = of_guests(Code.RULES, guests, found, say.RULES_WELL, say.RULES_AMISS)
    dropped = guests.grounds.dropped
    if not dropped:
        return made
    why: tuple[Sentence, ...] = tuple(
        Says(say.CONFLICTS[each], {"rule": rule})
        for rule, reasons in dropped.items()
        for each in reasons
    )
    is_ok = made.met is Met.OK
    return Condition(
        code=Code.RULES,
        met=Met.WARN if is_ok else made.met,
        because=why if is_ok else (*made.because, *why),
        remedy=(*made.remedy, Says(say.RULES_MEND)),
        evidence={**made.evidence, "ignored": list(dropped)},
        guests=made.guests,
    )


def capacity(facts: Facts, guests: Guests, found: Sequence[Finding]) -> Condition:
    """Memory is hard: it does not fit. CPU is soft: it becomes slow."""
    own = tuple(each for each in found if each.code is Code.CAPACITY)
    short = tuple(_shortages(facts.seen, guests))
    blind = sorted(n.name for n in facts.seen.nodes if n.is_member and n.mem is None)
    evidence = {"losses": [_as_values(loss) for loss in facts.losses or ()]}
    crowded = tuple(_crowded(facts.losses))
    why: tuple[Sentence, ...]
    remedy: tuple[Sentence, ...] = ()
    if not guests.managed:
        met, why = Met.OK, (Says(say.NO_HA),)
    elif short or own:
        met, remedy = Met.FAIL, (Says(say.MAKE_ROOM),)
        why = (
            tuple(_left_out(facts.losses)) or short or (_concerns(own, guests, say.TOO_LARGE_ONES),)
        )
    elif blind:
        met, why = Met.UNKNOWN, (_not_known_on(blind),)
    elif crowded:
        met, why, remedy = Met.WARN, crowded, (Says(say.CAPACITY_CPU_MEND),)
    else:
        well = say.CAPACITY_ASKED if facts.losses is None else say.CAPACITY_WELL
        met, why = Met.OK, (Says(well),)
    return Condition(
        code=Code.CAPACITY, met=met, because=why, remedy=remedy, evidence=evidence, guests=own
    )


def _shortages(seen: Snapshot, guests: Guests) -> Iterator[Says]:
    """What is certain without a run: together they need more than all the others have."""
    members = [n for n in seen.nodes if n.status == "online"]
    free = {n.name: n.maxmem - n.mem for n in members if n.maxmem is not None and n.mem is not None}
    needs: dict[str, int] = {}
    for guest in guests.managed:
        if guest.is_running:
            needs[guest.node] = needs.get(guest.node, 0) + (guest.maxmem or 0)
    for node, needed in sorted(needs.items()):
        left = [n.name for n in members if n.name != node]
        if not left or any(name not in free for name in left):
            continue
        there = sum(free[name] for name in left)
        if needed > there:
            words = {"node": node, "needed": needed // _MIB, "free": max(0, there) // _MIB}
            yield Says(say.CAPACITY_SHORT, words)


def _left_out(losses: Sequence[Loss] | None) -> Iterator[Says]:
    for loss in losses or ():
        names = [
            f"{a.vmid} {a.name}".strip()
            for a in loss.left_out
            if a.reason is not None and a.reason.code.value == "no-memory"
        ]
        if names:
            words = {"node": loss.node, "guests": _listed(names)}
            yield Says(say.CAPACITY_LEFT_OUT, words)


def _crowded(losses: Sequence[Loss] | None) -> Iterator[Says]:
    for loss in losses or ():
        for room in loss.rooms:
            if room.is_crowded:
                words = {"node": loss.node, "left": room.node, "each": room.cores_each}
                yield Says(say.CAPACITY_CPU, words)


def _not_known_on(nodes: Sequence[str]) -> Says:
    return Says(say.CAPACITY_UNKNOWN, {"nodes": ", ".join(nodes)})


def _as_values(loss: Loss) -> dict[str, object]:
    return {"node": loss.node, "fit": loss.fit.value, "memory": loss.needs}


def network(nodes: Sequence[SeenNode]) -> Condition:
    """How many networks corosync has (kronosnet takes up to eight)."""
    links = {node.name: list(node.links) for node in nodes}
    evidence = {"links": links}
    fewest = min((len(each) for each in links.values()), default=0)
    met = Met.OK
    remedy: tuple[Sentence, ...] = ()
    if len(nodes) < 2:
        why = Says(say.NETWORK_ALONE)
    elif fewest == 0:
        met, why = Met.UNKNOWN, Says(say.NETWORK_UNKNOWN)
    elif fewest == 1:
        met, why, remedy = Met.WARN, Says(say.NETWORK_ONE), (Says(say.NETWORK_TWO),)
    else:
        why = Says(say.NETWORK_WELL, {"links": fewest})
    return Condition(code=Code.NETWORK, met=met, because=(why,), remedy=remedy, evidence=evidence)


# Storages that are shared because something below them replicates: LVM on DRBD, and LINSTOR's.
_REPLICATED_KINDS = frozenset({"lvm", "drbd"})


_SEVERITIES = {
    Severity.DANGER: Met.FAIL,
    Severity.WARN: Met.WARN,
    Severity.UNKNOWN: Met.UNKNOWN,
    Severity.OK: Met.OK,
}


class ReplicationSays(msgspec.Struct, frozen=True):
    """What stands first about a DRBD resource, or what to do about it."""

    judged: Judgement
    is_remedy: bool = False

    def sentence(self, translate: Translate = untranslated) -> str:
        """In the reader's language."""
        first = self.judged.findings[0]
        return first.remedy(translate) if self.is_remedy else first.because(translate)


def replication_link(facts: Facts) -> Condition:
    """How replication below shared LVM fares, as the replication page judges it."""
    used = {d.storage for g in facts.seen.guests if g.managed for d in g.disks or ()}
    kinds = {s.storage for s in facts.seen.storages if s.is_shared and s.kind in _REPLICATED_KINDS}
    names = sorted(used & kinds)
    told = facts.replication or ()
    evidence = {"storages": names, "resources": {one.resource: one.health.value for one in told}}
    if told:
        return _replicated(told, evidence)
    why, remedy = Says(say.LINK_UNUSED), Says(say.LINK_OBSERVE)
    if names:
        why = Says(say.LINK_UNKNOWN, {"storages": ", ".join(names)})
    return Condition(
        code=Code.REPLICATION_LINK,
        met=Met.UNKNOWN if names else Met.OK,
        because=(why,),
        remedy=(remedy,) if names else (),
        evidence=evidence,
    )


def _replicated(told: Sequence[Judgement], evidence: Mapping[str, object]) -> Condition:
    met = worst([_SEVERITIES[one.severity] for one in told])
    concerned = [one for one in told if _SEVERITIES[one.severity] is met]
    with_remedy = [one for one in concerned if one.findings[0].remedy_template]
    return Condition(
        code=Code.REPLICATION_LINK,
        met=met,
        because=tuple(ReplicationSays(one) for one in concerned[:_NAMED]),
        remedy=tuple(ReplicationSays(one, is_remedy=True) for one in with_remedy[:_NAMED]),
        evidence=evidence,
        is_now=met is Met.FAIL,
    )


def coverage(facts: Facts, guests: Guests, found: Sequence[Finding]) -> Condition:
    """Guests that people use, or that start with their node, and that nobody starts elsewhere."""
    own = tuple(each for each in found if each.code is Code.COVERAGE)
    runs = any(guest.is_running for guest in facts.seen.guests)
    met, why = Met.OK, Says(say.COVERAGE_WELL)
    if own:
        words = {"count": len(own), "guests": _listed([each.label for each in own])}
        met, why = Met.WARN, Says(say.COVERAGE_LACKS, words)
    elif runs and not guests.managed:
        met, why = Met.WARN, Says(say.COVERAGE_NONE)
    remedy = (Says(say.ADD_TO_HA),) if met is Met.WARN else ()
    return Condition(
        code=Code.COVERAGE,
        met=met,
        because=(why,),
        remedy=remedy,
        evidence={"managed": len(guests.managed), "lacking": [each.vmid for each in own]},
        guests=own,
    )


def other_fencing(seen: Snapshot) -> Condition:
    """The option `fencing` of the datacenter, which the manager reads and does not follow."""
    if seen.options is None:
        unread = (Says(say.OPTIONS_UNREAD),)
        return Condition(code=Code.OTHER_FENCING, met=Met.UNKNOWN, because=unread)
    words = {"fencing": seen.options.fencing}
    if seen.options.fencing == "watchdog":
        well = (Says(say.WATCHDOG_ONLY),)
        return Condition(code=Code.OTHER_FENCING, met=Met.OK, because=well, evidence=words)
    return Condition(
        code=Code.OTHER_FENCING,
        met=Met.WARN,
        because=(Says(say.OTHER_FENCING, words),),
        remedy=(Says(say.OTHER_FENCING_MEND),),
        evidence=words,
    )


def groups(seen: Snapshot) -> Condition:
    """HA groups of Proxmox VE 8, which 9 turns into rules."""
    if seen.groups is None:
        return Condition(code=Code.GROUPS, met=Met.UNKNOWN, because=(Says(say.GROUPS_UNREAD),))
    names = [each.group for each in seen.groups]
    evidence = {"groups": names}
    if not names:
        none = (Says(say.GROUPS_NONE),)
        return Condition(code=Code.GROUPS, met=Met.OK, because=none, evidence=evidence)
    return Condition(
        code=Code.GROUPS,
        met=Met.WARN,
        because=(Says(say.GROUPS_LEFT, {"groups": _listed(names)}),),
        remedy=(Says(say.GROUPS_MEND),),
        evidence=evidence,
    )


def storage(guests: Guests, found: Sequence[Finding]) -> Condition:
    """Disks on storage that others have; not read yet is told apart."""
    own = [each for each in found if each.code is Code.STORAGE]
    is_open = all(each.met is Met.UNKNOWN for each in own)
    amiss = say.DISKS_UNREAD if is_open else say.DISKS_AMISS
    return of_guests(Code.STORAGE, guests, found, say.DISKS_WELL, amiss)


def of_guests(
    code: Code, guests: Guests, found: Sequence[Finding], well: str, amiss: str
) -> Condition:
    """A condition that each guest under HA has to meet."""
    own = tuple(each for each in found if each.code is code)
    managed = len(guests.managed)
    evidence = {"managed": managed, "concerned": [each.vmid for each in own]}
    if not own:
        why = Says(well if managed else say.NO_HA, {"managed": managed})
        return Condition(code=code, met=Met.OK, because=(why,), evidence=evidence)
    return Condition(
        code=code,
        met=worst([each.met for each in own]),
        because=(_concerns(own, guests, amiss),),
        remedy=(Says(say.EACH_GUEST),),
        evidence=evidence,
        guests=own,
        is_now=any(each.is_now for each in own),
    )


def _concerns(own: Sequence[Finding], guests: Guests, template: str) -> Says:
    words = {
        "count": len(own),
        "managed": len(guests.managed),
        "guests": _listed([each.label for each in own]),
    }
    return Says(template, words)


_NAMED = 5


def _listed(names: Sequence[str]) -> str:
    """The first few, and how many more."""
    more = f" + {len(names) - _NAMED}" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
