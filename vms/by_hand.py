"""The way out of a split brain as commands for somebody at a console: the same steps, one a line.

Guests on both sides are in it: the losing side's are shut down and copied before, and restored
after, from the archive that vzdump names.
"""

from __future__ import annotations

from dataclasses import dataclass

from hapanel.drbd.recovery import Act, RecoveryStep
from hapanel.operations.split_brain import Case, Recovery


@dataclass(frozen=True)
class Command:
    """One line, and the node on which it is typed; an empty line is a look that has to be taken."""

    node: str
    line: str


def commands_for(case: Case, way: Recovery) -> tuple[Command, ...]:
    """Every command in its order."""
    return tuple(_typed(case.resource, step) for step in way.steps)


def _typed(resource: str, step: RecoveryStep) -> Command:
    if step.act is Act.SYNC:
        return Command(step.node, f"drbdadm status {resource}   # until both are UpToDate")
    return Command(step.node, step.line)
