"""Copies of the data: fetching, comparing, pausing, losing and getting back the disk below."""

from hapanel.lab.drbd import declined
from hapanel.lab.drbd.connecting import Connecting
from hapanel.lab.drbd.declined import Declined
from hapanel.lab.drbd.side import (
    SYNCING,
    VERIFYING,
    Disk,
    Side,
)
from hapanel.lab.drbd.spec import Version


class Copies(Connecting):
    """What may be asked of copies."""

    def invalidate(self, side: Side, number: int, peer: str) -> None:
        """Fetches this node's copy anew from the peer. Raises Declined."""
        if not side.is_up:
            return
        if side.is_primary and self.version is Version.V9:
            raise Declined(declined.SILENTLY)
        connection = self._connection(side, peer)
        device = connection.devices[number]
        if device.course is not None:
            raise Declined(declined.ALREADY_ACTIVE)
        if connection.is_up:
            self.links.begin_sync(self.sides[side.spec.name, peer], side, number, full=True)
        else:
            side.volumes[number].disk = Disk.INCONSISTENT
            device.out_of_sync = side.volumes[number].size
        self.seen()

    def verify(self, side: Side, number: int, peer: str) -> None:
        """Starts to compare. Raises Declined."""
        connection = self._connection(side, peer)
        device = connection.devices[number]
        if not connection.is_up:
            raise Declined(declined.NEEDS_CONNECTION)
        if "verify-alg" not in side.spec.net:
            raise Declined(declined.NO_VERIFY_ALGORITHM)
        if device.repl in SYNCING:
            raise Declined(declined.ALREADY_ACTIVE)
        if device.repl not in VERIFYING:
            self.links.begin_verify(side, self.sides[side.spec.name, peer], number)
        self.seen()

    def pause(self, side: Side, number: int, peer: str, *, resume: bool = False) -> None:
        """Sets or clears this side's pause flag. Raises Declined."""
        device = self._connection(side, peer).devices[number]
        if device.is_paused is not resume:
            raise Declined(declined.PAUSE_CLEARED if resume else declined.PAUSE_SET)
        device.is_paused = not resume
        self.seen()

    def outdate(self, side: Side) -> None:
        """Marks this copy as old, which only a Secondary without its peer lets happen."""
        self._need_up(side)
        if not side.is_primary and not any(c.is_up for c in side.connections.values()):
            self.links.outdate(side)
        self.seen()

    def detach(self, side: Side) -> None:
        """Takes the disk away; what is written meanwhile goes to the peer. Raises Declined."""
        if not side.is_up:
            raise Declined(declined.NO_MINOR)
        for number, volume in enumerate(side.volumes):
            copies = [c.devices[number].peer_disk for c in side.connections.values() if c.is_up]
            if side.is_primary and Disk.UP_TO_DATE not in copies:
                raise Declined(declined.NEEDS_DATA)
            if self._serves_alone(side, number):
                raise Declined(declined.REFUSED_BY_PEER)
            volume.kept_disk = volume.disk
            volume.disk = Disk.DISKLESS
        self.seen()

    def _serves_alone(self, side: Side, number: int) -> bool:
        """A peer is Primary and lives from this copy."""
        return any(
            peer.is_primary and peer.volumes[number].disk is not Disk.UP_TO_DATE
            for peer in self.peers_of(side)
            if peer.connections[side.node].is_up
        )

    def fail_disk(self, side: Side) -> None:
        """The disk below breaks: on-io-error detach."""
        for volume in side.volumes:
            volume.kept_disk, volume.disk, volume.has_failed = volume.disk, Disk.FAILED, True
        self.seen()
        for volume in side.volumes:
            volume.disk = Disk.DISKLESS
        self.seen()

    def attach(self, side: Side) -> None:
        """Gives the disk back; what changed meanwhile is copied. Raises Declined."""
        self._need_up(side)
        for number, volume in enumerate(side.volumes):
            if volume.disk is not Disk.DISKLESS:
                raise Declined(declined.HAS_DISK)
            volume.disk, volume.has_failed = volume.kept_disk, False
            for connection in side.connections.values():
                peer = self.sides[side.spec.name, connection.peer]
                if connection.is_up and peer.volumes[number].disk is Disk.UP_TO_DATE:
                    self.links.begin_sync(peer, side, number, full=False)
        self.seen()

    def alter(self, side: Side, kib: int) -> None:
        """Blocks of the disk below change behind DRBD's back; only a verify finds them."""
        side.volumes[0].hidden += kib
        for peer in self.peers_of(side):
            peer.volumes[0].hidden += kib
