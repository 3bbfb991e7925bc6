"""From a run of the engine to what becomes of each guest, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec.structs import replace

from hapanel.ha.engine.events import NoPlace, PlaceChosen
from hapanel.ha.engine.words import Requested, ServiceState
from hapanel.ha.forecast.initial import state_of
from hapanel.ha.forecast.obstacles import Ground
from hapanel.ha.forecast.outcome import GuestForecast, Outcome
from hapanel.ha.forecast.reasons import Code, Passed, Reason, because
from hapanel.ha.forecast.snapshot import Boot, SeenGuest, SeenResource, Snapshot
from hapanel.ha.forecast.timing import Timing, Window
from hapanel.ha.forecast.trial import Trial
from hapanel.ha.quorum import Ballot

_QUEUE_WORTH_TELLING = 5.0
# However fast the cluster's waits are, a start takes its moment, and so does seeing it.
_AT_LATEST_LATER = 2.0


class Fates:
    """What becomes of the guests of one snapshot when `fail` die."""

    def __init__(
        self,
        seen: Snapshot,
        fail: Collection[str],
        trial: Trial,
        times: Timing,
        resets: Mapping[str, Window],
        votes: Ballot,
        *,
        quorate: bool,
    ) -> None:
        self._seen = seen
        self._fail = frozenset(fail)
        self._trial = trial
        self._times = times
        self._resets = resets
        self._votes = votes
        self._quorate = quorate
        self._ground = Ground(seen, self._fail | resets.keys())
        self._groups = {group.group for group in seen.groups or ()}
        self._members = {n.name for n in seen.nodes if n.is_member}
        self._left = self._members - self._fail - resets.keys()
        homes = {guest.sid: guest.node for guest in seen.guests}
        self._first: dict[tuple[str, str], float] = {}
        for sid, start in trial.starts.items():
            way = (homes[sid], start.node)
            self._first[way] = min(start.at, self._first.get(way, start.at))

    def all(self, living: Sequence[GuestForecast]) -> tuple[GuestForecast, ...]:
        """Every guest. living: what `lives` says of each; those on lost nodes are told anew, in
        the order in which they are started and take memory."""
        found = list(living)
        order = {sid: n for n, sid in enumerate(sorted(self._trial.starts, key=self._start_key))}
        guests = self._seen.guests
        touched = [i for i, guest in enumerate(guests) if guest.node not in self._left]
        for i in sorted(touched, key=lambda i: order.get(guests[i].sid, -1)):
            found[i] = self._of(guests[i])
        return tuple(found)

    def _start_key(self, sid: str) -> tuple[float, str]:
        return self._trial.starts[sid].at, sid

    def _of(self, guest: SeenGuest) -> GuestForecast:
        told = guest.managed
        if told is None:
            return self._unmanaged(guest)
        if not self._wants_to_run(guest, told):
            return _plain(guest, Outcome.STAYS, because(Code.IS_OFF))
        fate = self._managed(guest, told)
        return replace(fate, unknowns=(*fate.unknowns, *_doubts(guest, told)))

    def _wants_to_run(self, guest: SeenGuest, told: SeenResource) -> bool:
        if told.request in (Requested.STOPPED, Requested.DISABLED):
            return False
        return guest.is_running or told.request == Requested.STARTED

    def _unmanaged(self, guest: SeenGuest) -> GuestForecast:
        if not guest.is_running:
            return _plain(guest, Outcome.STAYS, because(Code.IS_OFF))
        reasons = [because(Code.NOT_MANAGED, node=guest.node)]
        if guest.node in self._resets:
            reasons.insert(0, self._reset(guest.node))
        return _plain(guest, Outcome.NOT_MANAGED, *reasons)

    def _managed(self, guest: SeenGuest, told: SeenResource) -> GuestForecast:
        start = self._trial.starts.get(guest.sid)
        if told.group and told.group not in self._groups and len(self._left) > 1:
            group = because(Code.GROUP_NOT_READ, group=told.group)
            if self._quorate:
                return replace(_plain(guest, Outcome.UNKNOWN), unknowns=(group,))
        if start is not None and self._quorate:
            return self._started(guest, start.node, start.at)
        return self._lost(guest, told)

    # it is started elsewhere

    def _started(self, guest: SeenGuest, node: str, at: float) -> GuestForecast:
        waits = at - self._first[guest.node, node]
        window = self._times.starts.get(guest.node)
        started = window.later(waits) if window else None
        obstacle = self._ground.obstacle(guest, node) or self._ground.take_memory(guest, node)
        boot = self._seen.boots.get(guest.sid)
        scaled = started.faster(self._seen.time_scale) if started else None
        if scaled:
            scaled = replace(scaled, most=scaled.most + _AT_LATEST_LATER)
        seconds = scaled
        if scaled and boot:
            seconds = Window(
                least=scaled.least + boot.least,
                typical=scaled.typical + boot.typical,
                most=scaled.most + boot.most,
            )
        doubts = [*self._ground.doubts(guest, node)]
        if boot is None:
            doubts.append(because(Code.BOOT_NOT_KNOWN))
        fails = obstacle is not None
        return replace(
            _plain(guest, Outcome.FAILS_THERE if fails else Outcome.RECOVERS),
            node=node,
            seconds=None if fails else seconds,
            started=scaled,
            reasons=(*self._why_there(node, waits, obstacle), *_booting(boot, fails=fails)),
            unknowns=tuple(doubts),
            passed=self._passed(guest),
        )

    def _why_there(self, node: str, waits: float, obstacle: Reason | None) -> Iterable[Reason]:
        if obstacle is not None:
            yield obstacle
        yield because(Code.TAKEN_OVER, node=node)
        if len(self._left) == 1:
            yield because(Code.ONLY_ONE_LEFT, node=node)
        if self._seen.manager_node in self._fail:
            yield because(Code.SEAT_DIES, node=self._seen.manager_node)
        waits /= self._seen.time_scale
        if waits >= _QUEUE_WORTH_TELLING:
            yield because(Code.QUEUED, node=node, seconds=round(waits))

    def _passed(self, guest: SeenGuest) -> tuple[Passed, ...]:
        choice = self._trial.choices.get(guest.sid)
        if not isinstance(choice, PlaceChosen | NoPlace):
            return ()
        return tuple(
            Passed(each.node, each.because, each.partner)
            for each in choice.ruled_out
            if each.node not in self._fail
        )

    # it is not

    def _lost(self, guest: SeenGuest, told: SeenResource) -> GuestForecast:
        reasons = list(self._why_lost(guest, told))
        back = self._times.returns.get(guest.node)
        waits_for_return = back is not None and not self._quorate and self._returns_alone(told)
        back = back.faster(self._seen.time_scale) if back and waits_for_return else None
        if back is not None:
            nodes = ", ".join(sorted(self._fail))
            seconds = round(back.typical)
            reasons.append(because(Code.STARTS_AFTER_RETURN, node=nodes, seconds=seconds))
        passed = self._passed(guest) if reasons[0].code is Code.NO_PLACE else ()
        fate = _plain(guest, Outcome.LOST, *reasons)
        return replace(fate, after_return=back, passed=passed)

    def _returns_alone(self, told: SeenResource) -> bool:
        return told.state not in (ServiceState.ERROR, ServiceState.FREEZE)

    def _why_lost(self, guest: SeenGuest, told: SeenResource) -> Iterable[Reason]:
        if told.state == ServiceState.ERROR:
            yield because(Code.IN_ERROR)
        elif self._seen.armed.startswith("disarm"):
            yield because(Code.DISARMED)
        elif told.state == ServiceState.FREEZE:
            yield because(Code.FROZEN, node=guest.node)
        elif not self._left and not self._resets:
            yield because(Code.NOBODY_LEFT)
        elif not self._quorate:
            if guest.node in self._resets:
                yield self._reset(guest.node)
            yield self._no_quorum()
        elif isinstance(self._trial.choices.get(guest.sid), NoPlace):
            yield because(Code.NO_PLACE)
        else:
            yield because(Code.NOT_FENCED)

    def _reset(self, node: str) -> Reason:
        seconds = round(self._resets[node].typical / self._seen.time_scale)
        return because(Code.SURVIVOR_RESETS, node=node, seconds=seconds)

    def _no_quorum(self) -> Reason:
        votes = self._votes
        return because(
            Code.NO_QUORUM, total=votes.total, expected=votes.expected, needed=votes.needed
        )


def _booting(boot: Boot | None, *, fails: bool) -> Iterable[Reason]:
    """What is known of its boot, where it boots."""
    if boot is not None and not fails:
        figures = {"least": boot.least, "typical": boot.typical, "most": boot.most}
        rounded = {name: round(seconds) for name, seconds in figures.items()}
        yield because(Code.BOOT_LEARNT, **rounded, count=boot.count)


def lives(guest: SeenGuest) -> GuestForecast:
    """What becomes of a guest whose node goes on."""
    code = Code.NODE_LIVES if guest.is_running else Code.IS_OFF
    params = {"node": guest.node} if guest.is_running else {}
    return _plain(guest, Outcome.STAYS, because(code, **params))


def _plain(guest: SeenGuest, outcome: Outcome, *reasons: Reason) -> GuestForecast:
    return GuestForecast(
        sid=guest.sid,
        vmid=guest.vmid,
        name=guest.name,
        home=guest.node,
        outcome=outcome,
        reasons=reasons,
    )


def _doubts(guest: SeenGuest, told: SeenResource) -> Sequence[Reason]:
    if told.state and state_of(guest) != told.state:
        return (because(Code.IN_MOTION, state=told.state),)
    return ()
