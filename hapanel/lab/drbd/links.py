"""What happens between two ends of a link: loss, reconnection, handshake, sync and verify.

Seconds are those of the real thing. Times and orders are those of the recordings.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from hapanel.lab.drbd.generations import OPPOSITE, Generations, Party, Verdict, compare, settle
from hapanel.lab.drbd.side import (
    PAUSED,
    SYNCING,
    VERIFYING,
    Conn,
    Connection,
    Course,
    Disk,
    PeerDevice,
    Repl,
    Role,
    Side,
    Volume,
)
from hapanel.lab.drbd.spec import Version, bytes_of

LOSS_SECONDS = (15.0, 18.0)
RECONNECT_SECONDS = (1.0, 4.0)
MARK_SECONDS = 3.0
FREE_RATE = 100 * 1024 * 1024.0
SYNC_STEP = 1 << 48
MOST_GENERATIONS = 1 << 64


@dataclass
class Bond:
    """The two ends of one link."""

    one: Side
    other: Side

    @property
    def ends(self) -> tuple[tuple[Side, Connection, Side, Connection], ...]:
        """Each end with its counterpart."""
        mine = self.one.connections[self.other.node]
        theirs = self.other.connections[self.one.node]
        return (self.one, mine, self.other, theirs), (self.other, theirs, self.one, mine)


class LinkRules:
    """The moves of links. `rate(a, b)` is what the network carries between two nodes in bytes a
    second, 0 when nothing gets through; `changed` is called after each move that shows.
    """

    def __init__(
        self, chance: random.Random, rate: Callable[[str, str], float], changed: Callable[[], None]
    ) -> None:
        self._chance = chance
        self._rate = rate
        self._changed = changed
        self.now = 0.0

    def reaches(self, one: str, other: str) -> bool:
        """True when something gets through between two nodes."""
        return self._rate(one, other) > 0

    def advance(self, bond: Bond, seconds: float) -> None:
        """Lets time pass for one link."""
        (one, mine, other, theirs), _ = bond.ends
        reached = one.is_up and other.is_up and self._rate(one.node, other.node) > 0
        states = {mine.state, theirs.state}
        if states == {Conn.CONNECTED}:
            self._notice(bond, reached)
            if reached and mine.is_up and theirs.is_up:
                self._deliver(bond)
                self._work(bond, seconds)
        elif Conn.CONNECTED in states:
            for side, connection, _, _ in bond.ends:
                if connection.is_up and reached:
                    self.lose(side, connection)  # the peer has begun anew
            self._notice(bond, reached)
        elif states == {Conn.CONNECTING} and reached:
            self._reconnect(bond)

    def _deliver(self, bond: Bond) -> None:
        """The link was back before anybody noticed: what waited arrives."""
        for _, connection, peer, back in bond.ends:
            for number, device in enumerate(connection.devices):
                if device.in_flight:
                    device.sent += device.in_flight
                    back.devices[number].received += device.in_flight
                    peer.volumes[number].written += device.in_flight
                    device.in_flight = 0

    def _notice(self, bond: Bond, reached: bool) -> None:
        for side, connection, _, _ in bond.ends:
            if reached or not connection.is_up or not side.is_up:
                connection.lost_at = None
            elif connection.lost_at is None:
                connection.lost_at = self.now + self._chance.uniform(*LOSS_SECONDS)
            elif self.now >= connection.lost_at:
                self.lose(side, connection)

    def _reconnect(self, bond: Bond) -> None:
        (_, mine, _, _), _ = bond.ends
        if mine.retry_at is None:
            mine.retry_at = self.now + self._chance.uniform(*RECONNECT_SECONDS)
        elif self.now >= mine.retry_at:
            self.handshake(bond)

    def lose(self, side: Side, connection: Connection) -> None:
        """The peer does not answer any more."""
        self._part(side, connection, Conn.NETWORK_FAILURE)
        self.end(connection, Conn.CONNECTING)

    def _part(self, side: Side, connection: Connection, state: Conn) -> None:
        connection.state, connection.peer_role = state, Role.UNKNOWN
        connection.lost_at = connection.retry_at = None
        for volume, device in zip(side.volumes, connection.devices, strict=True):
            keeps = device.peer_disk in (Disk.INCONSISTENT, Disk.OUTDATED)
            device.peer_disk = device.peer_disk if keeps else Disk.UNKNOWN
            device.repl, device.course, device.peer_is_paused = Repl.OFF, None, False
            if device.in_flight or (side.version is Version.V84 and side.is_primary):
                self.begin_generation(side, volume, device)
            device.out_of_sync = min(volume.size, device.out_of_sync + device.in_flight)
            device.in_flight = 0
            if side.version is Version.V9:
                device.sent = device.received = 0
        self._changed()

    def end(self, connection: Connection, state: Conn) -> None:
        """The state that stays after a connection has gone."""
        connection.state = state
        connection.retry_at = None
        self._changed()
        if state is Conn.STANDALONE:
            connection.is_gone = True
            self._changed()

    def separate(self, side: Side, connection: Connection) -> None:
        """This end is told to disconnect: it stands alone, the other one waits for it."""
        self._part(side, connection, Conn.DISCONNECTING)
        self.end(connection, Conn.STANDALONE)
        connection.discards = False

    def tear_down(self, side: Side, connection: Connection) -> None:
        """The peer has left on purpose; a Secondary of DRBD 9 is outdated by that."""
        left_by_primary = connection.peer_role is Role.PRIMARY
        self._part(side, connection, Conn.TEAR_DOWN)
        if side.version is Version.V9 and left_by_primary:
            self.outdate(side)
        self.end(connection, Conn.CONNECTING)

    def outdate(self, side: Side) -> None:
        """A Secondary's copy is known to be old."""
        for volume in side.volumes:
            if volume.disk is Disk.UP_TO_DATE and not side.is_primary:
                volume.disk = Disk.OUTDATED

    def begin_generation(self, side: Side, volume: Volume, device: PeerDevice) -> None:
        """From now on this side's data differ from the peer's: what is written is counted."""
        if device.bitmap or volume.disk is not Disk.UP_TO_DATE:
            return
        device.bitmap = volume.current
        volume.current = self.fresh_generation() | side.is_primary

    def fresh_generation(self) -> int:
        """A new identifier of data."""
        return self._chance.randrange(16, MOST_GENERATIONS) & ~1

    # What two sides agree on when they meet

    def handshake(self, bond: Bond) -> None:
        """Both ends meet: connected, or alone again when their data do not fit together."""
        verdicts = [self._judge(bond, number) for number in range(len(bond.one.volumes))]
        if self._must_part(bond, verdicts):
            for _, connection, _, _ in bond.ends:
                self.end(connection, Conn.STANDALONE)
                connection.discards = False
            return
        for _, connection, peer, _ in bond.ends:
            connection.state, connection.peer_role = Conn.CONNECTED, peer.role
            connection.retry_at, connection.discards = None, False
            for device in connection.devices:
                device.repl, device.sent, device.received = Repl.ESTABLISHED, 0, 0
        self._mirror(bond.one, bond.other)
        for number, verdict in enumerate(verdicts):
            self._follow(bond, number, verdict)
        self._mirror(bond.one, bond.other)
        self._changed()

    def _judge(self, bond: Bond, number: int) -> Verdict:
        (one, mine, other, theirs), _ = bond.ends
        own, peer = one.volumes[number], other.volumes[number]
        if Disk.DISKLESS in (own.disk, peer.disk):
            return Verdict.NO_SYNC
        verdict = compare(_told(own, mine.devices[number]), _told(peer, theirs.devices[number]))
        if verdict is Verdict.SPLIT:
            parties = (_party(one, mine, number), _party(other, theirs, number))
            return settle(*parties, one.spec.net)
        return self._same_data(bond, number) if verdict is Verdict.NO_SYNC else verdict

    def _same_data(self, bond: Bond, number: int) -> Verdict:
        """Same generation: still a sync when one copy is incomplete, or its Primary crashed."""
        (one, mine, other, _), _ = bond.ends
        own, peer = one.volumes[number], other.volumes[number]
        if (own.disk is Disk.INCONSISTENT) is not (peer.disk is Disk.INCONSISTENT):
            return Verdict.TARGET if own.disk is Disk.INCONSISTENT else Verdict.SOURCE
        if one.was_crashed_primary is not other.was_crashed_primary:
            own_newer = one.was_crashed_primary and not other.is_primary
            return Verdict.SOURCE if own_newer or one.is_primary else Verdict.TARGET
        has_marks = mine.devices[number].out_of_sync > 0
        if one.version is Version.V9 and has_marks and one.is_primary is not other.is_primary:
            return Verdict.SOURCE if one.is_primary else Verdict.TARGET
        return Verdict.NO_SYNC

    def _must_part(self, bond: Bond, verdicts: list[Verdict]) -> bool:
        one, other = bond.one, bond.other
        if Verdict.SPLIT in verdicts or Verdict.UNRELATED in verdicts:
            return True
        if one.is_primary and other.is_primary and not one.spec.may_have_two_primaries:
            return True
        loses = {Verdict.TARGET, Verdict.TARGET_FULL}
        wins = set(OPPOSITE) - loses
        return (one.is_primary and bool(loses & set(verdicts))) or (
            other.is_primary and bool(wins & set(verdicts))
        )

    def _follow(self, bond: Bond, number: int, verdict: Verdict) -> None:
        if verdict in (Verdict.SOURCE, Verdict.SOURCE_FULL):
            self.begin_sync(bond.one, bond.other, number, full=verdict is Verdict.SOURCE_FULL)
        elif verdict in OPPOSITE:
            self.begin_sync(bond.other, bond.one, number, full=verdict is Verdict.TARGET_FULL)
        else:
            self._agree(bond, number)

    def _agree(self, bond: Bond, number: int) -> None:
        """Nothing to copy: what was outdated by absence alone is current again."""
        disks = [side.volumes[number].disk for side in (bond.one, bond.other)]
        for side in (bond.one, bond.other):
            volume = side.volumes[number]
            if volume.disk in (Disk.OUTDATED, Disk.CONSISTENT) and Disk.UP_TO_DATE in disks:
                volume.disk = Disk.UP_TO_DATE
            side.was_crashed_primary = False

    # Syncs

    def begin_sync(self, source: Side, target: Side, number: int, *, full: bool) -> None:
        """The target's copy becomes incomplete until everything that differs is copied."""
        ends = _ends(source, target, number)
        given, taken = ends
        size = source.volumes[number].size
        total = size if full else min(size, given.out_of_sync + taken.out_of_sync)
        self._mark_sync(source.volumes[number], target, number, given)
        given.repl, taken.repl = Repl.BITMAP_SOURCE, Repl.BITMAP_TARGET
        if target.volumes[number].disk is Disk.UP_TO_DATE:
            target.volumes[number].disk = Disk.OUTDATED
        given.out_of_sync = taken.out_of_sync = total
        self._mirror(source, target)
        self._changed()
        course = Course(total, total, self.now, marks=[(self.now, total)])
        for device, repl in ((given, Repl.SOURCE), (taken, Repl.TARGET)):
            device.course, device.repl = course, repl
        target.volumes[number].disk = Disk.INCONSISTENT
        self._mirror(source, target)
        self._changed()

    def _mark_sync(self, volume: Volume, target: Side, number: int, given: PeerDevice) -> None:
        """8.4 names the sync itself, so that one that is cut short can be gone on with."""
        if volume.current & ~1 == 4:
            volume.current = self.fresh_generation()
        if target.version is Version.V84:
            volume.remember(given.bitmap)
            given.bitmap = (
                (given.bitmap or self.fresh_generation()) + SYNC_STEP
            ) % MOST_GENERATIONS
            target.volumes[number].current = given.bitmap & ~1
        for own in target.connections.values():
            if given in own.devices:
                continue
            own.devices[number].bitmap = 0

    def _finish_sync(self, source: Side, target: Side, number: int) -> None:
        given, taken = _ends(source, target, number)
        volume, copy = source.volumes[number], target.volumes[number]
        volume.remember(given.bitmap)
        copy.current = volume.current & ~1 | (target.is_primary and volume.current & 1)
        copy.history = list(volume.history)
        copy.disk, copy.hidden, volume.hidden = Disk.UP_TO_DATE, 0, 0
        for device in (given, taken):
            device.repl, device.course = Repl.ESTABLISHED, None
            device.out_of_sync = device.bitmap = 0
        target.was_crashed_primary = source.was_crashed_primary = False

    def begin_verify(self, side: Side, peer: Side, number: int) -> None:
        """Compares both copies; the asking side is VerifyS."""
        mine, theirs = _ends(side, peer, number)
        size = float(side.volumes[number].size)
        course = Course(size, size, self.now, marks=[(self.now, size)])
        for device, repl in ((mine, Repl.VERIFY_SOURCE), (theirs, Repl.VERIFY_TARGET)):
            device.course, device.repl = course, repl
        self._changed()

    def _work(self, bond: Bond, seconds: float) -> None:
        one, other = bond.one, bond.other
        for number in range(len(one.volumes)):
            mine, theirs = _ends(one, other, number)
            if mine.course is None:
                continue
            if mine.repl in SYNCING:
                self._pause_or_go(mine, theirs)
            if mine.repl in PAUSED:
                mine.course.paused_for += seconds
                continue
            forth = mine.repl in (Repl.SOURCE, Repl.VERIFY_SOURCE)
            ends = (one, other) if forth else (other, one)
            self._copy(ends[0], ends[1], number, seconds)

    def _pause_or_go(self, mine: PeerDevice, theirs: PeerDevice) -> None:
        mine.peer_is_paused, theirs.peer_is_paused = theirs.is_paused, mine.is_paused
        is_paused = mine.is_paused or theirs.is_paused
        before = mine.repl
        for device in (mine, theirs):
            gives = device.repl in (Repl.SOURCE, Repl.PAUSED_SOURCE)
            device.repl = _SYNC[gives, is_paused]
        if mine.repl is not before:
            self._changed()

    def _copy(self, source: Side, target: Side, number: int, seconds: float) -> None:
        given, _ = _ends(source, target, number)
        course = given.course
        assert course is not None
        course.rate = min(self._rate(source.node, target.node), limit_of(source)) / 1024
        done = min(course.left, course.rate * seconds)
        course.left -= done
        if self.now - course.marks[-1][0] >= MARK_SECONDS:
            course.marks = [*course.marks[-3:], (self.now, course.left)]
        if given.repl in VERIFYING:
            self._verify(source, target, number, course)
        else:
            self._transfer(source, target, number, course)

    def _transfer(self, source: Side, target: Side, number: int, course: Course) -> None:
        given, taken = _ends(source, target, number)
        left = -int(-course.left)
        done = max(0, given.out_of_sync - left)
        given.out_of_sync = taken.out_of_sync = left
        given.sent, taken.received = given.sent + done, taken.received + done
        source.volumes[number].read += done
        target.volumes[number].written += done
        if course.left <= 0:
            self._finish_sync(source, target, number)
            self._mirror(source, target)
            self._changed()

    def _verify(self, source: Side, target: Side, number: int, course: Course) -> None:
        given, taken = _ends(source, target, number)
        if course.left > 0:
            return
        found = max(source.volumes[number].hidden, target.volumes[number].hidden)
        for side, device in ((source, given), (target, taken)):
            device.out_of_sync = max(device.out_of_sync, found)
            device.repl, device.course = Repl.ESTABLISHED, None
            side.volumes[number].read += side.volumes[number].size
        self._changed()

    def _mirror(self, one: Side, other: Side) -> None:
        """Connected ends see each other as they are."""
        for side, connection, peer, back in Bond(one, other).ends:
            if not (connection.is_up and back.is_up and side.is_up and peer.is_up):
                continue
            connection.peer_role = peer.role
            for device, volume in zip(connection.devices, peer.volumes, strict=True):
                device.peer_disk = volume.disk

    def mirror(self, one: Side, other: Side) -> None:
        """Connected ends see each other as they are, flags of a pause included."""
        self._mirror(one, other)
        for number in range(len(one.volumes)):
            mine, theirs = _ends(one, other, number)
            if mine.repl in SYNCING:
                self._pause_or_go(mine, theirs)


_SYNC = {
    (True, False): Repl.SOURCE, (True, True): Repl.PAUSED_SOURCE,
    (False, False): Repl.TARGET, (False, True): Repl.PAUSED_TARGET,
}  # fmt: skip


def _ends(one: Side, other: Side, number: int) -> tuple[PeerDevice, PeerDevice]:
    """Both views of a volume across the link."""
    mine = one.connections[other.node].devices[number]
    return mine, other.connections[one.node].devices[number]


def _told(volume: Volume, device: PeerDevice) -> Generations:
    return Generations(volume.current, device.bitmap, tuple(volume.history), device.out_of_sync)


def _party(side: Side, connection: Connection, number: int) -> Party:
    changed = connection.devices[number].out_of_sync
    return Party(side.node, side.is_primary, connection.discards, changed, side.last_primary or 0.0)


def limit_of(side: Side) -> float:
    """Bytes a second that the configuration allows a sync."""
    options = side.spec.disk
    if options.get("c-plan-ahead") == "0" or "c-max-rate" not in options:
        return bytes_of(options["resync-rate"]) if "resync-rate" in options else FREE_RATE
    return bytes_of(options["c-max-rate"])
