"""Who is in the quorate partition: corosync's membership and votes, as time goes by.

Nodes whose network is cut are alone; all others see each other. The QDevice gives its vote to
those who still see each other (its algorithm ffsplit), after the gap that a lost node causes.
"""

from __future__ import annotations

from collections.abc import Iterable

from hapanel.ha.engine.profile import Profile
from hapanel.ha.engine.world import Machine, Members, QDevice
from hapanel.ha.votes import majority


def _is_member(profile: Profile, machine: Machine, now: float) -> bool:
    """A silent node is a member until corosync has noticed."""
    if machine.is_up:
        return True
    return machine.lost_at is not None and now - machine.lost_at < profile.detection


def _has_qdevice(
    profile: Profile, machines: Iterable[Machine], qdevice: QDevice, now: float
) -> bool:
    begin, end = profile.qdevice_gap
    lost = [each.lost_at for each in machines if each.lost_at is not None]
    return qdevice.is_reachable and not any(begin <= now - at < end for at in lost)


def members(
    profile: Profile, machines: Iterable[Machine], qdevice: QDevice | None, now: float
) -> Members:
    """The membership at `now`, counted as votequorum counts."""
    listed = list(machines)
    online = frozenset(each.name for each in listed if _is_member(profile, each, now))
    there = sum(each.votes for each in listed if each.name in online)
    expected = sum(each.votes for each in listed)
    if qdevice:
        expected += qdevice.votes
        there += qdevice.votes if _has_qdevice(profile, listed, qdevice, now) else 0
    if there < majority(expected):
        return Members(online=frozenset(), is_quorate=False, lowest=None)
    ids = sorted((each.node_id, each.name) for each in listed if each.name in online)
    return Members(online=online, is_quorate=True, lowest=ids[0][1] if ids else None)
