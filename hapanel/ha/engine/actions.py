"""What happens to a world from outside: hardware, people, and work reported as done.

An action is a value, so a story is a list of them. `apply` enters some of them at a moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import replace

from hapanel.ha.engine import hardware
from hapanel.ha.engine.draft import Draft
from hapanel.ha.engine.events import Event
from hapanel.ha.engine.lrm import Agent
from hapanel.ha.engine.options import Options
from hapanel.ha.engine.rules import Rule
from hapanel.ha.engine.words import Halt, JobResult, Requested
from hapanel.ha.engine.world import Bystander, Guest, Load, Members, World


class PowerOn(msgspec.Struct, frozen=True):
    """A node is switched on."""

    node: str


class PowerOff(msgspec.Struct, frozen=True):
    """A node loses power."""

    node: str


class Network(msgspec.Struct, frozen=True):
    """A node's cable is pulled out or put back."""

    node: str
    connected: bool


class HaltNode(msgspec.Struct, frozen=True):
    """Somebody shuts a node down, or reboots it, in order."""

    node: str
    how: Halt


class RestartLrm(msgspec.Struct, frozen=True):
    """A node's LRM is restarted."""

    node: str


class StopLrm(msgspec.Struct, frozen=True):
    """A node's LRM is stopped in order: it freezes its services and exits."""

    node: str


class StartLrm(msgspec.Struct, frozen=True):
    """A node's LRM is started again."""

    node: str


class StopCrm(msgspec.Struct, frozen=True):
    """A node's CRM is stopped in order."""

    node: str


class StartCrm(msgspec.Struct, frozen=True):
    """A node's CRM is started again."""

    node: str


class ReachQDevice(msgspec.Struct, frozen=True):
    """The QDevice comes into reach or leaves it."""

    is_reachable: bool


class TellMembers(msgspec.Struct, frozen=True):
    """Somebody else says who is a member; None leaves it to the engine again."""

    members: Members | None


class SetRules(msgspec.Struct, frozen=True):
    """The HA rules that are in force, all of them."""

    rules: tuple[Rule, ...]


class SetOptions(msgspec.Struct, frozen=True):
    """The datacenter options."""

    options: Options


class SetBystanders(msgspec.Struct, frozen=True):
    """The running guests outside HA, all of them."""

    bystanders: Mapping[str, Bystander]


class SetRunning(msgspec.Struct, frozen=True):
    """All guests that run on a node, HA or not, as somebody else sees it."""

    node: str
    sids: frozenset[str]


class Command(msgspec.Struct, frozen=True):
    """A line is queued for the master, such as `migrate vm:100 slave`."""

    text: str


class Request(msgspec.Struct, frozen=True):
    """An HA resource's requested state is changed."""

    sid: str
    state: Requested


class Configure(msgspec.Struct, frozen=True):
    """An HA resource is added, or replaced whole. runs: it runs on its node already."""

    guest: Guest
    runs: bool = False


class Remove(msgspec.Struct, frozen=True):
    """A guest is removed from HA."""

    sid: str


class MovePastHa(msgspec.Struct, frozen=True):
    """Somebody moves a guest by hand, without HA."""

    sid: str
    node: str


class SetLock(msgspec.Struct, frozen=True):
    """A guest's configuration is locked, or with None unlocked."""

    sid: str
    lock: str | None


class SetLoad(msgspec.Struct, frozen=True):
    """A guest is assigned, or uses, something else than before."""

    sid: str
    load: Load


class SetFileSystem(msgspec.Struct, frozen=True):
    """The cluster file system on a node fails or works; None leaves a part as it is."""

    node: str
    can_write: bool | None = None
    can_update: bool | None = None


class SetVersion(msgspec.Struct, frozen=True):
    """A node runs another pve-manager."""

    node: str
    version: str


class Report(msgspec.Struct, frozen=True):
    """Somebody did an LRM's job (`Jobs.REPORTED`), known by its service and uid."""

    node: str
    sid: str
    uid: int | None
    result: JobResult


