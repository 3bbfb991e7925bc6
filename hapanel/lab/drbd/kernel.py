"""DRBD's kernel on all nodes of the lab: time, writes, and resources that go up and down."""

import random
from collections.abc import Callable

from hapanel.lab.drbd import declined
from hapanel.lab.drbd.connecting import can_read_alone
from hapanel.lab.drbd.copies import Copies
from hapanel.lab.drbd.declined import Declined
from hapanel.lab.drbd.side import (
    Conn,
    Disk,
    PeerDevice,
    Repl,
    Role,
    Side,
)
from hapanel.lab.drbd.spec import DrbdSpec, Version

AL_KIB = 12 * 1024
"""What a crashed Primary's activity log marks as changed (recordings: 12 to 32 MiB)."""


class Kernel(Copies):
    """All resources on all nodes. Sizes in KiB, seconds of the real thing. `writes` tells what
    guests write on a side, in KiB a second.
    """

    def __init__(
        self,
        spec: DrbdSpec,
        addresses: dict[str, str],
        rate: Callable[[str, str], float],
        chance: random.Random,
    ) -> None:
        super().__init__(spec, addresses, rate, chance)
        self.writes: Callable[[Side], float] = lambda _side: 0.0
        self._fractions: dict[tuple[str, str], float] = {}

    def advance(self, seconds: float) -> None:
        """Lets time pass: links are lost and found, syncs go on, guests write."""
        self.links.now += seconds
        for side in self.sides.values():
            self._write_in_passing(side, seconds)
        for bond in self.bonds():
            self.links.advance(bond, seconds)
        self._promote_the_wanted()

    def _write_in_passing(self, side: Side, seconds: float) -> None:
        if not side.is_up or not side.is_primary:
            return
        key = (side.spec.name, side.node)
        amount = self._fractions.get(key, 0.0) + self.writes(side) * seconds
        whole = int(amount // 4) * 4
        self._fractions[key] = amount - whole
        if whole:
            self._write(side, whole, 0)

    def _promote_the_wanted(self) -> None:
        for side in self.sides.values():
            wanted = side.spec.is_primary_from_start and side.wants_primary and side.is_up
            joined = all(connection.is_up for connection in side.connections.values())
            if wanted and joined and can_read_alone(side):
                side.wants_primary = False
                self.primary(side)

    def write(self, side: Side, kib: int, number: int = 0) -> None:
        """Somebody writes on the device. Raises Declined when he may not."""
        self._need_up(side)
        passing = f"write at {self.now}"
        if not side.is_primary:
            if self.version is Version.V84:
                raise Declined(declined.READ_ONLY)
            self.open(side, passing)
        if not side.has_quorum:
            self.close(side, passing)
            raise Declined(declined.NO_QUORUM)
        self._write(side, kib, number)
        self.close(side, passing)
        self.seen()

    def _write(self, side: Side, kib: int, number: int) -> None:
        volume = side.volumes[number]
        if volume.disk is not Disk.DISKLESS:
            volume.written += kib
            volume.al_writes += 1
        for peer in self.peers_of(side):
            connection = side.connections[peer.node]
            device = connection.devices[number]
            if connection.is_up and not self.links.reaches(side.node, peer.node):
                device.in_flight += kib
            elif connection.is_up and peer.volumes[number].disk is not Disk.DISKLESS:
                device.sent += kib
                peer.connections[side.node].devices[number].received += kib
                peer.volumes[number].written += kib
                if volume.disk is Disk.DISKLESS:
                    back = peer.connections[side.node].devices[number]
                    back.out_of_sync = min(volume.size, back.out_of_sync + kib)
            elif volume.disk is not Disk.DISKLESS:
                if self.version is Version.V9:
                    self.links.begin_generation(side, volume, device)
                device.out_of_sync = min(volume.size, device.out_of_sync + kib)

    def adjust(self, side: Side) -> None:
        """Brings the resource to what its configuration says: up, attached and connecting."""
        if not side.is_up:
            self.up(side)
        if any(v.disk is Disk.DISKLESS and not v.has_failed for v in side.volumes):
            self.attach(side)
        for connection in side.connections.values():
            if connection.state is Conn.STANDALONE:
                self.connect(side, connection.peer)

    def up(self, side: Side) -> None:
        """Attaches and begins to connect. Raises Declined."""
        if side.is_up:
            raise Declined(declined.MINOR_EXISTS)
        side.is_up = True
        side.wants_primary = True
        for volume in side.volumes:
            volume.disk = Disk.DISKLESS if volume.has_failed else volume.kept_disk
            volume.read = volume.written = volume.al_writes = volume.bm_writes = 0
        for connection in side.connections.values():
            connection.state, connection.discards = Conn.CONNECTING, False
            connection.is_gone = False
            for device in connection.devices:
                _forget(device)
                if side.was_crashed_primary:
                    device.out_of_sync += AL_KIB
        self.seen()

    def down(self, side: Side) -> None:
        """Takes the resource off the node, in order. Raises Declined while it is open."""
        if not side.is_up:
            return
        if side.openers:
            raise Declined(declined.HELD_OPEN, self._opened_by(side) or "failed to demote")
        for peer in list(side.connections):
            if side.connections[peer].state is not Conn.STANDALONE:
                self.disconnect(side, peer)
        self._demote(side)
        self._take_down(side)
        self.seen()

    def lose_power(self, node: str) -> None:
        """The machine is off: its side is gone, its metadata stay."""
        for side in self.sides_on(node):
            if side.is_up:
                side.was_crashed_primary = side.is_primary
                side.openers.clear()
                side.is_held = False
                self._take_down(side)
        self._changed()

    def _take_down(self, side: Side) -> None:
        side.is_up = False
        for volume in side.volumes:
            if volume.disk not in (Disk.DISKLESS, Disk.FAILED):
                volume.kept_disk = volume.disk
        for connection in side.connections.values():
            connection.state, connection.lost_at = Conn.STANDALONE, None
            connection.peer_role = Role.UNKNOWN

    def boot(self, node: str) -> None:
        """The machine is back: its init script brings every resource up."""
        for side in self.sides_on(node):
            if not side.is_up:
                self.up(side)


def _forget(device: PeerDevice) -> None:
    device.repl, device.peer_disk, device.course = Repl.OFF, Disk.UNKNOWN, None
    device.is_paused = device.peer_is_paused = False
    device.sent = device.received = 0
