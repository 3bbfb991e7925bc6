"""The timing of the HA stack as a parameter: the regression simulator's and a real cluster's.

All values are seconds. Those of REAL are constants of pve-ha-manager 5.2, pve-cluster and
watchdog-mux, except those of corosync (`detection`, `qdevice_gap`), of a reboot and of jobs, which
were measured on two nodes and differ from cluster to cluster.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Jobs(StrEnum):
    """Who does the LRM's work.

    INLINE: done within the LRM's iteration, in no time. TIMED: done by the engine, after the
    profile's durations. REPORTED: done by the caller, who says how it ended (`actions.report`).
    """

    INLINE = "inline"
    TIMED = "timed"
    REPORTED = "reported"


class Durations(msgspec.Struct, frozen=True, kw_only=True):
    """How long the work on a guest takes when the engine does it itself (Jobs.TIMED)."""

    start: float = 2.0
    stop: float = 5.0
    move: float = 10.0


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """How long the parts of the HA stack wait, and in which order they run.

    lockstep: every daemon once per round, in the order of node names, each taking one second
        (the regression simulator); otherwise each daemon runs when it is due.
    detection: from a node's silence until corosync drops it from the membership.
    qdevice_gap: begin and end of the time without the QDevice's vote, from a node's silence.
    lock_timeout: from a lock's last renewal until another may have it.
    unlock_first: the first attempt at a dead lock only asks pmxcfs to give it up.
    lock_by_process: a lock belongs to one boot of its node, and the member with the lowest id
        times it; otherwise to the node's name.
    watchdog: from a client's last sign of life to the reset of its node.
    reboot: from power off to the daemons' start when a node reboots.
    rechecks: the LRMs look every round whether guests that they started still run. Without it a
        world is much cheaper to move, but must not lose guests otherwise than with their nodes.
    """

    lockstep: bool
    jobs: Jobs
    durations: Durations = Durations()
    detection: float = 0.0
    qdevice_gap: tuple[float, float] = (0.0, 0.0)
    lock_timeout: float = 120.0
    unlock_first: bool = False
    lock_by_process: bool = False
    watchdog: float = 60.0
    reboot: float = 0.0
    rechecks: bool = True
    fence_delay: float = 60.0
    gone_delay: float = 3600.0
    master_round: float = 10.0
    slave_retry: float = 1.0
    waiting: float = 5.0
    lrm_active: float = 10.0
    lrm_maintenance: float = 5.0
    crm_idle_rounds: int = 90
    lrm_idle_rounds: int = 60


REGRESSION = Profile(lockstep=True, jobs=Jobs.INLINE)

# corosync.conf(5): a token is lost after `token`, and `token_coefficient` more for each node beyond
# two; then the members agree within 1.2 times that. Noticing took 0.9 s more where it was measured.
_TOKEN = 3.0
_TOKEN_COEFFICIENT = 0.65
_NOTICING = 0.9
_CONSENSUS = 1.2
# After a loss the members wait for the QDevice's vote. corosync says "no quorum" only in the last
# two of these seconds, but pmxcfs lets nobody write in all of them.
_QDEVICE_GAP = 7.0


def real(
    nodes: int = 2, *, token: float = _TOKEN, token_coefficient: float = _TOKEN_COEFFICIENT
) -> Profile:
    """The timing of a real cluster of so many nodes. token, token_coefficient: corosync's."""
    lost_after = token + token_coefficient * max(0, nodes - 2)
    detection = round((1 + _CONSENSUS) * lost_after + _NOTICING, 1)
    return Profile(
        lockstep=False,
        jobs=Jobs.TIMED,
        detection=detection,
        qdevice_gap=(detection, detection + _QDEVICE_GAP),
        unlock_first=True,
        lock_by_process=True,
        watchdog=70.0,
        reboot=45.0,
    )


REAL = real()
