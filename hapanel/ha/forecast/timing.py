"""In how many seconds the guests of a dead node start again: many trials of the cluster's core.

What takes time is decided by a few nodes: those that die, the one with the HA manager's seat, the
one with the lowest id, which times the locks, and one more to start guests on. So the windows are
found in a world of these alone; the others only lend it their votes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from statistics import median

import msgspec
from msgspec.structs import replace

from hapanel.ha.engine.words import ServiceState
from hapanel.ha.forecast.daemons import Phase
from hapanel.ha.forecast.initial import Scenery, state_of
from hapanel.ha.forecast.snapshot import SeenGuest, SeenNode, Snapshot
from hapanel.ha.forecast.trial import LONGEST_FOR_ONE, Trial
from hapanel.ha.quorum import qdevice_votes

_TRIALS = 16
_RETURNS = 5
# What the engine leaves out on both sides: turns that take a moment, starts that take another.
_EARLY, _LATE = 4.0, 8.0
# An LRM's last turn may have taken a while, so that it fed the watchdog earlier than it renewed.
_RESET_EARLY = 10.0


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds: at the earliest, typically, at the latest."""

    least: float
    typical: float
    most: float

    def later(self, seconds: float) -> Window:
        """The same, so much later."""
        return Window(
            least=self.least + seconds, typical=self.typical + seconds, most=self.most + seconds
        )

    def faster(self, scale: float) -> Window:
        """The same where waits are `scale` times shorter."""
        return Window(
            least=self.least / scale, typical=self.typical / scale, most=self.most / scale
        )


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """What the trials told. starts, returns: by the node that the guests were on; `returns` count
    from when the dead nodes are switched on again. resets: when survivors reset themselves.
    typical: the trial in the middle."""

    starts: Mapping[str, Window]
    returns: Mapping[str, Window]
    resets: Mapping[str, Window]
    typical: Trial

    def of(self, node: str) -> Timing:
        """The same for another node that stands alike."""
        (known,) = self.typical.fail
        if known == node:
            return self

        def renamed(windows: Mapping[str, Window]) -> dict[str, Window]:
            return {node if name == known else name: each for name, each in windows.items()}

        return replace(self, starts=renamed(self.starts), returns=renamed(self.returns))

    def reset_of(self, node: str) -> Window:
        """When a survivor resets itself, also one that took no part in the trials."""
        found = self.resets.get(node) or next(iter(self.resets.values()), None)
        limit = self.typical.world.profile
        late = limit.detection + limit.watchdog
        return found or Window(least=limit.watchdog - 10.0, typical=limit.watchdog, most=late)


def timing(seen: Snapshot, fail: Collection[str]) -> Timing:
    """The windows for the death of `fail`."""
    core = core_of(seen, fail)
    watched = [guest.sid for guest in core.guests if guest.node in fail]
    every = [guest.sid for guest in core.guests]
    scenery = Scenery(core, len(seen.nodes))
    trials = [
        Trial(scenery.world(every, Phase(n)), fail, watched).die(LONGEST_FOR_ONE)
        for n in range(_TRIALS)
    ]
    homes = {guest.sid: guest.node for guest in core.guests}
    first = [min((s.at for s in trial.starts.values()), default=0.0) for trial in trials]
    middle = sorted(range(_TRIALS), key=first.__getitem__)[_TRIALS // 2]
    resets = _spread((dict(trial.resets) for trial in trials), early=_RESET_EARLY)
    returns: dict[str, Window] = {}
    if not trials[middle].is_quorate:
        later = [trial.come_back() for trial in trials[:_RETURNS]]
        returns = _windows(later, homes)
        trials[middle] = Trial(scenery.world(every, Phase(middle)), fail, watched).die()
    starts = _windows(trials, homes) if trials[middle].is_quorate else {}
    return Timing(starts=starts, returns=returns, resets=resets, typical=trials[middle])


def _windows(trials: Iterable[Trial], homes: Mapping[str, str]) -> dict[str, Window]:
    return _spread({homes[sid]: start.at for sid, start in t.starts.items()} for t in trials)


def _spread(trials: Iterable[Mapping[str, float]], early: float = _EARLY) -> dict[str, Window]:
    found: dict[str, list[float]] = {}
    for trial in trials:
        for name, at in trial.items():
            found.setdefault(name, []).append(at)
    return {
        home: Window(least=max(0.0, min(ats) - early), typical=median(ats), most=max(ats) + _LATE)
        for home, ats in found.items()
    }


def core_of(seen: Snapshot, fail: Collection[str]) -> Snapshot:
    """The nodes that decide about time, one guest on each of them, no rules."""
    survivors = sorted(
        (node for node in seen.nodes if node.is_member and node.name not in fail),
        key=lambda node: (node.name != seen.manager_node, node.node_id or 0, node.name),
    )
    chosen = {node.name for node in survivors[:2]}
    if survivors:
        chosen.add(min(survivors, key=lambda node: (node.node_id or 0, node.name)).name)
    lent = sum(node.votes or 0 for node in survivors if node.name not in chosen)
    nodes = tuple(
        _with_votes(node, lent if survivors and node.name == survivors[0].name else 0)
        for node in seen.nodes
        if node.name in chosen or node.name in fail or not node.is_member
    )
    kept = {node.name for node in nodes}
    guests = tuple(_first_of_each(g for g in seen.guests if g.node in kept))
    qdevice = seen.qdevice
    if qdevice is not None and qdevice.configured:
        votes = qdevice.votes or qdevice_votes(len(seen.nodes), qdevice.algorithm)
        qdevice = replace(qdevice, votes=votes)
    return replace(seen, nodes=nodes, guests=guests, rules=(), qdevice=qdevice)


def _with_votes(node: SeenNode, more: int) -> SeenNode:
    return replace(node, votes=(1 if node.votes is None else node.votes) + more)


def _first_of_each(guests: Iterable[SeenGuest]) -> Iterable[SeenGuest]:
    """One managed guest for each node, a started one where there is any."""
    found: dict[str, SeenGuest] = {}
    for guest in guests:
        if guest.managed is None:
            continue
        known = found.get(guest.node)
        if known is None or (not _is_started(known) and _is_started(guest)):
            found[guest.node] = guest
    return found.values()


def _is_started(guest: SeenGuest) -> bool:
    return state_of(guest) is ServiceState.STARTED and guest.is_running
