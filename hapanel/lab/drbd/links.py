"""What happens to a link: loss, reconnection and handshake.

Seconds are those of the real thing. Times and orders are those of the recordings.
"""

from hapanel.lab.drbd.generations import OPPOSITE, Generations, Party, Verdict, compare, settle
from hapanel.lab.drbd.side import (
    Conn,
    Connection,
    Disk,
    PeerDevice,
    Repl,
    Role,
    Side,
    Volume,
)
from hapanel.lab.drbd.spec import Version
from hapanel.lab.drbd.syncs import Bond, SyncRules

LOSS_SECONDS = (15.0, 18.0)
RECONNECT_SECONDS = (1.0, 4.0)


class LinkRules(SyncRules):
    """The moves of links, on top of what connected ends do."""

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


def _told(volume: Volume, device: PeerDevice) -> Generations:
    return Generations(volume.current, device.bitmap, tuple(volume.history), device.out_of_sync)


def _party(side: Side, connection: Connection, number: int) -> Party:
    changed = connection.devices[number].out_of_sync
    return Party(side.node, side.is_primary, connection.discards, changed, side.last_primary or 0.0)
