"""`drbdsetup status --json` of DRBD 9, line by line as the tool writes it (recordings).

rs-total, rs-db*-sectors and ov-* count sectors, everything else KiB.
"""

from hapanel.lab.drbd.rows import IDLE
from hapanel.lab.drbd.side import VERIFYING, Connection, Course, PeerDevice, Repl, Side, Volume

SUSPENSIONS = ("suspended", "suspended-user", "suspended-no-data", "suspended-fencing",
               "suspended-quorum", "force-io-failures")  # fmt: skip


def status_json(sides: list[Side], now: float) -> str:
    """The array of resources that are up."""
    resources = ",\n".join(_resource(side, now) for side in sides)
    return f"[\n{resources}\n]\n\n" if sides else "[\n]\n"


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.2f}"
    return str(value) if isinstance(value, int) else f'"{value}"'


def _lines(fields: dict[str, object], indent: int) -> str:
    pad = " " * indent
    return ",\n".join(f'{pad}"{key}": {_word(value)}' for key, value in fields.items())


def _resource(side: Side, now: float) -> str:
    head: dict[str, object] = {
        "name": side.spec.name,
        "node-id": side.node_id,
        "role": side.role.value,
    }
    head |= dict.fromkeys(SUSPENSIONS, False)
    head["write-ordering"] = "flush"
    devices = ",\n".join(
        "    {\n" + _lines(_device(side, volume, number), 6) + "\n    }"
        for number, volume in enumerate(side.volumes)
    )
    connections = ",\n".join(_connection(side, c, now) for c in side.connections.values())
    return (
        "{\n" + _lines(head, 2) + ",\n"
        f'  "devices": [\n{devices} ],\n'
        f'  "connections": [\n{connections} ]\n' + "}"
    )


def _device(side: Side, volume: Volume, number: int) -> dict[str, object]:
    return {
        "volume": number,
        "minor": volume.spec.minor,
        "disk-state": volume.disk.value,
        "client": False,
        "quorum": side.has_quorum,
        "size": volume.size,
        "read": volume.read,
        "written": volume.written,
        "al-writes": volume.al_writes,
        "bm-writes": volume.bm_writes,
        "upper-pending": 0,
        "lower-pending": 0,
    }


def _connection(side: Side, connection: Connection, now: float) -> str:
    peers = ",\n".join(
        "        {\n" + _lines(_peer(volume, device, now), 10) + "\n        }"
        for volume, device in zip(side.volumes, connection.devices, strict=True)
    )
    number = side.spec.nodes.index(connection.peer)
    return (
        "    {\n"
        f'      "peer-node-id": {number},\n'
        f'      "name": "{connection.peer}",\n'
        f'      "connection-state": "{connection.state.value}", \n'
        '      "congested": false,\n'
        f'      "peer-role": "{connection.peer_role.value}",\n'
        '      "ap-in-flight": 0,\n'
        '      "rs-in-flight": 0,\n'
        f'      "peer_devices": [\n{peers} ]\n'
        "    }"
    )


def _peer(volume: Volume, device: PeerDevice, now: float) -> dict[str, object]:
    course = device.course
    fields: dict[str, object] = {
        "volume": device.number,
        "replication-state": device.repl.value,
        "peer-disk-state": device.peer_disk.value,
        "peer-client": False,
        "resync-suspended": device.suspended,
        "received": device.received,
        "sent": device.sent,
        "out-of-sync": device.out_of_sync,
        "pending": 0,
        "unacked": 0,
        "has-sync-details": course is not None and device.repl.value not in IDLE,
        "has-online-verify-details": device.repl in VERIFYING,
        "percent-in-sync": _percent(device.out_of_sync, volume.size),
    }
    return fields | _details(device, course, now) if course is not None else fields


def _percent(left: float, total: float) -> float:
    return 100 * (1 - left / max(total, 1))


def _details(device: PeerDevice, course: Course, now: float) -> dict[str, object]:
    recent, average = course.speeds(now)
    mark, left_then = course.marks[0]
    done, lately = course.total - course.left, left_then - course.left
    paused = int(course.paused_for * 1000)
    since, since_mark = int((now - course.began) * 1000), int((now - mark) * 1000)
    verifies = device.repl in VERIFYING
    details: dict[str, object] = {
        "rs-total": int(course.total * 2),
        "rs-dt-start-ms": since,
        "rs-paused-ms": paused,
        "rs-dt0-ms": since,
        "rs-db0-sectors": int(done * 2),
        "rs-dt1-ms": since_mark,
        "rs-db1-sectors": int(lately * 2),
    }
    details |= _verify(device, course) if verifies else {"rs-failed": 0, "rs-same-csum": 0}
    wants = device.repl in (Repl.TARGET, Repl.VERIFY_SOURCE)
    seconds = int(course.left / recent) if recent else 0
    return details | {
        "want": course.rate / 1024 if wants else 0.0,
        "db0/dt0 [MiB/s]": average / 1024,
        "db1/dt1 [MiB/s]": recent / 1024,
        "estimated-seconds-to-finish": seconds,
        "db/dt [MiB/s]": average / 1024,
        "percent-resync-done": _percent(course.left, course.total),
    }


def _verify(device: PeerDevice, course: Course) -> dict[str, object]:
    return {
        "ov-start-sector": 0,
        "ov-stop-sector": -1 if device.repl is Repl.VERIFY_SOURCE else 0,
        "ov-position": int((course.total - course.left) * 2),
        "ov-left": int(course.left * 2),
        "ov-skipped": 0,
    }