Action: TypeAlias = (
    PowerOn
    | PowerOff
    | Network
    | HaltNode
    | RestartLrm
    | StopLrm
    | StartLrm
    | StopCrm
    | StartCrm
    | ReachQDevice
    | TellMembers
    | SetRules
    | SetOptions
    | SetBystanders
    | SetRunning
    | Command
    | Request
    | Configure
    | Remove
    | MovePastHa
    | SetLock
    | SetLoad
    | SetFileSystem
    | SetVersion
    | Report
)


def apply(world: World, now: float, *actions: Action) -> tuple[World, tuple[Event, ...]]:
    """Enter `actions` at `now`. Raises KeyError for a node or a guest that does not exist."""
    draft = Draft(world, max(now, world.now))
    for action in actions:
        _ENTER[type(action)](draft, action)
    return draft.freeze(), tuple(draft.events)


def _change_guest(draft: Draft, sid: str, **fields: object) -> None:
    draft.guests[sid] = replace(draft.guests[sid], **fields)


def _tell_members(draft: Draft, action: TellMembers) -> None:
    draft.told_members = action.members


def _set_rules(draft: Draft, action: SetRules) -> None:
    draft.rules = action.rules


def _set_options(draft: Draft, action: SetOptions) -> None:
    draft.options = action.options


def _set_bystanders(draft: Draft, action: SetBystanders) -> None:
    draft.bystanders = action.bystanders


def _set_running(draft: Draft, action: SetRunning) -> None:
    draft.running[action.node] = action.sids


def _remove(draft: Draft, action: Remove) -> None:
    del draft.guests[action.sid]


def _set_file_system(draft: Draft, action: SetFileSystem) -> None:
    machine = draft.machines[action.node]
    if action.can_write is not None:
        machine = replace(machine, can_write=action.can_write)
    if action.can_update is not None:
        machine = replace(machine, can_update=action.can_update)
    draft.put_machine(machine)


def _set_version(draft: Draft, action: SetVersion) -> None:
    draft.put_machine(replace(draft.machines[action.node], version=action.version))


def _configure(draft: Draft, action: Configure) -> None:
    draft.guests[action.guest.sid] = action.guest
    if action.runs:
        draft.set_running(action.guest.node, action.guest.sid, True)


def _report(draft: Draft, action: Report) -> None:
    """A report for a job that the LRM no longer knows is late, and is nobody's any more."""
    lrm = draft.lrms.get(action.node)
    job = lrm.jobs.get(action.sid) if lrm else None
    if job is not None and job.is_running and job.uid == action.uid:
        Agent(draft, action.node).report(job, action.result)


_ENTER: dict[type[Any], Callable[[Draft, Any], None]] = {
    PowerOn: lambda draft, a: hardware.power_on(draft, a.node),
    PowerOff: lambda draft, a: hardware.power_off(draft, a.node),
    Network: lambda draft, a: hardware.set_network(draft, a.node, a.connected),
    HaltNode: lambda draft, a: hardware.halt(draft, a.node, a.how),
    RestartLrm: lambda draft, a: hardware.restart_lrm(draft, a.node),
    StopLrm: lambda draft, a: hardware.stop_lrm(draft, a.node),
    StartLrm: lambda draft, a: hardware.start_lrm(draft, a.node),
    StopCrm: lambda draft, a: hardware.stop_crm(draft, a.node),
    StartCrm: lambda draft, a: hardware.start_crm(draft, a.node),
    ReachQDevice: lambda draft, a: draft.set_qdevice_reachable(a.is_reachable),
    TellMembers: _tell_members,
    SetRules: _set_rules,
    SetOptions: _set_options,
    SetBystanders: _set_bystanders,
    SetRunning: _set_running,
    Command: lambda draft, a: draft.commands.append(a.text),
    Request: lambda draft, a: _change_guest(draft, a.sid, requested=a.state),
    Configure: _configure,
    Remove: _remove,
    MovePastHa: lambda draft, a: _change_guest(draft, a.sid, node=a.node),
    SetLock: lambda draft, a: _change_guest(draft, a.sid, lock=a.lock),
    SetLoad: lambda draft, a: _change_guest(draft, a.sid, load=a.load),
    SetFileSystem: _set_file_system,
    SetVersion: _set_version,
    Report: _report,
}
