"""/proc/drbd: in 8.4 the whole state, in 9 the version alone (recordings)."""

from hapanel.lab.drbd.rows import is_log_suspended
from hapanel.lab.drbd.side import (
    PAUSED,
    VERIFYING,
    Conn,
    Connection,
    Course,
    PeerDevice,
    Repl,
    Side,
    Volume,
)
from hapanel.lab.drbd.spec import Version

HEAD = {
    Version.V84: "version: 8.4.11 (api:1/proto:86-101)\nsrcversion: F73C670A7EC572DB9CF3E5B \n",
    Version.V9: (
        "version: 9.2.18 (api:2/proto:118-124)\n"
        "GIT-hash: a7afc67e5 (drbd-9.2.18) build by @vm, 2026-11-23 06:12:02\n"
        "Transports (api:21): tcp (9.2.18)\n"
    ),
}
CONNECTIONS = {Conn.CONNECTING: "WFConnection"}
BIT_KIB = 4
IN_MEBIBYTES_FROM = 4 * 1024 * 1024
BAR = 20


def proc_drbd(sides: list[Side], version: Version, now: float) -> str:
    """The file's text on a node with these resources up."""
    text = HEAD[version]
    if version is Version.V84:
        for side in sides:
            for number, volume in enumerate(side.volumes):
                text += _device(side, volume, number, now)
    return text


def connection_state(connection: Connection, device: PeerDevice) -> str:
    """`cs:`, which tells replication where there is one; drbdadm cstate says the same."""
    if connection.is_up and device.repl not in (Repl.ESTABLISHED, Repl.OFF):
        return device.repl.value
    return CONNECTIONS.get(connection.state, connection.state.value)


def _device(side: Side, volume: Volume, number: int, now: float) -> str:
    connection = next(iter(side.connections.values()))
    device = connection.devices[number]
    stands_alone = connection.state is Conn.STANDALONE
    protocol = " " if stands_alone else side.spec.net.get("protocol", "C")
    flags = [
        "r",
        "-",
        "p" if device.peer_is_paused else "-",
        "u" if device.is_paused else "-",
        "-",
        "s" if is_log_suspended(side, volume) else "-",
    ]
    text = (
        f"{volume.spec.minor:2d}: cs:{connection_state(connection, device)}"
        f" ro:{side.role.value}/{connection.peer_role.value}"
        f" ds:{volume.disk.value}/{device.peer_disk.value} {protocol} {''.join(flags)}\n"
        f"    ns:{device.sent} nr:{device.received} dw:{volume.written} dr:{volume.read}"
        f" al:{volume.al_writes} bm:{volume.bm_writes} lo:0 pe:0 ua:0 ap:0 ep:1 wo:f"
        f" oos:{device.out_of_sync}\n"
    )
    if device.course is not None and device.repl not in PAUSED:
        text += _progress(device, device.course, now)
    return text


def _progress(device: PeerDevice, course: Course, now: float) -> str:
    """Two lines; the percentage moves in steps of 4 MiB, as the kernel counts bits."""
    left, total = int(course.left), int(course.total)
    whole = 1 + (total // BIT_KIB >> 10)
    thousandths = 1000 - (left // BIT_KIB >> 10) * 1000 // whole
    filled = thousandths // (1000 // BAR)
    bar = "=" * (filled - 1) + ">" + "." * (BAR - filled)
    word = "verified" if device.repl in VERIFYING else "sync'ed"
    in_mib = total > IN_MEBIBYTES_FROM
    amount = f"({left >> 10}/{total >> 10})M" if in_mib else f"({left}/{total})K"
    recent, average = (int(speed) for speed in course.speeds(now))
    seconds = left // recent if recent else 0
    clock = f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    wants = device.repl in (Repl.TARGET, Repl.VERIFY_SOURCE)
    want = f" want: {int(course.rate):,}" if wants else ""
    return (
        f"\t[{bar}] {word}:{thousandths // 10:3d}.{thousandths % 10}% {amount}\n"
        f"\tfinish: {clock} speed: {recent:,} ({average:,}){want} K/sec\n"
    )
