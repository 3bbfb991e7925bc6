"""How far a migration is, folded from the lines of its task log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from hapanel.ports.tasklog import (
    DiskCopied,
    DiskProgress,
    Downtime,
    ErrorLine,
    Event,
    HaRequested,
    MemoryCompleted,
    MemoryProgress,
    MigrationEnded,
    Outcome,
    Phase,
    PhaseBegan,
    StartedByHa,
    TaskEnded,
    WarningLine,
    read_line,
)


@dataclass(frozen=True, slots=True)
class MigrationProgress:
    """A migration after some of its log. Bytes, bytes per second, seconds, milliseconds.

    `expected_disk_bytes` may be given before the first line: the log names each local disk only
    when its turn comes, and the whole would else seem smaller than it is. `rate` is that of the
    last line, `error` the first ERROR line, which tells the cause; the last one only says that
    the migration was aborted.
    """

    expected_disk_bytes: int = 0
    phase: Phase | None = None
    memory: MemoryProgress | None = None
    disks: Mapping[str, DiskProgress] = field(default_factory=dict)
    rate: int | None = None
    downtime_ms: int | None = None
    memory_completed: bool = False
    started_by_ha: bool = False
    queued_for_ha: HaRequested | None = None
    outcome: Outcome | None = None
    duration_seconds: int | None = None
    error: str | None = None
    warnings: tuple[str, ...] = ()
    task_ended: TaskEnded | None = None

    @property
    def transferred_bytes(self) -> int | None:
        """Bytes of memory and mirrored disks so far; None when the log names none."""
        parts = self._parts()
        return sum(part.transferred for part in parts) if parts else None

    @property
    def total_bytes(self) -> int | None:
        """Bytes of memory and local disks; None when the log names none yet."""
        if not self._parts():
            return None
        disks = sum(disk.total for disk in self.disks.values())
        memory = self.memory.total if self.memory else 0
        return max(disks, self.expected_disk_bytes) + memory

    @property
    def percent(self) -> float | None:
        """0 to 100; at most 99 until the memory has arrived, None where nothing is counted.

        Containers and stopped guests have phases only.
        """
        if self.memory_completed or self.outcome is Outcome.SUCCEEDED:
            return 100.0
        transferred, total = self.transferred_bytes, self.total_bytes
        if transferred is None or not total:
            return None
        return min(99.0, 100.0 * transferred / total)

    @property
    def eta_seconds(self) -> float | None:
        """What is left at the rate of the last line; None when unknown.

        While pages are sent a second time nobody knows what is left (see `is_converging`).
        """
        transferred, total = self.transferred_bytes, self.total_bytes
        if self.memory_completed or transferred is None or total is None or not self.rate:
            return None
        left = total - transferred
        return left / self.rate if left > 0 else None

    @property
    def is_converging(self) -> bool:
        """False while the guest changes its memory faster than the link carries it."""
        memory = self.memory
        return memory is None or memory.dirty_rate is None or memory.dirty_rate < memory.rate

    def after(self, lines: Iterable[str]) -> MigrationProgress:
        """The progress after these further lines."""
        progress = self
        for line in lines:
            event = read_line(line)
            if event is not None:
                progress = _after_event(progress, event)
        return progress

    def _parts(self) -> list[MemoryProgress | DiskProgress]:
        return [*self.disks.values(), *([self.memory] if self.memory else [])]


def _after_event(so_far: MigrationProgress, event: Event) -> MigrationProgress:
    match event:
        case PhaseBegan(phase):
            return replace(so_far, phase=phase, rate=None)
        case MemoryProgress():
            return replace(so_far, memory=event, rate=event.rate, phase=Phase.COPYING_MEMORY)
        case DiskProgress():
            return _after_disk(so_far, event)
        case DiskCopied():
            return replace(so_far, rate=event.rate, phase=Phase.COPYING_DISKS)
        case Downtime(ms):
            return replace(so_far, downtime_ms=ms)
        case MemoryCompleted():
            return replace(so_far, memory_completed=True, phase=Phase.FINISHING, rate=None)
        case MigrationEnded():
            return _after_end(so_far, event)
        case _:
            return _after_words(so_far, event)


def _after_words(
    so_far: MigrationProgress,
    event: ErrorLine | WarningLine | StartedByHa | HaRequested | TaskEnded,
) -> MigrationProgress:
    match event:
        case ErrorLine(text):
            return replace(so_far, error=so_far.error or text)
        case WarningLine(text):
            return replace(so_far, warnings=(*so_far.warnings, text))
        case StartedByHa():
            return replace(so_far, started_by_ha=True)
        case HaRequested():
            return replace(so_far, queued_for_ha=event)
        case TaskEnded():
            return replace(so_far, task_ended=event, rate=None, error=so_far.error or event.error)


def _after_disk(so_far: MigrationProgress, disk: DiskProgress) -> MigrationProgress:
    """Mirrors of finished disks go on being told while the memory is copied."""
    disks = {**so_far.disks, disk.disk: disk}
    if so_far.memory is not None:
        return replace(so_far, disks=disks)
    rate = round(disk.transferred / disk.seconds) if disk.seconds else None
    return replace(so_far, disks=disks, rate=rate, phase=Phase.COPYING_DISKS)


def _after_end(so_far: MigrationProgress, end: MigrationEnded) -> MigrationProgress:
    return replace(
        so_far,
        outcome=end.outcome,
        duration_seconds=end.seconds,
        error=so_far.error or end.reason,
        rate=None,
    )
