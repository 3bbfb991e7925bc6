"""What the lines of Proxmox's migration logs say.

Facts about the lines: pve-guest-common AbstractMigrate.pm (time stamps, ends), qemu-server
QemuMigrate.pm and BlockJob.pm (memory, disks), pve-container LXC/Migrate.pm (restart mode),
pve-common RESTEnvironment.pm (end of a task). Most lines of most logs say nothing that matters
here, and new versions bring new ones; so a line that is not known is normal and is no event.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from hapanel.kernel.units import parse_bytes


class Phase(StrEnum):
    """What a migration is busy with, in the order of a QEMU and of a container migration."""

    PREPARING = "preparing"
    SHUTTING_DOWN = "shutting-down"  # containers: the guest stops answering here
    COPYING_DISKS = "copying-disks"
    COPYING_MEMORY = "copying-memory"
    FINISHING = "finishing"
    STARTING = "starting"  # containers: on the target
    ROLLING_BACK = "rolling-back"


class Outcome(StrEnum):
    """How the migration itself said that it ended.

    `PROBLEMS` does not tell where the guest is: look at its node.
    """

    SUCCEEDED = "succeeded"
    PROBLEMS = "problems"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True)
class PhaseBegan:
    """The migration turned to something else."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class MemoryProgress:
    """Bytes and bytes per second of the guest's memory. `transferred` may exceed `total`, since
    changed pages are sent again; `dirty_rate` is told only while the guest outruns the link."""

    transferred: int
    total: int
    rate: int
    dirty_rate: int | None = None


@dataclass(frozen=True, slots=True)
class DiskProgress:
    """Bytes of one local disk's mirror and the seconds it took so far. Disks are mirrored one
    after the other; `total` can grow while the guest writes."""

    disk: str
    transferred: int
    total: int
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class DiskCopied:
    """Bytes and bytes per second of an offline copy; its total is not told."""

    transferred: int
    rate: int | None


@dataclass(frozen=True, slots=True)
class Downtime:
    """For how many milliseconds QEMU held the guest still."""

    ms: int


@dataclass(frozen=True, slots=True)
class MemoryCompleted:
    """The guest's memory has arrived: the guest runs on the target."""


@dataclass(frozen=True, slots=True)
class ErrorLine:
    """A line that Proxmox marked as an error."""

    text: str


@dataclass(frozen=True, slots=True)
class WarningLine:
    """A warning that ends up as `TASK WARNINGS`."""

    text: str


@dataclass(frozen=True, slots=True)
class MigrationEnded:
    """The last word of the migration; `reason` only when it was aborted."""

    outcome: Outcome
    seconds: int
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class TaskEnded:
    """The last line of a task. `error` is None when it ended well, if need be with warnings."""

    error: str | None
    warnings: int = 0


@dataclass(frozen=True, slots=True)
class StartedByHa:
    """The HA manager began this task by itself (first line)."""


@dataclass(frozen=True, slots=True)
class HaRequested:
    """The task only queued a migration for the HA manager, which will run it as its own task."""

    vmid: int
    target: str


Event = (
    PhaseBegan
    | MemoryProgress
    | DiskProgress
    | DiskCopied
    | Downtime
    | MemoryCompleted
    | ErrorLine
    | WarningLine
    | MigrationEnded
    | TaskEnded
    | StartedByHa
    | HaRequested
)

_STAMP = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ")
_SIZE = r"[\d.]+ (?:B|KiB|MiB|GiB|TiB|PiB)"

_OUTCOMES = {
    "finished successfully": Outcome.SUCCEEDED,
    "finished with problems": Outcome.PROBLEMS,
    "aborted": Outcome.ABORTED,
}

_PHASES = {
    "starting migration of ": Phase.PREPARING,
    "shutdown CT ": Phase.SHUTTING_DOWN,
    "starting storage migration": Phase.COPYING_DISKS,
    "copying local disk images": Phase.COPYING_DISKS,
    "starting online/live migration": Phase.COPYING_MEMORY,
    "start final cleanup": Phase.FINISHING,
    "start container on target node": Phase.STARTING,
    "start container on source node": Phase.ROLLING_BACK,
    "aborting phase ": Phase.ROLLING_BACK,
}


