"""One look's questions to the cluster: a constant number, whatever there is to see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from hapanel.observe.pace import Plan
from hapanel.observe.picture import Look
from hapanel.ports.cluster import ClusterGateway, Task
from hapanel.ports.errors import PermissionMissing

T = TypeVar("T")


@dataclass(frozen=True)
class Answers:
    """What the cluster said. `refused`: the first question that a privilege is missing for."""

    look: Look
    digest: bytes
    tasks: tuple[Task, ...] | None
    answered_by: str
    refused: PermissionMissing | None


class _Asked:
    """Asks, and goes on when a privilege is missing: the rest can still be seen."""

    def __init__(self) -> None:
        self.refused: PermissionMissing | None = None

    def maybe(self, wanted: bool, question: Callable[[], T]) -> T | None:
        if not wanted:
            return None
        try:
            return question()
        except PermissionMissing as missing:
            self.refused = self.refused or missing
            return None


def ask(gateway: ClusterGateway, plan: Plan, known_digest: bytes | None) -> Answers:
    """Ask what `plan` says. Raises ClusterError when the cluster does not answer, or not well."""
    asked = _Asked()
    asked_at = datetime.now(UTC)
    answer = gateway.resources(known_digest)
    answered_at = datetime.now(UTC)
    look = Look(
        asked_at=asked_at,
        answered_at=answered_at,
        resources=answer.resources,
        ha=asked.maybe(plan.whole, gateway.ha_status),
        membership=asked.maybe(plan.membership, gateway.membership),
    )
    tasks = asked.maybe(plan.tasks, gateway.tasks)
    return Answers(look, answer.digest, tasks, gateway.answered_by or "", asked.refused)
