"""An operation in the hands of one worker, for the length of one step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from hapanel.kernel.clock import Clock
from hapanel.kernel.refusal import Refusal
from hapanel.operations import timeline
from hapanel.operations.doors import Doors
from hapanel.operations.models import Operation, SealedSecret, State, Step
from hapanel.operations.moves import ENDS, check_move
from nodes.models import Cluster


class LostClaim(Exception):
    """Somebody else decided about the operation meanwhile: a canceller, or another worker."""


@dataclass(frozen=True, slots=True)
class Note:
    """A line for the timeline: a code of `hapanel.operations.words` and its parameters."""

    code: str
    params: dict[str, Any] = field(default_factory=dict)


def noted(code: str, /, **params: Any) -> Note:
    return Note(code, params)


class Work:
    """One claimed operation. Whatever is decided about it goes through `commit`."""

    def __init__(self, operation: Operation, token: str, doors: Doors, clock: Clock) -> None:
        self.operation = operation
        self.token = token
        self.doors = doors
        self.clock = clock

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @property
    def cluster(self) -> Cluster:
        """The cluster that the operation is about; only adding one has none."""
        assert self.operation.cluster is not None
        return self.operation.cluster

    def scaled(self, seconds: float) -> float:
        """Seconds of a real cluster, on this cluster's time scale."""
        return seconds / self.cluster.time_scale

    def since(self, moment: datetime | None) -> float:
        """Seconds from `moment` to now."""
        return 0.0 if moment is None else (self.now - moment).total_seconds()

    def memo(self, **notes: Any) -> dict[str, Any]:
        """The verb's own notes with these changes, to be committed as `memo`."""
        return {**self.operation.memo, **notes}

    def commit(
        self,
        *notes: Note,
        state: State | None = None,
        step: Step | None = None,
        look_in: float = 0.0,
        blind: bool = False,
        also: Callable[[], None] | None = None,
        **changes: Any,
    ) -> None:
        """Move on, in one transaction with the timeline and whatever `also` does.

        look_in: seconds until the next step; it is the first thing that a repeat obeys.
        blind: whether the cluster did not answer; any other commit ends a blindness.
        Raises LostClaim when the operation is not in our hands any more: then nothing was written.
        """
        lines = list(notes)
        if not blind:
            lines = [*self._sees_again(changes), *lines]
            state = state or self._out_of_attention(step, lines, changes)
        operation = self.operation
        check_move(operation.state, state, operation.step, step)
        changes |= self._whereto(state, step, look_in)
        with transaction.atomic():
            self._write(changes)
            if also is not None:
                also()
            self._tell(lines, state)

    def fail(self, refusal: Refusal, **changes: Any) -> None:
        """End as failed; `refusal` says why and what to do."""
        self.commit(
            noted("failed", code=refusal.code),
            state=State.FAILED,
            outcome=refusal.as_record(),
            **changes,
        )

    def need_attention(self, refusal: Refusal, *, because: str, look_in: float = 10.0) -> None:
        """Stop for a person, who is told what is unclear. The machine keeps looking meanwhile."""
        self.commit(
            noted("needs_attention", code=refusal.code),
            state=State.NEEDS_ATTENTION,
            outcome=refusal.as_record(),
            look_in=look_in,
            blind=True,
            memo=self.memo(attention=because),
        )

    def take_the_right_to_send(self) -> bool:
        """Take the one right to send this operation's request. Nobody ever gets it twice, unless
        it was given back because the request provably never left."""
        taken = Operation.objects.filter(
            pk=self.operation.pk,
            claim=self.token,
            state=State.RUNNING,
            step=Step.INTENDED,
            sent_at=None,
        ).update(sent_at=self.now)
        if taken:
            self.operation.sent_at = self.now
        return bool(taken)

    def _write(self, changes: dict[str, Any]) -> None:
        operation = self.operation
        ours = Operation.objects.filter(
            pk=operation.pk, claim=self.token, state=operation.state
        ).update(**changes)
        if not ours:
            raise LostClaim(str(operation))
        for name, value in changes.items():
            setattr(operation, name, value)

    def _sees_again(self, changes: dict[str, Any]) -> list[Note]:
        """Ends a blindness; it is told only when its beginning was."""
        operation = self.operation
        if operation.blind_since is None:
            return []
        changes["blind_since"] = None
        if not operation.memo.get("blind_told"):
            return []
        changes["memo"] = {**changes.get("memo", operation.memo), "blind_told": False}
        return [noted("sighted", seconds=round(self.since(operation.blind_since)))]

    def _out_of_attention(
        self, step: Step | None, lines: list[Note], changes: dict[str, Any]
    ) -> State | None:
        """What is unclear no more runs on: a step was taken, or the silent cluster speaks."""
        operation = self.operation
        if operation.state != State.NEEDS_ATTENTION:
            return None
        spoke = operation.memo.get("attention") == "silent"
        moved = step is not None and step != operation.step
        if not (spoke or moved):
            return None
        lines.append(noted("attention_over"))
        changes.setdefault("outcome", None)
        return State.RUNNING

    def _whereto(self, state: State | None, step: Step | None, look_in: float) -> dict[str, Any]:
        changes: dict[str, Any] = {"look_at": self.now + timedelta(seconds=look_in)}
        if state is not None:
            changes["state"] = state
        if step is not None:
            changes["step"] = step
        if state in ENDS:
            changes["ended_at"] = self.now
        return changes

    def _tell(self, lines: list[Note], state: State | None) -> None:
        operation = self.operation
        for line in lines:
            timeline.note(operation, line.code, at=self.now, **line.params)
        if state in ENDS:
            SealedSecret.objects.filter(operation=operation).delete()
            timeline.audit_end(operation)
        timeline.hint(operation)