def _memory(found: re.Match[str]) -> Event:
    dirty = found["dirty"]
    return MemoryProgress(
        transferred=parse_bytes(found["done"]),
        total=parse_bytes(found["total"]),
        rate=parse_bytes(found["rate"]),
        dirty_rate=parse_bytes(dirty) if dirty else None,
    )


_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def _disk(found: re.Match[str]) -> Event:
    spent = re.findall(r"(\d+)([dhms])", found["spent"] or "")
    return DiskProgress(
        found["disk"],
        parse_bytes(found["done"]),
        parse_bytes(found["total"]),
        sum(int(number) * _SECONDS[unit] for number, unit in spent),
    )


_DD_UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}


def _copied(found: re.Match[str]) -> Event:
    rate = round(float(found["rate"]) * _DD_UNITS[found["unit"]]) if found["rate"] else None
    return DiskCopied(int(found["done"]), rate)


def _ended(found: re.Match[str]) -> Event:
    hours, minutes, seconds = (int(found[group]) for group in ("h", "m", "s"))
    return MigrationEnded(
        _OUTCOMES[found["how"]], hours * 3600 + minutes * 60 + seconds, found["reason"] or None
    )


def _task_ended(found: re.Match[str]) -> Event:
    if found["warnings"]:
        return TaskEnded(None, int(found["warnings"]))
    return TaskEnded(found["error"])


_READERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Event]], ...] = (
    (
        re.compile(
            rf"^migration (?:active|device), transferred (?P<done>{_SIZE}) of (?P<total>{_SIZE}) "
            rf"VM-state, (?P<rate>{_SIZE})/s"
            rf"(?:.*dirties lots of memory: (?P<dirty>{_SIZE})/s)?"
        ),
        _memory,
    ),
    (
        re.compile(
            rf"^(?:drive|mirror)-(?P<disk>\S+): transferred (?P<done>{_SIZE}) of (?P<total>{_SIZE})"
            r" \([\d.]+%\)(?: in (?P<spent>[\ddhms ]+))?"
        ),
        _disk,
    ),
    (
        re.compile(
            r"^(?P<done>\d+) bytes \(.*\) copied"
            r"(?:, [\d.]+ s, (?P<rate>[\d.]+) (?P<unit>[kMGT]?B)/s)?"
        ),
        _copied,
    ),
    (
        re.compile(r"^average migration speed: .* downtime (\d+) ms"),
        lambda found: Downtime(int(found[1])),
    ),
    (re.compile(r"^migration status: completed$"), lambda _: MemoryCompleted()),
    (
        re.compile(
            r"^(?:ERROR: )?migration (?P<how>finished successfully|finished with problems|aborted) "
            r"\(duration (?P<h>\d+):(?P<m>\d\d):(?P<s>\d\d)\)(?:: (?P<reason>.+))?"
        ),
        _ended,
    ),
    (
        re.compile(r"^TASK (?:OK|WARNINGS: (?P<warnings>\d+)|ERROR: (?P<error>.*))$"),
        _task_ended,
    ),
    (re.compile(r"^ERROR: (.+)"), lambda found: ErrorLine(found[1])),
    (re.compile(r"^WARN: (.+)"), lambda found: WarningLine(found[1])),
    (re.compile(r"^task started by HA resource agent$"), lambda _: StartedByHa()),
    (
        re.compile(r"^Requesting HA migration for (?:VM|CT) (\d+) to node (\S+)$"),
        lambda found: HaRequested(int(found[1]), found[2]),
    ),
)


def read_line(line: str) -> Event | None:
    """What one line says; None for a line that says nothing of interest."""
    text = _STAMP.sub("", line.rstrip(), count=1)
    for form, read in _READERS:
        if found := form.match(text):
            return read(found)
    for beginning, phase in _PHASES.items():
        if text.startswith(beginning):
            return PhaseBegan(phase)
    return None
