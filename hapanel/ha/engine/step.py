"""`step(world, now)`: everything that the HA stack does up to `now`."""

from __future__ import annotations

from hapanel.ha.engine import hardware
from hapanel.ha.engine.crm import Candidate
from hapanel.ha.engine.draft import Draft
from hapanel.ha.engine.events import Event
from hapanel.ha.engine.lrm import Agent
from hapanel.ha.engine.world import World

# The simulator's round: two seconds for each node, for these are twice as many daemons.
_LEAST_ROUND = 20
_SECONDS_PER_NODE = 2
_NONE: frozenset[str] = frozenset()


def step(
    world: World, now: float, *, skipped: frozenset[str] = _NONE
) -> tuple[World, tuple[Event, ...]]:
    """Let the daemons do what is due until `now`, each at its own time.

    skipped: daemons ("crm", "lrm") that leave out their turns, as the simulator can make them.
    """
    draft = Draft(world, world.now)
    advance(draft, now, skipped)
    draft.now = max(draft.now, now)
    return draft.freeze(), tuple(draft.events)


def advance(draft: Draft, until: float, skipped: frozenset[str] = _NONE) -> None:
    """Move a draft to `until`."""
    while (due := _due(draft)) <= until:
        draft.now = max(draft.now, due)
        if draft.profile.lockstep:
            _round(draft, skipped)
        else:
            _run_due(draft)


def next_due(world: World) -> float:
    """When a step will have something to do; infinity when never."""
    return _due(world)


def _due(draft: Draft | World) -> float:
    if draft.profile.lockstep:
        return draft.round_at
    dues = [crm.due for crm in draft.crms.values()]
    for lrm in draft.lrms.values():
        dues.append(lrm.due)
        dues.extend(job.ends_at for job in lrm.jobs.values() if job.ends_at is not None)
    dues.extend(each.boots_at for each in draft.machines.values() if each.boots_at is not None)
    dues.extend(hardware.next_reset(draft, node) for node in draft.machines)
    return min(dues, default=float("inf"))


def _run_crm(draft: Draft, node: str) -> None:
    if Candidate(draft, node).run():
        hardware.crm_exited(draft, node)


def _run_lrm(draft: Draft, node: str) -> None:
    comes_back = draft.lrms[node].comes_back
    if Agent(draft, node).run():
        hardware.lrm_exited(draft, node, comes_back)


def _run_due(draft: Draft) -> None:
    """Whatever is due at this moment, in the order of names, CRM before LRM."""
    hardware.check_watchdogs(draft)
    hardware.boot_due(draft)
    for node in sorted(draft.machines):
        crm = draft.crms.get(node)
        if crm is not None and crm.due <= draft.now:
            _run_crm(draft, node)
        lrm = draft.lrms.get(node)
        if lrm is None:
            continue
        if lrm.due <= draft.now:
            _run_lrm(draft, node)
        elif any(j.ends_at is not None and j.ends_at <= draft.now for j in lrm.jobs.values()):
            Agent(draft, node).finish_jobs()


def _round(draft: Draft, skipped: frozenset[str]) -> None:
    """The simulator's round: node by node, CRM then LRM, each taking a second."""
    begun = draft.now
    for node in sorted(draft.machines):
        if node in draft.crms and "crm" not in skipped:
            _run_timed(draft, node, is_crm=True)
        if node in draft.lrms and "lrm" not in skipped:
            _run_timed(draft, node, is_crm=False)
        hardware.check_watchdogs(draft)
    length = max(_LEAST_ROUND, _SECONDS_PER_NODE * len(draft.machines))
    draft.round_at = max(draft.now, begun + length)


def _run_timed(draft: Draft, node: str, *, is_crm: bool) -> None:
    """One iteration, whose exit is seen a second later."""
    if is_crm:
        exits = Candidate(draft, node).run()
        draft.now += 1
        if exits:
            hardware.crm_exited(draft, node)
        return
    comes_back = draft.lrms[node].comes_back
    exits = Agent(draft, node).run()
    draft.now += 1
    if exits:
        hardware.lrm_exited(draft, node, comes_back)
