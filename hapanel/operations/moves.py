"""The legal moves of an operation, as tables. Whatever is not in here is a fault of the program."""

from __future__ import annotations

from hapanel.operations.models import State, Step

# From each state to the ones that may follow. Needs attention goes back to running when what was
# unclear shows itself, so nobody has to settle what settles itself.
STATES: dict[State, frozenset[State]] = {
    State.SCHEDULED: frozenset({State.QUEUED, State.CANCELLED}),
    State.QUEUED: frozenset({State.RUNNING, State.CANCELLED}),
    State.RUNNING: frozenset(
        {State.SUCCEEDED, State.FAILED, State.CANCELLED, State.NEEDS_ATTENTION}
    ),
    State.NEEDS_ATTENTION: frozenset(
        {State.RUNNING, State.SUCCEEDED, State.FAILED, State.CANCELLED}
    ),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
}
ENDS = frozenset(state for state, following in STATES.items() if not following)

# From each step to the ones that may follow. Intended goes back to preflight only when it is
# certain that nothing was sent, and on to verifying where there is no task to follow; accepted is
# skipped to verifying when a person names a task.
STEPS: dict[Step, frozenset[Step]] = {
    Step.NONE: frozenset({Step.PREFLIGHT, Step.CONNECTING, Step.CHECKING_SSH}),
    Step.PREFLIGHT: frozenset({Step.INTENDED}),
    Step.INTENDED: frozenset(
        {Step.PREFLIGHT, Step.ACCEPTED, Step.VERIFYING, Step.CONFIRMING, Step.SETTLING}
    ),
    Step.ACCEPTED: frozenset({Step.FOLLOWING, Step.WAITING_FOR_HA}),
    Step.WAITING_FOR_HA: frozenset({Step.FOLLOWING, Step.VERIFYING}),
    Step.FOLLOWING: frozenset({Step.VERIFYING}),
    Step.VERIFYING: frozenset(),
    Step.CONFIRMING: frozenset(),
    Step.SETTLING: frozenset(),
    Step.CONNECTING: frozenset({Step.SIGNING_IN}),
    Step.SIGNING_IN: frozenset({Step.CHECKING_RIGHTS, Step.CHECKING_SSH}),
    Step.CHECKING_SSH: frozenset({Step.CHECKING_RIGHTS}),
    Step.CHECKING_RIGHTS: frozenset(),
}


class IllegalMove(Exception):
    """A move that the tables do not know."""


def check_move(state: str, to: State | None, step: str, to_step: Step | None) -> None:
    """Raises IllegalMove unless both moves are in the tables; None stands for staying."""
    if to is not None and to != state and to not in STATES[State(state)]:
        raise IllegalMove(f"{state} -> {to}")
    if to_step is not None and to_step != step and to_step not in STEPS[Step(step)]:
        raise IllegalMove(f"{step or 'no step'} -> {to_step}")
