"""Connecting and disconnecting on purpose."""

from hapanel.lab.drbd import declined
from hapanel.lab.drbd.declined import Declined
from hapanel.lab.drbd.roles import Roles
from hapanel.lab.drbd.side import (
    Conn,
    Disk,
    Side,
)
from hapanel.lab.drbd.spec import Version


class Connecting(Roles):
    """What may be asked of connections."""

    def connect(self, side: Side, peer: str, *, discard: bool = False) -> None:
        """StandAlone no longer. Raises Declined."""
        if not side.is_up:
            raise Declined(declined.UNKNOWN_RESOURCE)
        connection = self._connection(side, peer)
        if discard and side.is_primary:
            raise Declined(declined.NO_DISCARD_AS_PRIMARY)
        if connection.state is not Conn.STANDALONE:
            v84 = self.version is Version.V84
            raise Declined(declined.ADDRESS_IN_USE if v84 else declined.HAS_NET_CONFIG)
        connection.discards, connection.is_gone = discard, False
        for device in connection.devices:
            device.sent = device.received = 0
        self.links.end(connection, Conn.CONNECTING)

    def disconnect(self, side: Side, peer: str) -> None:
        """Ends a connection on purpose. Raises Declined."""
        if not side.is_up and self.version is Version.V84:
            raise Declined(declined.UNKNOWN_CONNECTION)
        connection = self._connection(side, peer)
        if connection.state is Conn.STANDALONE:
            if self.version is Version.V84:
                raise Declined(declined.UNKNOWN_CONNECTION)
            return
        other = self.sides[side.spec.name, peer]
        back = other.connections[side.node]
        if connection.is_up:
            self._may_part(side, other)
        primary_peer = connection.is_up and other.is_primary
        self.links.separate(side, connection)
        if back.is_up and other.is_up and self.links.reaches(side.node, peer):
            self.links.tear_down(other, back)
        if primary_peer and self.version is Version.V9:
            self.links.outdate(side)
        self.seen()

    def _may_part(self, side: Side, other: Side) -> None:
        """A Primary that reads through the peer keeps it."""
        if side.is_primary and not can_read_alone(side):
            raise Declined(declined.NEEDS_DATA)
        if other.is_primary and not can_read_alone(other):
            more = f"Declined by peer {other.node} (id: {other.node_id}), see the kernel log there"
            raise Declined(declined.REFUSED_BY_PEER, more if self.version is Version.V9 else "")


def can_read_alone(side: Side) -> bool:
    """True when each volume here is UpToDate itself."""
    return all(volume.disk is Disk.UP_TO_DATE for volume in side.volumes)
