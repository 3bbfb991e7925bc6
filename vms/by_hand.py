"""The way out of a split brain as commands for somebody at a console, guests on the loser included.

What the panel does itself is the same list without the guests: it refuses a victim on which guests
run. Their way is here: copied to another storage and stopped before, restored on the winner after.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hapanel.drbd.circumstances import GuestOnResource
from hapanel.drbd.recovery import Act, RecoveryStep
from hapanel.operations.split_brain import Case, Recovery
from vms.models import Guest


@dataclass(frozen=True)
class Command:
    """One line, and the node on which it is typed; an empty line is a look that has to be taken."""

    node: str
    line: str


def commands_for(case: Case, way: Recovery) -> tuple[Command, ...]:
    """Every command in its order."""
    return tuple(_commands(case, way))


def _commands(case: Case, way: Recovery) -> Iterator[Command]:
    guests = case.circumstances.running_on(way.victim)
    for guest in guests:
        yield from _before(way.victim, guest)
    for step in way.steps:
        yield _typed(case.resource, step)
    for guest in guests:
        yield from _after(way.survivor, guest)


def _typed(resource: str, step: RecoveryStep) -> Command:
    if step.act is Act.SYNC:
        return Command(step.node, f"drbdadm status {resource}   # until both are UpToDate")
    return Command(step.node, step.line)


def _before(node: str, guest: GuestOnResource) -> Iterator[Command]:
    tool, sid = _tool(guest)
    yield Command(node, f"vzdump {guest.vmid} --storage STORAGE --mode stop")
    yield Command(node, f"ha-manager set {sid} --state stopped   # if it is under HA")
    yield Command(node, f"{tool} shutdown {guest.vmid}")


def _after(node: str, guest: GuestOnResource) -> Iterator[Command]:
    tool, sid = _tool(guest)
    restore = "qmrestore ARCHIVE" if tool == "qm" else "pct restore"
    archive = f"{guest.vmid}" if tool == "qm" else f"{guest.vmid} ARCHIVE"
    yield Command(node, f"{restore} {archive} --force 1")
    yield Command(node, f"ha-manager set {sid} --state started   # if it is under HA")


def _tool(guest: GuestOnResource) -> tuple[str, str]:
    kind = Guest.objects.filter(vmid=guest.vmid, name=guest.name).values_list("type", flat=True)
    is_container = "lxc" in kind
    return ("pct", f"ct:{guest.vmid}") if is_container else ("qm", f"vm:{guest.vmid}")
