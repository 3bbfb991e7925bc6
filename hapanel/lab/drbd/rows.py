"""The objects of a resource as the tools name them: what status text and event lines are made of.

`fixed` name the object; each group of `state` is told whole when one of its words changes;
`measures` are what --statistics adds. Fields and orders: recordings of 8.4.11 and 9.2.18.
"""

from dataclasses import dataclass, field

from hapanel.lab.drbd.side import (
    SYNCING,
    VERIFYING,
    Connection,
    Course,
    Disk,
    PeerDevice,
    Repl,
    Role,
    Side,
    Volume,
)
from hapanel.lab.drbd.spec import Version

Words = dict[str, str]
NO = "no"


@dataclass
class Row:
    """One object: a resource, connection, device, peer-device or path."""

    kind: str
    fixed: Words
    state: list[Words]
    measures: Words = field(default_factory=dict)
    after: Words = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, ...]:
        """What makes it the same object, whatever the tool calls its connection."""
        names = ("name", "peer-node-id", "volume")
        return (self.kind, *(f"{n}={self.fixed[n]}" for n in names if n in self.fixed))

    def words(self, *, statistics: bool = True) -> Words:
        """All of it, in the tool's order."""
        state = {key: word for group in self.state for key, word in group.items()}
        extra = {**self.measures, **self.after} if statistics else {}
        return {**self.fixed, **state, **extra}


def rows_of(side: Side, now: float) -> list[Row]:
    """Every object of a resource, in the order in which events2 lists them."""
    v9 = side.version is Version.V9
    connections = list(side.connections.values())
    if v9:
        connections.reverse()
    rows = [resource_row(side)]
    rows += [connection_row(side, connection) for connection in connections]
    rows += [device_row(side, volume, n) for n, volume in enumerate(side.volumes)]
    for connection in connections:
        rows += [peer_row(side, connection, n, now) for n in range(len(side.volumes))]
        rows += [path_row(side, connection)] if v9 else []
    return rows


def resource_row(side: Side) -> Row:
    """The resource: its role, and in 9 whether it could be promoted."""
    name = {"name": side.spec.name}
    state: list[Words] = [{"role": side.role.value}, {"suspended": NO}]
    if side.version is Version.V84:
        return Row("resource", name, state, {"write-ordering": "flush"})
    state.append({"force-io-failures": NO})
    return Row("resource", name, state, {"write-ordering": "flush"}, promotion(side))


def promotion(side: Side) -> Words:
    """`may_promote` and the score that cluster managers compare."""
    disks = [side.volumes[0].disk]
    disks += [c.devices[0].peer_disk for c in side.connections.values() if c.is_up]
    current = disks.count(Disk.UP_TO_DATE)
    is_own = disks[0] is Disk.UP_TO_DATE
    has_disk = disks[0] is not Disk.DISKLESS
    score = 10_000 * has_disk + 100 * is_own + current if current and side.has_quorum else 0
    has_primary = Role.PRIMARY in [side.role, *(c.peer_role for c in side.connections.values())]
    may = side.can_read() and side.has_quorum and not has_primary
    return {"may_promote": "yes" if may else NO, "promotion_score": str(score)}


def _peer_names(side: Side, connection: Connection) -> Words:
    names = {"name": side.spec.name}
    if side.version is Version.V9:
        number = side.spec.nodes.index(connection.peer)
        return {**names, "peer-node-id": str(number), "conn-name": connection.peer}
    names["peer-node-id"] = "0"
    if not connection.is_gone:
        names["conn-name"] = "peer"
    return names


def connection_row(side: Side, connection: Connection) -> Row:
    """A connection."""
    state: list[Words] = [
        {"connection": connection.state.value},
        {"role": connection.peer_role.value},
        {"congested": NO},
    ]
    measures = {"ap-in-flight": "0", "rs-in-flight": "0"} if side.version is Version.V9 else {}
    return Row("connection", _peer_names(side, connection), state, measures)


def device_row(side: Side, volume: Volume, number: int) -> Row:
    """A volume of this node."""
    names = {"name": side.spec.name, "volume": str(number), "minor": str(volume.spec.minor)}
    is_gone = volume.disk is Disk.DISKLESS
    state: list[Words] = [{"disk": volume.disk.value}]
    if side.version is Version.V9:
        quorum = "yes" if side.has_quorum else NO
        backing = "none" if is_gone else volume.spec.disk
        state = [
            {"backing_dev": backing, "disk": volume.disk.value, "client": NO, "quorum": quorum}
        ]
    return Row("device", names, state, _device_measures(side, volume))


def _device_measures(side: Side, volume: Volume) -> Words:
    numbers = {
        "size": volume.size,
        "read": volume.read,
        "written": volume.written,
        "al-writes": volume.al_writes,
        "bm-writes": volume.bm_writes,
        "upper-pending": 0,
        "lower-pending": 0,
    }
    suspended = "yes" if is_log_suspended(side, volume) else NO
    words = {key: str(number) for key, number in numbers.items()}
    return {**words, "al-suspended": suspended, "blocked": NO}


def is_log_suspended(side: Side, volume: Volume) -> bool:
    """The activity log rests while a copy that was never complete waits for its first peer."""
    is_alone = not any(connection.is_up for connection in side.connections.values())
    return is_alone and volume.current == 4


def peer_row(side: Side, connection: Connection, number: int, now: float) -> Row:
    """A volume as seen across a connection."""
    device = connection.devices[number]
    v9 = side.version is Version.V9
    peer_disk = {"peer-disk": device.peer_disk.value}
    if v9:
        peer_disk["peer-client"] = NO
    state: list[Words] = [{"replication": device.repl.value}, peer_disk]
    state.append({"resync-suspended": device.suspended})
    numbers = {
        "received": device.received,
        "sent": device.sent,
        "out-of-sync": device.out_of_sync,
        "pending": 0,
        "unacked": 0,
    }
    measures = {key: str(value) for key, value in numbers.items()}
    names = {**_peer_names(side, connection), "volume": str(number)}
    row = Row("peer-device", names, state, measures)
    if device.course is not None and v9:
        row.state.append({"done": done_of(side.volumes[number], device, side.version)})
        row.after = _pace(device.course, now)
    return row


def _pace(course: Course, now: float) -> Words:
    recent = course.speeds(now)[0] / 1024
    eta = f"{course.left / 1024 / recent:.0f}" if recent > 0 else "nan"
    return {"dbdt1": f"{recent:.2f}", "eta": eta}


def done_of(volume: Volume, device: PeerDevice, version: Version) -> str:
    """`done` in percent: 8.4 takes what is in sync of the whole volume, 9
    how far the present sync or verify is.
    """
    course = device.course
    if version is Version.V9 and course is not None:
        left, total = course.left, max(course.total, 1.0)
    else:
        left, total = float(device.out_of_sync), float(max(volume.size, 1))
    return f"{100 * (1 - left / total):.2f}"


def path_row(side: Side, connection: Connection) -> Row:
    """9: the addresses of a connection."""
    nodes = side.spec.nodes
    own, peer = (side.addresses[nodes.index(n)] for n in (side.node, connection.peer))
    established = "yes" if connection.is_up else NO
    state = {"local": f"ipv4:{own}", "peer": f"ipv4:{peer}", "established": established}
    return Row("path", _peer_names(side, connection), [state])


def is_moving(device: PeerDevice) -> bool:
    """True while a sync or verify is under way, paused or not."""
    return device.repl in SYNCING or device.repl in VERIFYING


IDLE = (Repl.OFF.value, Repl.ESTABLISHED.value)
