"""One look's questions to the cluster: a constant number, whatever there is to see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from hapanel.observe.pace import Plan
from hapanel.observe.picture import Look
from hapanel.ports.cluster import Task
from hapanel.ports.cluster_gateway import ClusterGateway
from hapanel.ports.errors import (
    BadRequest,
    ClusterError,
    Garbage,
    NodeUnreachable,
    PermissionMissing,
    ServerFault,
)

T = TypeVar("T")

# Failures of one question that leave the others worth asking.
_PARTIAL = (PermissionMissing, ServerFault, BadRequest, Garbage, NodeUnreachable)


@dataclass(frozen=True)
class Answers:
    """What the cluster said. `asked`: the questions that leave the others worth asking when they
    fail, as far as this look asked them; `lacking`: how those failed that were not answered."""

    look: Look
    digest: bytes
    tasks: tuple[Task, ...] | None
    answered_by: str
    seen_by: str
    asked: frozenset[str]
    lacking: Mapping[str, ClusterError]
    clock_offset: float | None = None


class _Asked:
    """Asks, and goes on when one question is not answered: the rest can still be seen."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.lacking: dict[str, ClusterError] = {}

    def maybe(self, name: str, wanted: bool, question: Callable[[], T]) -> T | None:
        if not wanted:
            return None
        self.names.add(name)
        try:
            return question()
        except _PARTIAL as error:
            self.lacking[name] = error
            return None


def ask(gateway: ClusterGateway, plan: Plan, known_digest: bytes | None) -> Answers:
    """Ask what `plan` says. Raises ClusterError when the cluster does not answer, or not well."""
    asked = _Asked()
    asked_at = datetime.now(UTC)
    answer = gateway.resources(known_digest)
    answered_at = datetime.now(UTC)
    ha = asked.maybe("ha", plan.whole, gateway.ha_status)
    membership = asked.maybe("membership", plan.membership, gateway.membership)
    tasks = asked.maybe("tasks", plan.tasks, gateway.tasks)
    return Answers(
        look=Look(
            asked_at=asked_at,
            answered_at=answered_at,
            resources=answer.resources,
            ha=ha,
            membership=membership,
            is_ha_untold=plan.whole and ha is None,
            is_membership_untold=plan.membership and membership is None,
        ),
        digest=answer.digest,
        tasks=tasks,
        answered_by=gateway.answered_by or "",
        seen_by=node_at(gateway, gateway.answered_by),
        asked=frozenset(asked.names),
        lacking=asked.lacking,
        clock_offset=gateway.clock_offset,
    )


def node_at(gateway: ClusterGateway, address: str | None) -> str:
    """The node that answers at the address; blank as long as it has not said so."""
    known = (each.node for each in gateway.addresses() if each.address == address)
    return next(known, None) or ""
