"""`drbdadm status` and `drbdsetup status`: plain, and with --verbose --statistics."""

from hapanel.lab.drbd.rows import (
    NO,
    Row,
    connection_row,
    device_row,
    done_of,
    is_moving,
    peer_row,
    resource_row,
)
from hapanel.lab.drbd.side import Conn, Connection, Disk, Repl, Side
from hapanel.lab.drbd.spec import Version

WIDTH = 80
NOTHING_V9 = "# No currently configured DRBD found.\n"


class _Text:
    """Lines that are broken before they are wider than a terminal."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, indent: int, words: list[str], more: int | None = None) -> None:
        """One line; what does not fit goes on, indented by `more`."""
        text = " " * indent
        for number, word in enumerate(words):
            glued = text + word if number == 0 else f"{text} {word}"
            if number and len(glued) > WIDTH:
                self.lines.append(text)
                glued = " " * (indent + 4 if more is None else more) + word
            text = glued
        self.lines.append(text)


def _pairs(row: Row, *keys: str) -> list[str]:
    words = row.words()
    return [f"{key}:{words[key]}" for key in keys if key in words]


def status_of(sides: list[Side], now: float, *, verbose: bool = False) -> str:
    """The text for the resources that are up."""
    parts = []
    for side in sides:
        text = _Text()
        _verbose(text, side, now) if verbose else _plain(text, side, now)
        parts.append("\n".join(text.lines) + "\n\n")
    if not parts:
        return NOTHING_V9 if not sides else ""
    return "".join(parts)


def _listed(side: Side) -> list[Connection]:
    """8.4 does not list a peer that it stands alone from."""
    connections = list(side.connections.values())
    if side.version is Version.V9:
        return connections
    return [c for c in connections if c.state is not Conn.STANDALONE]


def _peer_name(side: Side, connection: Connection) -> str:
    return connection.peer if side.version is Version.V9 else "peer"


def _plain(text: _Text, side: Side, now: float) -> None:
    text.line(0, [side.spec.name, f"role:{side.role.value}"])
    several = len(side.volumes) > 1
    for number, volume in enumerate(side.volumes):
        words = [f"volume:{number}"] * several + [f"disk:{volume.disk.value}"]
        if side.version is Version.V9:
            words += ["client:no"] * (volume.disk is Disk.DISKLESS)
            words += ["quorum:no"] * (not side.has_quorum)
        text.line(2, words)
    for connection in _listed(side):
        if not connection.is_up:
            state = connection.state.value
            text.line(2, [_peer_name(side, connection), f"connection:{state}"])
            continue
        role = connection.peer_role.value
        text.line(2, [_peer_name(side, connection), f"role:{role}"])
        for number in range(len(side.volumes)):
            words = [f"volume:{number}"] * several
            text.line(4, words + _plain_peer(side, connection, number, now), 8)


def _plain_peer(side: Side, connection: Connection, number: int, _now: float) -> list[str]:
    device = connection.devices[number]
    v9 = side.version is Version.V9
    words = []
    if not v9 or device.repl is not Repl.ESTABLISHED:
        words.append(f"replication:{device.repl.value}")
    words.append(f"peer-disk:{device.peer_disk.value}")
    words += ["peer-client:no"] * (v9 and device.peer_disk is Disk.DISKLESS)
    if is_moving(device):
        words.append(f"done:{done_of(side.volumes[number], device, side.version)}")
    words += [f"resync-suspended:{device.suspended}"] * (device.suspended != NO)
    return words


def _verbose(text: _Text, side: Side, now: float) -> None:
    v9 = side.version is Version.V9
    row = resource_row(side)
    first = [f"node-id:{side.node_id}"] * v9
    text.line(0, [side.spec.name, *first, *_pairs(row, "role", "suspended", "force-io-failures")])
    text.line(4, _pairs(row, "write-ordering"))
    for number, volume in enumerate(side.volumes):
        row = device_row(side, volume, number)
        words = _pairs(row, "volume", "minor", "disk")
        words += ["client:no"] * (v9 and volume.disk is Disk.DISKLESS)
        text.line(2, words + _pairs(row, "backing_dev", "quorum"), 6)
        text.line(6, [f"{key}:{word}" for key, word in row.measures.items()], 6)
    for connection in _listed(side):
        _verbose_peer(text, side, connection, now)


def _verbose_peer(text: _Text, side: Side, connection: Connection, now: float) -> None:
    v9 = side.version is Version.V9
    row = connection_row(side, connection)
    words = [_peer_name(side, connection)]
    words += [f"node-id:{side.spec.nodes.index(connection.peer)}"] * v9
    words += _pairs(row, "connection", "role", "congested", "ap-in-flight", "rs-in-flight")
    text.line(2, words, 6)
    for number, device in enumerate(connection.devices):
        row = peer_row(side, connection, number, now)
        words = _pairs(row, "volume", "replication", "peer-disk")
        words += ["peer-client:no"] * (v9 and device.peer_disk is Disk.DISKLESS)
        if is_moving(device):
            words.append(f"done:{done_of(side.volumes[number], device, side.version)}")
        text.line(4, [*words, *_pairs(row, "resync-suspended")], 8)
        measures = {**row.measures, **row.after}
        text.line(8, [f"{key}:{word}" for key, word in measures.items()], 8)
