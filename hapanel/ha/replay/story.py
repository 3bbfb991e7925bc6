"""The commands of a case: lines of text, read as actions on the world."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from msgspec.structs import replace

from hapanel.ha.engine import actions as act
from hapanel.ha.engine.words import Halt
from hapanel.ha.engine.world import Guest, World
from hapanel.ha.replay.case import faults, requested
from hapanel.ha.replay.form import CaseError


class Delay(msgspec.Struct, frozen=True):
    """The next list of commands waits so many seconds."""

    seconds: int


class SkipRounds(msgspec.Struct, frozen=True):
    """All daemons of a kind leave so many rounds out."""

    daemon: str
    rounds: int


def read_command(world: World, text: str, place: str) -> act.Action | Delay | SkipRounds:
    """One command, given the world in which it is entered. Raises CaseError with `place`."""
    verb, *words = text.split() or [""]
    try:
        if verb == "delay":
            return Delay(int(words[0]))
        if verb == "skip-round":
            return SkipRounds({"crm": "crm", "lrm": "lrm"}[words[0]], int((words[1:] or ["1"])[0]))
        if verb == "service":
            return _SERVICE[words[1]](world, *[words[0], *words[2:]])
        if words[0] not in world.machines:
            raise CaseError(place, f"there is no node {words[0]} in {text!r}")
        return _NODE[verb](*words)
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise CaseError(place, f"not a command: {text!r}") from error


def _is_on(word: str) -> bool:
    return {"on": True, "off": False}[word]


def _works(word: str) -> bool:
    return {"work": True, "fail": False}[word]


def _power(node: str, word: str) -> act.Action:
    return act.PowerOn(node) if _is_on(word) else act.PowerOff(node)


def _crm(node: str, verb: str, *words: str) -> act.Action:
    if verb in ("stop", "start"):
        return act.StopCrm(node) if verb == "stop" else act.StartCrm(node)
    if verb in ("enable-node-maintenance", "disable-node-maintenance"):
        return act.Command(f"{verb} {node}")
    if verb in ("disarm-ha", "arm-ha"):
        return act.Command(" ".join((verb, *words)))
    raise ValueError(verb)


def _cfs(node: str, part: str, word: str) -> act.Action:
    if part == "rw":
        return act.SetFileSystem(node, can_write=_works(word))
    if part == "update":
        return act.SetFileSystem(node, can_update=_works(word))
    raise ValueError(part)


def _version(node: str, verb: str, version: str) -> act.Action:
    if verb != "set":
        raise ValueError(verb)
    return act.SetVersion(node, version)


_NODE: Mapping[str, Callable[..., act.Action]] = {
    "power": _power,
    "network": lambda node, word: act.Network(node, _is_on(word)),
    "shutdown": lambda node: act.HaltNode(node, Halt.SHUTDOWN),
    "reboot": lambda node: act.HaltNode(node, Halt.REBOOT),
    "restart-lrm": act.RestartLrm,
    "crm": _crm,
    "cfs": _cfs,
    "pve-manager-version": _version,
}


def _known(world: World, sid: str) -> str:
    if sid not in world.guests:
        raise KeyError(sid)
    return sid


def _add(world: World, sid: str, node: str, state: str = "started", runs: str = "0") -> act.Action:
    if node not in world.machines:
        raise KeyError(node)
    guest = Guest(sid=sid, node=node, requested=requested(state), faults=faults(sid))
    return act.Configure(guest, runs=runs != "0")


def _set_assigned(world: World, sid: str, *words: str) -> act.Action:
    """Sizes are in MiB here."""
    pairs = dict(zip(words[::2], words[1::2], strict=True))
    load = world.guests[sid].load
    return act.SetLoad(
        sid,
        replace(
            load,
            maxcpu=float(pairs.get("maxcpu", load.maxcpu)),
            maxmem=int(pairs["maxmem"]) << 20 if "maxmem" in pairs else load.maxmem,
        ),
    )


def _set_used(world: World, sid: str, *words: str) -> act.Action:
    """Sizes are in MiB here."""
    pairs = dict(zip(words[::2], words[1::2], strict=True))
    load = world.guests[sid].load
    return act.SetLoad(
        sid,
        replace(
            load,
            cpu=float(pairs.get("cpu", load.cpu)),
            mem=int(pairs["mem"]) << 20 if "mem" in pairs else load.mem,
        ),
    )


def _request(word: str) -> Callable[..., act.Action]:
    return lambda world, sid: act.Request(_known(world, sid), requested(word))


def _queue(verb: str) -> Callable[..., act.Action]:
    return lambda _, sid, word: act.Command(f"{verb} {sid} {word}")


def _unlock(world: World, sid: str, lock: str | None = None) -> act.Action:
    """Remove a lock; one that is named only if it is that one."""
    held = world.guests[sid].lock
    return act.SetLock(sid, None if lock in (None, held) else held)


_SERVICE: Mapping[str, Callable[..., act.Action]] = {
    **{word: _request(word) for word in ("started", "stopped", "disabled", "ignored", "enabled")},
    **{verb: _queue(verb) for verb in ("migrate", "relocate", "stop")},
    "add": _add,
    "delete": lambda world, sid: act.Remove(_known(world, sid)),
    "lock": lambda world, sid, lock="backup": act.SetLock(_known(world, sid), lock),
    "unlock": _unlock,
    "manual-migrate": lambda world, sid, node: act.MovePastHa(_known(world, sid), node),
    "set-static-stats": _set_assigned,
    "set-dynamic-stats": _set_used,
}
