"""Primary and Secondary: by command, and by whoever holds the device open."""

from datetime import UTC, datetime

from hapanel.lab.drbd import declined
from hapanel.lab.drbd.declined import Declined
from hapanel.lab.drbd.nodes import Nodes
from hapanel.lab.drbd.side import (
    Disk,
    Role,
    Side,
)
from hapanel.lab.drbd.spec import Version


class Roles(Nodes):
    """What may be asked of roles."""

    def primary(self, side: Side, *, force: bool = False) -> None:
        """Makes the node Primary. Raises Declined."""
        self._need_up(side)
        if not side.is_primary:
            self._promote(side, force)
        side.is_held = True
        self.seen()

    def _promote(self, side: Side, force: bool) -> None:
        if force:
            for volume in side.volumes:
                if volume.disk in (Disk.INCONSISTENT, Disk.OUTDATED):
                    volume.disk = Disk.UP_TO_DATE
            self._call_others_old(side)
        if not side.can_read():
            raise Declined(declined.NEEDS_DATA)
        if not side.has_quorum and not force:
            raise Declined(declined.NO_QUORUM)
        peers = [c.peer_role for c in side.connections.values()]
        if Role.PRIMARY in peers and not side.spec.may_have_two_primaries:
            raise Declined(declined.TWO_PRIMARIES)
        side.last_primary = self.now
        if self.version is Version.V84:
            self._mark_primary(side)

    def _call_others_old(self, side: Side) -> None:
        """Forced without a quorum, it takes it that the others' copies are old."""
        if side.has_quorum:
            return
        for connection in side.connections.values():
            for device in connection.devices:
                device.peer_disk = device.peer_disk if connection.is_up else Disk.OUTDATED

    def _mark_primary(self, side: Side) -> None:
        """8.4: the generation says so, and is a new one when no peer sees what is written now."""
        for connection in side.connections.values():
            for volume, device in zip(side.volumes, connection.devices, strict=True):
                volume.current |= 1
                if not connection.is_up:
                    self.links.begin_generation(side, volume, device)
                    volume.current |= 1

    def secondary(self, side: Side) -> None:
        """Makes the node Secondary. Raises Declined while somebody holds the device open."""
        self._need_up(side)
        if side.openers:
            raise Declined(declined.HELD_OPEN, self._opened_by(side))
        self._demote(side)
        self.seen()

    def _demote(self, side: Side) -> None:
        if side.is_primary:
            side.last_primary = self.now
        side.is_held = False
        if self.version is Version.V84:
            for volume in side.volumes:
                volume.current &= ~1

    def _opened_by(self, side: Side) -> str:
        if self.version is Version.V84:
            return ""
        opener, at = next(iter(side.openers.items()))
        moment = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        program = opener.split()[0].replace("lv", "lvm")
        minor = side.volumes[0].spec.minor
        return f"drbd{minor} opened by {program} (pid {1000 + minor}) at {moment}"

    def open(self, side: Side, opener: str) -> None:
        """Somebody opens the device for writing: DRBD 9 promotes by itself, 8.4 must be Primary
        (here whoever starts a guest sees to that). Raises Declined.
        """
        self._need_up(side)
        if opener in side.openers:
            return
        if not side.is_primary:
            self._promote(side, force=False)
        side.openers[opener] = self.wall()
        self.seen()

    def close(self, side: Side, opener: str) -> None:
        """The last one to close leaves a Secondary, unless it is held Primary."""
        if opener not in side.openers:
            return
        held = side.is_held
        del side.openers[opener]
        if not side.openers and not held:
            self._demote(side)
            side.last_primary = self.now
        self.seen()
