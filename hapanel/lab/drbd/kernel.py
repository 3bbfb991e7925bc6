"""DRBD's kernel on all nodes of the lab: what may be asked of it, and how time passes in it."""

import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from hapanel.lab.drbd import declined
from hapanel.lab.drbd.declined import Declined
from hapanel.lab.drbd.links import Bond, LinkRules
from hapanel.lab.drbd.side import (
    JUST_CREATED,
    SYNCING,
    VERIFYING,
    Conn,
    Connection,
    Disk,
    PeerDevice,
    Repl,
    Role,
    Side,
    Volume,
)
from hapanel.lab.drbd.spec import DrbdSpec, ResourceSpec, Version

AL_KIB = 12 * 1024
"""What a crashed Primary's activity log marks as changed (recordings: 12 to 32 MiB)."""


class Kernel:
    """All resources on all nodes. Sizes in KiB, seconds of the real thing."""

    def __init__(
        self,
        spec: DrbdSpec,
        addresses: dict[str, str],
        rate: Callable[[str, str], float],
        chance: random.Random,
    ) -> None:
        self.spec = spec
        self.version = spec.version
        self.sides: dict[tuple[str, str], Side] = {}
        self.on_change: list[Callable[[], None]] = []
        self.wall: Callable[[], float] = time.time
        self.writes: Callable[[Side], float] = lambda _side: 0.0
        self.links = LinkRules(chance, rate, self._changed)
        self._fractions: dict[tuple[str, str], float] = {}
        for resource in spec.resources:
            generation = self.links.fresh_generation()
            for number, node in enumerate(resource.nodes):
                side = _side(resource, node, number, self.version, generation)
                side.addresses = [f"{addresses[n]}:{resource.port}" for n in resource.nodes]
                self.sides[resource.name, node] = side
        self._join_all()

    def _join_all(self) -> None:
        """Every link is connected and every copy current, as long before the lab began."""
        for bond in self.bonds():
            for _, connection, _, _ in bond.ends:
                connection.state = Conn.CONNECTED
                for device in connection.devices:
                    device.repl = Repl.ESTABLISHED
            self.links.mirror(bond.one, bond.other)

    def _changed(self) -> None:
        for watcher in self.on_change:
            watcher()

    def bonds(self) -> Iterator[Bond]:
        """Every link of every resource."""
        for resource in self.spec.resources:
            for number, one in enumerate(resource.nodes):
                for other in resource.nodes[number + 1 :]:
                    yield Bond(self.sides[resource.name, one], self.sides[resource.name, other])

    def sides_on(self, node: str) -> list[Side]:
        """The resources of a node, in the configuration's order, up or not."""
        return [self.sides[r.name, node] for r in self.spec.resources if node in r.nodes]

    def peers_of(self, side: Side) -> list[Side]:
        """The other nodes of its resource."""
        return [self.sides[side.spec.name, peer] for peer in side.connections]

    @property
    def now(self) -> float:
        """Seconds of the real thing since the lab began."""
        return self.links.now

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
            if wanted and joined and _can_read_alone(side):
                side.wants_primary = False
                self.primary(side)

    def seen(self) -> None:
        """Connected ends see each other as they are; everybody who watches is told."""
        for bond in self.bonds():
            self.links.mirror(bond.one, bond.other)
        self._changed()

    # Roles

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

    # Connections

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
        if side.is_primary and not _can_read_alone(side):
            raise Declined(declined.NEEDS_DATA)
        if other.is_primary and not _can_read_alone(other):
            more = f"Declined by peer {other.node} (id: {other.node_id}), see the kernel log there"
            raise Declined(declined.REFUSED_BY_PEER, more if self.version is Version.V9 else "")

    # Copies

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

    def alter(self, side: Side, kib: int) -> None:
        """Blocks of the disk below change behind DRBD's back; only a verify finds them."""
        side.volumes[0].hidden += kib
        for peer in self.peers_of(side):
            peer.volumes[0].hidden += kib

    # Up and down

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

    def _need_up(self, side: Side) -> None:
        if not side.is_up:
            v84 = self.version is Version.V84
            raise Declined(declined.NO_MINOR if v84 else declined.UNKNOWN_RESOURCE)

    def _connection(self, side: Side, peer: str) -> Connection:
        self._need_up(side)
        return side.connections[peer]


def _can_read_alone(side: Side) -> bool:
    return all(volume.disk is Disk.UP_TO_DATE for volume in side.volumes)


def _forget(device: PeerDevice) -> None:
    device.repl, device.peer_disk, device.course = Repl.OFF, Disk.UNKNOWN, None
    device.is_paused = device.peer_is_paused = False
    device.sent = device.received = 0


def _side(spec: ResourceSpec, node: str, number: int, version: Version, generation: int) -> Side:
    past = [generation ^ (1 << 50), generation ^ (1 << 51)]
    volumes = [Volume(v, current=generation, history=list(past)) for v in spec.volumes]
    connections = {
        peer: Connection(peer, [PeerDevice(number=n) for n in range(len(volumes))])
        for peer in spec.nodes
        if peer != node
    }
    return Side(node, number, spec, version, volumes, connections)


def make_fresh(kernel: Kernel, resource: str) -> None:
    """The resource as `drbdadm create-md` leaves it on all its nodes: down, without data."""
    for (name, _), side in kernel.sides.items():
        if name != resource:
            continue
        side.is_up = side.is_held = False
        for volume in side.volumes:
            volume.kept_disk, volume.current, volume.history = (
                Disk.INCONSISTENT,
                JUST_CREATED,
                [0, 0],
            )
        for connection in side.connections.values():
            connection.state, connection.peer_role = Conn.STANDALONE, Role.UNKNOWN
            for number, device in enumerate(connection.devices):
                _forget(device)
                device.bitmap, device.out_of_sync = 0, side.volumes[number].size
