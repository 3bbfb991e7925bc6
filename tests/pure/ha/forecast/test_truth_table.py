"""Two nodes, one guest, and everything that decides what becomes of it: verdict and reason each."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from hapanel.ha.forecast.oracle import Oracle
from hapanel.ha.forecast.outcome import Outcome
from hapanel.ha.forecast.reasons import Code
from hapanel.ha.forecast.snapshot import Snapshot
from hapanel.ports.cluster import HaRule, QDevice
from tests.pure.ha.forecast.two_nodes import GIB, guest, pair

RECOVERS, STAYS, LOST = Outcome.RECOVERS, Outcome.STAYS, Outcome.LOST
FAILS, NOT_MANAGED, UNKNOWN = Outcome.FAILS_THERE, Outcome.NOT_MANAGED, Outcome.UNKNOWN
AWAY = QDevice(configured=True, connected=False, votes=1, algorithm="ffsplit")
MUTE = QDevice(configured=True, connected=True, votes=1, casts_vote=False)
UNREAD = QDevice(configured=True, connected=None, votes=1)
ONLY_NORTH = HaRule(
    rule="stay", type="node-affinity", resources=("vm:100",), nodes=("north:1",), strict=True
)
RATHER_NORTH = HaRule(rule="rather", type="node-affinity", resources=("vm:100",), nodes=("north",))
APART = HaRule(
    rule="apart", type="resource-affinity", resources=("vm:100", "vm:200"), affinity="negative"
)
BOTH = guest(), guest(200, "south")
MAINTAINED = {"status": "maintenance", "lrm_state": "maintenance"}
STOPPED_LRM = {"lrm_state": "dead", "lrm_dead": True}


class Row(NamedTuple):
    """Which node dies, what becomes of guest 100, and the reason that has to be among the told."""

    seen: Snapshot
    fail: str
    outcome: Outcome
    code: Code
    resets: tuple[str, ...] = ()


TABLE = {
    # votes and QDevice
    "two of two votes, its node dies": Row(pair(), "north", LOST, Code.NO_QUORUM),
    "two of two votes, the seat survives": Row(pair(seat="south"), "north", LOST, Code.NO_QUORUM),
    "the idle node dies, the armed one resets": Row(
        pair(), "south", LOST, Code.SURVIVOR_RESETS, ("north",)
    ),
    "as before, the seat on the dead one": Row(
        pair(seat="south"), "south", LOST, Code.SURVIVOR_RESETS, ("north",)
    ),
    "both armed, its node dies": Row(pair(*BOTH), "north", LOST, Code.NO_QUORUM, ("south",)),
    "with a QDevice": Row(pair(qdevice=True), "north", RECOVERS, Code.SEAT_DIES),
    "with a QDevice, the seat survives": Row(
        pair(qdevice=True, seat="south"), "north", RECOVERS, Code.TAKEN_OVER
    ),
    "with a QDevice, the other node dies": Row(pair(qdevice=True), "south", STAYS, Code.NODE_LIVES),
    "the QDevice is away": Row(pair(qdevice=AWAY), "north", LOST, Code.NO_QUORUM),
    "the QDevice is away, the other dies": Row(
        pair(qdevice=AWAY), "south", LOST, Code.SURVIVOR_RESETS, ("north",)
    ),
    "the QDevice casts no vote": Row(pair(qdevice=MUTE), "north", LOST, Code.NO_QUORUM),
    "the QDevice was not read": Row(pair(qdevice=UNREAD), "north", UNKNOWN, Code.QDEVICE_NOT_READ),
    "nobody told of a QDevice": Row(pair(qdevice=None), "north", UNKNOWN, Code.QDEVICE_NOT_READ),
    "two votes on its node, the other dies": Row(
        pair(votes=(2, 1)), "south", STAYS, Code.NODE_LIVES
    ),
    "two votes on its node, it dies": Row(pair(votes=(2, 1)), "north", LOST, Code.NO_QUORUM),
    "two votes on the other": Row(pair(votes=(1, 2)), "north", RECOVERS, Code.SEAT_DIES),
    "votes not read": Row(pair(votes=(1, None)), "north", UNKNOWN, Code.VOTES_NOT_READ),
    # armed or not
    "no guest under HA, the other node dies": Row(
        pair(guest(ha=False)), "south", STAYS, Code.NODE_LIVES
    ),
    "outside HA, its node dies": Row(
        pair(guest(ha=False), qdevice=True), "north", NOT_MANAGED, Code.NOT_MANAGED
    ),
    "outside HA on a node that resets": Row(
        pair(guest(ha=False), guest(101)), "south", NOT_MANAGED, Code.SURVIVOR_RESETS, ("north",)
    ),
    "ignored is as good as outside": Row(
        pair(guest(request="ignored", state="ignored"), qdevice=True),
        "north",
        NOT_MANAGED,
        Code.NOT_MANAGED,
    ),
    "disarmed": Row(
        pair(guest(state="freeze"), qdevice=True, armed="disarmed"), "north", LOST, Code.DISARMED
    ),
    "disarmed, the other node dies": Row(
        pair(guest(state="freeze"), armed="disarmed"), "south", STAYS, Code.NODE_LIVES
    ),
    # the guest's own state
    "switched off": Row(
        pair(guest(state="stopped", request="stopped", is_running=False), qdevice=True),
        "north",
        STAYS,
        Code.IS_OFF,
    ),
    "given up by the manager": Row(
        pair(guest(state="error"), qdevice=True), "north", LOST, Code.IN_ERROR
    ),
    "frozen since the LRM was stopped": Row(
        pair(guest(state="freeze"), qdevice=True, seat="south", north=STOPPED_LRM),
        "north",
        LOST,
        Code.FROZEN,
    ),
    # where it can run
    "local disk": Row(pair(guest(disk="local"), qdevice=True), "north", FAILS, Code.LOCAL_DISK),
    "local disk without quorum": Row(pair(guest(disk="local")), "north", LOST, Code.NO_QUORUM),
    "passed-through hardware": Row(
        pair(guest(passthrough=("hostpci0",)), qdevice=True), "north", FAILS, Code.PASSTHROUGH
    ),
    "too little memory": Row(
        pair(qdevice=True, south={"mem": 31 * GIB}), "north", FAILS, Code.NO_MEMORY
    ),
    "memory not known": Row(
        pair(qdevice=True, south={"mem": None}), "north", RECOVERS, Code.MEMORY_NOT_KNOWN
    ),
    "disks not read": Row(
        pair(guest(disks=None), qdevice=True), "north", RECOVERS, Code.DISKS_NOT_READ
    ),
    # rules and maintenance
    "a strict rule": Row(pair(qdevice=True, rules=(ONLY_NORTH,)), "north", LOST, Code.NO_PLACE),
    "a rule that only prefers": Row(
        pair(qdevice=True, rules=(RATHER_NORTH,)), "north", RECOVERS, Code.TAKEN_OVER
    ),
    "to be kept apart from the other node's guest": Row(
        pair(*BOTH, qdevice=True, rules=(APART,)), "north", LOST, Code.NO_PLACE
    ),
    "the other node in maintenance": Row(
        pair(qdevice=True, south=MAINTAINED), "north", LOST, Code.NO_PLACE
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_two_nodes(name: str) -> None:
    row = TABLE[name]
    told = Oracle(row.seen).forecast(row.fail)
    fate = told.guests[0]
    reasons = [*fate.reasons, *fate.unknowns]
    assert fate.outcome is row.outcome, [reason.sentence() for reason in reasons]
    assert row.code in [reason.code for reason in reasons]
    assert tuple(told.resets) == row.resets
    assert (fate.node == "south") is (row.outcome in (RECOVERS, FAILS))
    assert (fate.seconds is not None) is (row.outcome is RECOVERS)
    assert all(reason.sentence() for reason in reasons)


def test_the_table_is_as_long_as_promised() -> None:
    assert len(TABLE) >= 24
