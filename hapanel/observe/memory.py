"""What this process remembers of each cluster between two looks.

The records are the truth; the memory only saves reading ten thousand of them each second. It is
thrown away when another process wrote since (generation) and once a minute in any case, so nothing
that was missed lives longer than that.
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings

from hapanel.observe.answers import Answers
from hapanel.observe.events import Fact
from hapanel.observe.pace import Pace
from hapanel.observe.picture import Picture
from hapanel.observe.quorum_watch import QuorumWatch
from hapanel.observe.recorded import recorded_of
from hapanel.observe.view import View
from hapanel.ports.errors import ClusterError
from nodes.models import Cluster, Event

REREAD_SECONDS = 60.0
# A thing has to be missing from two rounds to be gone.
PATIENCE = timedelta(seconds=settings.OBSERVE_SECONDS)


@dataclass
class Memory:
    """One cluster in this process. Only whoever holds the cluster's lock may touch it."""

    picture: Picture
    quorum: QuorumWatch
    generation: str
    read_at: float
    digest: bytes | None = None
    finished_tasks: frozenset[str] | None = None
    figures_at: datetime | None = None  # when the figures were told that are not kept yet
    # What nodes say that do not see the whole cluster, and whose turn it is to be asked.
    views: dict[str, View] = field(default_factory=dict)
    turn: int = 0
    # How the questions failed that were not answered when they were asked last.
    lacking: dict[str, ClusterError] = field(default_factory=dict)

    def is_current(self, pace: Pace) -> bool:
        """Whether nobody else wrote since and it is not too old."""
        fresh = time.monotonic() - self.read_at < REREAD_SECONDS
        return fresh and pace.generation == self.generation

    def still_lacking(self, answers: Answers) -> ClusterError | None:
        """Take in which questions were asked and answered; how one of those failed that are still
        not answered. Not every look asks every question."""
        rest = {name: e for name, e in self.lacking.items() if name not in answers.asked}
        self.lacking = {**rest, **answers.lacking}
        return next(iter(self.lacking.values()), None)

    def new_generation(self) -> str:
        """The mark under which the coming writes are known; this process keeps up with them."""
        self.generation = secrets.token_hex(6)
        return self.generation


@dataclass
class _Shelf:
    memories: dict[int, Memory] = field(default_factory=dict)
    guard: threading.Lock = field(default_factory=threading.Lock)


_shelf = _Shelf()


def memory_of(cluster: Cluster, pace: Pace) -> Memory:
    """This process's memory of `cluster`, read from the records when it is not current."""
    with _shelf.guard:
        known = _shelf.memories.get(cluster.pk)
    if known is not None and known.is_current(pace):
        return known
    recorded = recorded_of(cluster)
    made = Memory(
        picture=Picture(recorded, PATIENCE),
        quorum=QuorumWatch(_announced(cluster)),
        generation=pace.generation,
        read_at=time.monotonic(),
    )
    if known is not None and known.generation == pace.generation:
        known.picture.start_from(recorded)
        known.read_at = made.read_at
        made = known
    with _shelf.guard:
        _shelf.memories[cluster.pk] = made
    return made


def forget(cluster_id: int) -> None:
    """Drop what is remembered: after an error in the middle of writing nobody knows what holds."""
    with _shelf.guard:
        _shelf.memories.pop(cluster_id, None)


def _announced(cluster: Cluster) -> bool | None:
    """What the history said last about quorum."""
    facts = [Fact.QUORUM_LOST.value, Fact.QUORUM_REGAINED.value]
    last = Event.objects.filter(cluster=cluster, fact__in=facts).order_by("-at", "-id").first()
    return None if last is None else last.fact == Fact.QUORUM_REGAINED.value
