"""Syncs and verifies between two ends: who copies from whom, how long it takes, how it ends."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from hapanel.lab.drbd.side import (
    PAUSED,
    SYNCING,
    VERIFYING,
    Connection,
    Course,
    Disk,
    PeerDevice,
    Repl,
    Side,
    Volume,
)
from hapanel.lab.drbd.spec import Version, bytes_of

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


class SyncRules:
    """What two connected ends do. `rate(a, b)` is what the network carries between two nodes in
    bytes a second, 0 when nothing gets through; `changed` is called after each move that shows.
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

    def fresh_generation(self) -> int:
        """A new identifier of data."""
        return self._chance.randrange(16, MOST_GENERATIONS) & ~1

    def begin_sync(self, source: Side, target: Side, number: int, *, full: bool) -> None:
        """The target's copy becomes incomplete until everything that differs is copied."""
        ends = ends_of(source, target, number)
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
        given, taken = ends_of(source, target, number)
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
        mine, theirs = ends_of(side, peer, number)
        size = float(side.volumes[number].size)
        course = Course(size, size, self.now, marks=[(self.now, size)])
        for device, repl in ((mine, Repl.VERIFY_SOURCE), (theirs, Repl.VERIFY_TARGET)):
            device.course, device.repl = course, repl
        self._changed()

    def _work(self, bond: Bond, seconds: float) -> None:
        one, other = bond.one, bond.other
        for number in range(len(one.volumes)):
            mine, theirs = ends_of(one, other, number)
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
        given, _ = ends_of(source, target, number)
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
        given, taken = ends_of(source, target, number)
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
        given, taken = ends_of(source, target, number)
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
            mine, theirs = ends_of(one, other, number)
            if mine.repl in SYNCING:
                self._pause_or_go(mine, theirs)


_SYNC = {
    (True, False): Repl.SOURCE, (True, True): Repl.PAUSED_SOURCE,
    (False, False): Repl.TARGET, (False, True): Repl.PAUSED_TARGET,
}  # fmt: skip


def ends_of(one: Side, other: Side, number: int) -> tuple[PeerDevice, PeerDevice]:
    """Both views of a volume across the link."""
    mine = one.connections[other.node].devices[number]
    return mine, other.connections[one.node].devices[number]


def limit_of(side: Side) -> float:
    """Bytes a second that the configuration allows a sync."""
    options = side.spec.disk
    if options.get("c-plan-ahead") == "0" or "c-max-rate" not in options:
        return bytes_of(options["resync-rate"]) if "resync-rate" in options else FREE_RATE
    return bytes_of(options["c-max-rate"])
