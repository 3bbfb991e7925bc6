"""What stands against each guest under HA being started elsewhere when its node dies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hapanel.ha.engine.words import Requested
from hapanel.ha.forecast.reasons import SENTENCES
from hapanel.ha.forecast.reasons import Code as Told
from hapanel.ha.forecast.snapshot import SeenDisk, SeenGuest
from hapanel.ha.readiness import wording as say
from hapanel.ha.readiness.condition import Code, Finding, Met, Says
from hapanel.ha.readiness.facts import Facts
from hapanel.ha.readiness.landing import Grounds, Landing
from hapanel.ha.verdict import Code as Votes

_OFF = frozenset({Requested.STOPPED, Requested.DISABLED})


class Guests:
    """The findings of one cluster's guests, in one pass over them."""

    def __init__(self, facts: Facts) -> None:
        seen = facts.seen
        self._facts = facts
        self._seen = seen
        self.grounds = Grounds(seen)
        self._known = {each.storage for each in seen.storages}
        self._shared = {each.storage for each in seen.storages if each.is_shared}
        self._there = {(e.storage, e.node) for e in seen.storages if e.is_available}
        self._free = {
            n.name: n.maxmem - n.mem
            for n in seen.nodes
            if n.maxmem is not None and n.mem is not None
        }
        self._dead_agents = {n.name for n in seen.nodes if n.is_member and n.lrm_dead}
        self._left_out = {
            arrival.sid: (loss.node, arrival)
            for loss in facts.losses or ()
            for arrival in loss.left_out
            if arrival.reason is not None and arrival.reason.code is Told.NO_MEMORY
        }
        self.managed = tuple(guest for guest in seen.guests if guest.managed)

    def findings(self) -> tuple[Finding, ...]:
        """Everything that stands against any guest, guest by guest."""
        return tuple(found for guest in self._seen.guests for found in self._of(guest))

    def _of(self, guest: SeenGuest) -> Iterator[Finding]:
        if guest.managed is None:
            yield from self._outside(guest)
            return
        if not guest.is_running and guest.managed.request in _OFF:
            return
        yield from self._votes(guest)
        yield from self._armed(guest)
        yield from self._state(guest)
        landing = self.grounds.landing(guest)
        yield from self._rules(guest, landing)
        yield from self._disks(guest, landing)
        yield from self._devices(guest)
        yield from self._memory(guest, landing)

    def _outside(self, guest: SeenGuest) -> Iterator[Finding]:
        if not guest.is_running:
            return
        services = self._facts.services.get(guest.vmid, ())
        if services:
            words = {"services": ", ".join(services), "node": guest.node}
            yield _finding(guest, Code.COVERAGE, Met.WARN, say.SERVES, say.ADD_TO_HA, words)
        elif guest.onboot:
            words = {"node": guest.node}
            yield _finding(guest, Code.COVERAGE, Met.WARN, say.ONBOOT, say.ADD_TO_HA, words)

    def _votes(self, guest: SeenGuest) -> Iterator[Finding]:
        """As the forecast has it: those on a node whose loss costs the quorum; and those on all
        others, for these hold HA guests, lose the quorum and are reset, unless HA is disarmed."""
        votes = self._facts.votes
        words = {"node": guest.node, "fatal": ", ".join(votes.fatal_nodes)}
        if votes.code is Votes.NOT_QUORATE:
            node = next((n for n in self._seen.nodes if n.name == guest.node), None)
            silent = node is None or not node.is_member
            because = say.SILENT if silent else say.NO_QUORUM
            yield _finding(
                guest, Code.QUORUM, Met.FAIL, because, say.SEE_QUORUM, words, is_now=True
            )
        elif guest.node in votes.fatal_nodes:
            yield _finding(guest, Code.QUORUM, Met.FAIL, say.NODE_FATAL, say.SEE_QUORUM, words)
        elif votes.fatal_nodes and not self._is_disarmed:
            yield _finding(guest, Code.QUORUM, Met.FAIL, say.RESETS, say.SEE_QUORUM, words)

    @property
    def _is_disarmed(self) -> bool:
        return self._seen.armed.startswith("disarm")

    def _armed(self, guest: SeenGuest) -> Iterator[Finding]:
        if self._is_disarmed:
            words = {"node": guest.node}
            yield _finding(guest, Code.ARMED, Met.FAIL, say.DISARMED, say.ARM, words)

    def _state(self, guest: SeenGuest) -> Iterator[Finding]:
        state = guest.managed.state if guest.managed else ""
        words = {"node": guest.node, "sid": guest.sid}
        if state == "error":
            yield _finding(
                guest, Code.STATE, Met.FAIL, say.IN_ERROR, say.OUT_OF_ERROR, words, is_now=True
            )
        elif state == "freeze" and not self._is_disarmed:
            yield _finding(guest, Code.STATE, Met.FAIL, say.FROZEN, say.START_LRM, words)
        elif guest.node in self._dead_agents:
            yield _finding(
                guest, Code.STATE, Met.FAIL, say.LRM_DEAD, say.START_LRM, words, is_now=True
            )

    def _rules(self, guest: SeenGuest, landing: Landing) -> Iterator[Finding]:
        if landing.nodes:
            return
        words = {"node": guest.node, "rule": landing.rule, "partner": landing.partner}
        if landing.rule:
            because, remedy = say.RULE_LEAVES_NONE, say.WIDEN_RULE
        elif landing.partner:
            because, remedy = say.PARTNER_IN_THE_WAY, say.ANOTHER_NODE
        else:
            because, remedy = say.NO_NODE_LEFT, say.NODE_BACK
        yield _finding(guest, Code.RULES, Met.FAIL, because, remedy, words)

    def _disks(self, guest: SeenGuest, landing: Landing) -> Iterator[Finding]:
        if guest.disks is None:
            met = Met.UNKNOWN
            yield _finding(guest, Code.STORAGE, met, SENTENCES[Told.DISKS_NOT_READ], say.WAIT, {})
            return
        for disk in guest.disks:
            found = self._disk(guest, disk, landing)
            if found is not None:
                yield found
                return

    def _disk(self, guest: SeenGuest, disk: SeenDisk, landing: Landing) -> Finding | None:
        if not disk.storage or disk.storage not in self._known:
            return None
        words = {"disk": disk.key, "storage": disk.storage, "node": guest.node, "sid": guest.sid}
        if disk.storage not in self._shared:
            because = say.LOCAL_CD if disk.is_cdrom else say.LOCAL_DISK
            remedy = say.EJECT if disk.is_cdrom else say.MOVE_DISK
            return _finding(guest, Code.STORAGE, Met.FAIL, because, remedy, words)
        without = sorted(n for n in landing.nodes if (disk.storage, n) not in self._there)
        if not without:
            return None
        words["nodes"] = ", ".join(without)
        everywhere = len(without) == len(landing.nodes)
        met = Met.FAIL if everywhere else Met.WARN
        because = say.STORAGE_NOWHERE if everywhere else say.STORAGE_NOT_EVERYWHERE
        return _finding(guest, Code.STORAGE, met, because, say.STORAGE_RULE, words)

    def _devices(self, guest: SeenGuest) -> Iterator[Finding]:
        if guest.passthrough:
            words = {"device": ", ".join(guest.passthrough), "node": guest.node}
            yield _finding(guest, Code.DEVICES, Met.FAIL, say.HARDWARE, say.MAP_HARDWARE, words)

    def _memory(self, guest: SeenGuest, landing: Landing) -> Iterator[Finding]:
        """What the engine's run told, else whether it is too large for each node by itself."""
        known = self._left_out.get(guest.sid)
        if known is not None:
            reason = known[1].reason
            words = dict(reason.params) if reason else {}
            yield _finding(guest, Code.CAPACITY, Met.FAIL, say.NO_ROOM, say.MAKE_ROOM, words)
            return
        room = [self._free[n] for n in landing.nodes if n in self._free]
        if guest.maxmem is None or len(room) < len(landing.nodes) or not room:
            return
        if guest.maxmem > max(room):
            words = {"needed": guest.maxmem >> 20, "free": max(0, *room) >> 20}
            yield _finding(guest, Code.CAPACITY, Met.FAIL, say.TOO_LARGE, say.MAKE_ROOM, words)


def _finding(
    guest: SeenGuest,
    code: Code,
    met: Met,
    because: str,
    remedy: str,
    words: Mapping[str, Any],
    *,
    is_now: bool = False,
) -> Finding:
    return Finding(
        code=code,
        met=met,
        sid=guest.sid,
        vmid=guest.vmid,
        name=guest.name,
        node=guest.node,
        because=Says(because, words),
        remedy=Says(remedy, words),
        is_now=is_now,
    )
