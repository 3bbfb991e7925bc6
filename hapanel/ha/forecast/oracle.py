"""The forecast itself: one snapshot, any number of questions about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from hapanel.ha.forecast.daemons import Phase
from hapanel.ha.forecast.doubts import cluster_doubts, is_verified, is_vote_missing
from hapanel.ha.forecast.fates import Fates, lives
from hapanel.ha.forecast.initial import Scenery
from hapanel.ha.forecast.outcome import Beat, Forecast, GuestForecast, Outcome, Stage
from hapanel.ha.forecast.reasons import Code, because
from hapanel.ha.forecast.snapshot import SeenGuest, SeenNode, Snapshot
from hapanel.ha.forecast.timing import Timing, Window, timing
from hapanel.ha.forecast.trial import Trial
from hapanel.ha.quorum import ballot
from hapanel.ports.cluster import NodeVotes, QDevice


class Oracle:
    """Answers what happens if nodes of `seen` die. Answers are the same for the same snapshot."""

    def __init__(self, seen: Snapshot) -> None:
        self.seen = seen
        self._timings: dict[object, Timing] = {}
        self._by_name = {node.name: node for node in seen.nodes}
        self._first_managed: dict[str, str] = {}
        self._bound = {sid for rule in seen.rules if not rule.disabled for sid in rule.resources}
        self._managed_on: dict[str, list[SeenGuest]] = {}
        for guest in seen.guests:
            if guest.managed:
                self._managed_on.setdefault(guest.node, []).append(guest)
                if guest.is_running:
                    self._first_managed.setdefault(guest.node, guest.sid)
        self._restless = {g.sid for g in seen.guests if g.managed and self._may_move(g)}
        self._scenery = Scenery(seen)
        self._lives = tuple(map(lives, seen.guests))

    def forecast(self, *fail: str) -> Forecast:
        """What happens if these nodes die now. Raises KeyError for an unknown node."""
        names = tuple(dict.fromkeys(sorted(self._by_name[name].name for name in fail)))
        told = self.seen.qdevice
        if is_vote_missing(self.seen):
            return self._nothing(names)
        if told is None or (told.configured and told.connected is None):
            # Nobody knows whether the QDevice votes: only what is the same both ways is an answer.
            without = replace(self.seen, qdevice=QDevice(configured=False))
            there = QDevice(configured=True, connected=True, votes=told.votes if told else 1)
            with_it = replace(self.seen, qdevice=there)
            both = Oracle(without).forecast(*names), Oracle(with_it).forecast(*names)
            return _common(*both)
        return self._answer(names)

    def each(self) -> tuple[Forecast, ...]:
        """What happens if any one of the nodes that are there dies."""
        return tuple(self.forecast(node.name) for node in self.seen.nodes if node.is_member)

    def _answer(self, fail: tuple[str, ...]) -> Forecast:
        seen = self.seen
        times = self._timing(fail)
        trial = self._placed(fail)
        counted = ballot(
            [NodeVotes(name=n.name, node_id=n.node_id, votes=n.votes or 0) for n in seen.nodes],
            [n.name for n in seen.nodes if n.is_member and n.name not in fail],
            seen.qdevice,
        )
        resets = {node: times.reset_of(node) for node in sorted(trial.resets)}
        quorate = trial.is_quorate and seen.quorate is not False
        fates = Fates(seen, fail, trial, times, resets, counted, quorate=quorate)
        scale = seen.time_scale
        return Forecast(
            cluster=seen.cluster,
            fail=fail,
            quorate=quorate,
            votes_left=counted.total,
            votes_expected=counted.expected,
            votes_needed=counted.needed,
            resets={node: window.faster(scale) for node, window in resets.items()},
            manager=seen.manager_node or None,
            manager_after=_manager_after(seen, fail, times, quorate=quorate),
            is_verified=is_verified(seen.pve_version),
            guests=fates.all(self._lives),
            beats=tuple(_beats(fail, times, resets, scale, quorate=quorate)),
            unknowns=cluster_doubts(seen),
            time_scale=scale,
        )

    def _placed(self, fail: Sequence[str]) -> Trial:
        """The run that tells who is started where: all nodes, and the guests that may move."""
        watched = {g.sid for node in fail for g in self._managed_on.get(node, ())}
        services = watched | self._restless | set(self._first_managed.values())
        world = self._scenery.world(services, Phase(coarse=True))
        return Trial(world, fail, watched).die()

    def _may_move(self, guest: SeenGuest) -> bool:
        node = self._by_name.get(guest.node)
        is_settled = guest.managed is not None and guest.managed.state in ("started", "stopped")
        is_bound = guest.sid in self._bound or bool(guest.managed and guest.managed.group)
        return not is_settled or is_bound or node is None or not node.is_member

    def _timing(self, fail: tuple[str, ...]) -> Timing:
        """The windows; nodes that stand alike in the cluster share theirs."""
        if len(fail) != 1:
            return timing(self.seen, fail)
        (name,) = fail
        key = self._standing(self._by_name[name])
        found = self._timings.get(key)
        if found is None:
            found = self._timings[key] = timing(self.seen, fail)
        return found.of(name)

    def _standing(self, node: SeenNode) -> object:
        others = [n for n in self.seen.nodes if n.is_member and n.name != node.name]
        lowest = min(others, key=lambda n: (n.node_id or 0, n.name), default=node)
        own = (node.votes, node.status, node.lrm_state, node.lrm_dead)
        has_work = node.name in self._first_managed
        return own, has_work, node.name == self.seen.manager_node, lowest.name

    def _nothing(self, fail: tuple[str, ...]) -> Forecast:
        """The answer when the votes are not known."""
        why = (because(Code.VOTES_NOT_READ),)
        return Forecast(
            cluster=self.seen.cluster,
            fail=fail,
            quorate=None,
            votes_left=0,
            votes_expected=0,
            votes_needed=0,
            resets={},
            manager=self.seen.manager_node or None,
            manager_after=None,
            is_verified=is_verified(self.seen.pve_version),
            guests=tuple(_not_known(guest) for guest in self.seen.guests),
            unknowns=why + cluster_doubts(self.seen),
            time_scale=self.seen.time_scale,
        )


def _not_known(guest: SeenGuest) -> GuestForecast:
    return GuestForecast(
        sid=guest.sid,
        vmid=guest.vmid,
        name=guest.name,
        home=guest.node,
        outcome=Outcome.UNKNOWN,
        unknowns=(because(Code.VOTES_NOT_READ),),
    )


def _common(one: Forecast, other: Forecast) -> Forecast:
    """What both answers agree on; the rest is unknown."""
    why = because(Code.QDEVICE_NOT_READ)
    guests = tuple(_agreed(a, b) for a, b in zip(one.guests, other.guests, strict=True))
    return replace(
        one,
        quorate=one.quorate if one.quorate == other.quorate else None,
        resets=dict(one.resets) if one.resets.keys() == other.resets.keys() else {},
        manager_after=one.manager_after if one.manager_after == other.manager_after else None,
        guests=guests,
        beats=one.beats if one.quorate == other.quorate else (),
        unknowns=(why, *one.unknowns),
    )


def _agreed(one: GuestForecast, other: GuestForecast) -> GuestForecast:
    if (one.outcome, one.node) == (other.outcome, other.node):
        return one
    return replace(
        one,
        outcome=Outcome.UNKNOWN,
        node=None,
        seconds=None,
        started=None,
        after_return=None,
        reasons=(),
        passed=(),
        unknowns=(because(Code.QDEVICE_NOT_READ),),
    )


def _manager_after(
    seen: Snapshot, fail: Sequence[str], times: Timing, *, quorate: bool
) -> str | None:
    if not quorate:
        return None
    if seen.manager_node and seen.manager_node not in fail and seen.manager_state != "dead":
        return seen.manager_node
    # Whoever of the others asks first; with two nodes that is known.
    left = [node.name for node in seen.nodes if node.is_member and node.name not in fail]
    return left[0] if len(left) == 1 and times.typical.new_master else None


def _beats(
    fail: Sequence[str],
    times: Timing,
    resets: Mapping[str, Window],
    scale: float,
    *,
    quorate: bool,
) -> Iterable[Beat]:
    trial = times.typical
    gone = ", ".join(fail)
    silent = trial.world.profile.detection
    yield Beat(stage=Stage.GONE, at=0.0, node=gone)
    kept = Stage.QUORUM_KEPT if quorate else Stage.QUORUM_LOST
    yield Beat(stage=kept, at=silent / scale, node=gone)
    if not quorate:
        for node, window in sorted(resets.items()):
            yield Beat(stage=Stage.RESET, at=window.typical / scale, node=node)
        return
    later = [
        (trial.new_master[1], Stage.NEW_MANAGER, trial.new_master[0]) if trial.new_master else None,
        (trial.unknown_at, Stage.NOTICED, gone) if trial.unknown_at is not None else None,
        (trial.fence_at, Stage.FENCE, gone) if trial.fence_at is not None else None,
        (trial.lock_at, Stage.LOCK, gone) if trial.lock_at is not None else None,
    ]
    for at, stage, node in sorted(each for each in later if each is not None):
        yield Beat(stage=stage, at=at / scale, node=node)
