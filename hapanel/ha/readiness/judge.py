"""Readiness of a whole cluster, and the sentence that the overview opens with."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from hapanel.ha.cures import Cure
from hapanel.ha.forecast.snapshot import SeenGuest
from hapanel.ha.readiness import cluster
from hapanel.ha.readiness import wording as say
from hapanel.ha.readiness.condition import (
    DECISIVE,
    Code,
    Condition,
    Finding,
    Met,
    Says,
    Sentence,
    VotesSay,
    in_order,
    worst,
)
from hapanel.ha.readiness.facts import Facts
from hapanel.ha.readiness.guests import Guests
from hapanel.ha.verdict import Level, Unknown, Verdict


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """conditions: what has to be mended first comes first. findings: what stands against guests.
    guests: those under HA, and those outside that have a finding.

    votes: what the votes come to, which the quorum's condition is made of.
    """

    votes: Verdict
    conditions: tuple[Condition, ...]
    findings: tuple[Finding, ...]
    guests: tuple[SeenGuest, ...] = ()

    @property
    def met(self) -> Met:
        """All of it in one word."""
        return worst([each.met for each in self.conditions])

    def counts(self) -> dict[Met, int]:
        """How many conditions are met how; each word is there."""
        found = dict.fromkeys(Met, 0)
        for each in self.conditions:
            found[each.met] += 1
        return found

    @property
    def at_risk(self) -> tuple[Finding, ...]:
        """What stands first against each guest that would not come back, by its number."""
        fails = [each for each in self.findings if each.met is Met.FAIL]
        fails.sort(key=lambda each: not each.is_now)
        first: dict[str, Finding] = {}
        for each in fails:
            first.setdefault(each.sid, each)
        return tuple(sorted(first.values(), key=lambda each: each.vmid))

    def met_by(self, sid: str) -> Met:
        """How ready one guest is."""
        return worst([each.met for each in self.of_guest(sid)])

    def of_guest(self, sid: str) -> tuple[Finding, ...]:
        """What stands against one guest."""
        return tuple(each for each in self.findings if each.sid == sid)

    @property
    def headline(self) -> Headline:
        """One sentence: what the votes come to when they are in question, else what decides and is
        not met."""
        votes = self.votes
        failing = [e for e in self.conditions if e.code in DECISIVE and e.met is Met.FAIL]
        first = failing[0] if failing else None
        if first is None or first.code is Code.QUORUM or votes.level is Level.UNKNOWN:
            return Headline(
                code=votes.code.value,
                level=votes.level,
                title=votes,
                text=(VotesSay(votes),),
                cure=votes.cure,
            )
        return Headline(
            code=first.code.value,
            level=first.level,
            title=Says(say.READY_BUT, {"cluster": votes.cluster}),
            text=first.because,
            remedy=first.remedy,
        )


class Headline(msgspec.Struct, frozen=True, kw_only=True):
    """The sentence, its evidence, what to do, and the cure when it comes in steps. code: what the
    votes come to, or the condition that is not met."""

    code: str
    level: Level
    title: Sentence
    text: tuple[Sentence, ...] = ()
    remedy: tuple[Sentence, ...] = ()
    cure: Cure | None = None


# Then nothing else is known either.
_BLIND = frozenset({Unknown.NEVER_SEEN, Unknown.TOO_OLD})


def readiness(facts: Facts) -> Readiness:
    """Everything that can be said from `facts`."""
    if facts.votes.unknown in _BLIND:
        return Readiness(votes=facts.votes, conditions=(cluster.quorum(facts),), findings=())
    seen, guests = facts.seen, Guests(facts)
    found = guests.findings()
    is_used = bool(guests.managed)
    made = (
        cluster.quorum(facts),
        *_of_the_manager(facts, is_used=is_used),
        cluster.of_guests(Code.STATE, guests, found, say.NONE_GIVEN_UP, say.GIVEN_UP),
        cluster.storage(guests, found),
        cluster.of_guests(Code.DEVICES, guests, found, say.DEVICES_WELL, say.DEVICES_AMISS),
        cluster.rules(guests, found),
        cluster.capacity(facts, guests, found),
        cluster.network(seen.nodes),
        cluster.replication_link(facts),
        cluster.coverage(facts, guests, found),
        cluster.other_fencing(seen),
        cluster.groups(seen),
    )
    concerned = {each.sid for each in found}
    return Readiness(
        votes=facts.votes,
        conditions=in_order(made),
        findings=found,
        guests=tuple(g for g in seen.guests if g.managed or g.sid in concerned),
    )


def _of_the_manager(facts: Facts, *, is_used: bool) -> Iterator[Condition]:
    """What only the HA manager tells; not known when it was not heard lately."""
    made = (
        cluster.armed(facts.seen),
        cluster.manager(facts.seen, is_used=is_used),
        cluster.fencing(facts.seen, is_used=is_used),
    )
    for each in made:
        if facts.sees_ha:
            yield each
        else:
            yield Condition(code=each.code, met=Met.UNKNOWN, because=(Says(say.HA_NOT_TOLD),))
