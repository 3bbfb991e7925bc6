"""/proc/drbd of DRBD 8.3 and 8.4: one block a minor. DRBD 9 has only its version there.

It knows no resource names, so each minor becomes a resource `minor-N` of one volume, as DRBD itself
calls it for its helpers; `combine` puts them where they belong. Percent is computed from what is
left of the total: `sync'ed:` moves in steps of 4 MiB, and `done:` of the status is of the device.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import msgspec

from hapanel.drbd.decode.assemble import PAUSED, SYNCING, VERIFYING
from hapanel.drbd.decode.gaps import Gaps, bounded, without_torn_end
from hapanel.drbd.decode.words import (
    disks,
    integer,
    kib,
    link_and_replication,
    roles,
    share_done,
)
from hapanel.kernel.units import KIB, MIB
from hapanel.ports.replication import (
    DiskState,
    NodeStatus,
    Pause,
    Peer,
    PeerVolume,
    ReplicationState,
    ResourceState,
    Role,
    Series,
    Suspension,
    Volume,
)

_VERSION = re.compile(r"version:\s*(\d+\.\d+\S*)")
_HEAD = re.compile(
    r"\s{0,3}(\d{1,7}): cs:(\S+)(?: (?:ro|st):(\S+) ds:(\S+)(?: ([ABC ]))?(?: +(\S{1,8}))?)?.*"
)
_COUNTERS = re.compile(r"\b([a-z]{2,3}):(\d+|[a-z])(?=\s|$)")
_PROGRESS = re.compile(r"(?:sync'ed|verified):\s*[\d.]+%\s*\((\d+)/(\d+)\)([KM]?)")
_PACE = re.compile(r"finish:\s*(\d+):(\d\d):(\d\d)\s+speed:\s*([\d,]+)")
_HARMLESS = ("GIT-hash:", "srcversion:", "Transports", "resync:", "act_log:", "[", "\t0%")


@dataclass(frozen=True, slots=True)
class _Minor:
    """One block while it is read. `flags` are the six signs behind the protocol letter."""

    number: int
    state: str
    roles: str
    disks: str
    protocol: str | None
    flags: str
    counters: tuple[tuple[str, str], ...] = ()
    left: int | None = None
    total: int | None = None
    rate: float | None = None
    eta: float | None = None


def proc_drbd(text: str) -> NodeStatus:
    """Every minor in /proc/drbd; without one, at least the version."""
    gaps = Gaps()
    version: str | None = None
    minors: list[_Minor] = []
    for number, line in enumerate(without_torn_end(bounded(text, gaps), gaps).split("\n"), 1):
        head = _HEAD.fullmatch(line)
        if head:
            minors.append(_begun(head))
        elif found := _VERSION.match(line):
            version = found[1]
        elif line.strip() and not (minors and _more(minors, line)) and not _is_harmless(line):
            gaps.note(number, line)
    return NodeStatus(
        resources=tuple(_resource(one) for one in minors),
        series=_series(version),
        version=version,
        complete=gaps.complete,
        not_understood=tuple(gaps.found),
    )


def _series(version: str | None) -> Series:
    if version is None:
        return Series.UNKNOWN
    return Series.V8 if version.startswith("8.") else Series.V9


def _is_harmless(line: str) -> bool:
    return line.strip().startswith(_HARMLESS) or line.strip().startswith("0%")


def _begun(head: re.Match[str]) -> _Minor:
    protocol = (head[5] or "").strip() or None
    return _Minor(int(head[1]), head[2], head[3] or "", head[4] or "", protocol, head[6] or "")


def _more(minors: list[_Minor], line: str) -> bool:
    """Add what `line` tells to the last minor; False when it tells nothing."""
    last = minors[-1]
    if progress := _PROGRESS.search(line):
        unit = MIB if progress[3] == "M" else KIB
        left, total = integer(progress[1]), integer(progress[2])
        if left is not None and total is not None:
            minors[-1] = replace(last, left=left * unit, total=total * unit)
        return True
    if pace := _PACE.search(line):
        hours, minutes, seconds = integer(pace[1]), int(pace[2]), int(pace[3])
        rate = kib(pace[4])
        if hours is not None and rate:
            eta = float(hours * 3600 + minutes * 60 + seconds)
            minors[-1] = replace(last, rate=float(rate), eta=eta)
        return True
    counters = tuple((found[1], found[2]) for found in _COUNTERS.finditer(line))
    if counters:
        minors[-1] = replace(last, counters=last.counters + counters)
    return bool(counters)


def _resource(minor: _Minor) -> ResourceState:
    unknown: dict[str, str] = {}
    peer_unknown: dict[str, str] = {}
    connection, replication = link_and_replication(minor.state, peer_unknown)
    role, peer_role = roles(minor.roles, unknown)
    disk, peer_disk = disks(minor.disks, unknown)
    if minor.state == "Unconfigured":
        # The kernel writes this word for exactly these three: StandAlone, Secondary, Diskless.
        role, disk, peer_disk = Role.SECONDARY, DiskState.DISKLESS, DiskState.DUNKNOWN
    for field in [one for one in unknown if one.startswith("peer_")]:
        peer_unknown[field.removeprefix("peer_")] = unknown.pop(field)
    return ResourceState(
        name=f"minor-{minor.number}",
        role=role,
        suspended=(Suspension.UNKNOWN,) if minor.flags.startswith("s") else (),
        volumes=(Volume(number=0, minor=minor.number, disk_state=disk, unknown_words=unknown),),
        peers=(
            Peer(
                connection_state=connection,
                role=peer_role,
                protocol=minor.protocol,
                volumes=(_peer_volume(minor, replication, peer_disk, peer_unknown),),
                unknown_words=peer_unknown,
            ),
        ),
    )


def _peer_volume(
    minor: _Minor, state: ReplicationState, disk: DiskState, unknown: dict[str, str]
) -> PeerVolume:
    counters = dict(minor.counters)
    out_of_sync = kib(counters.get("oos"))
    runs = state in SYNCING or state in VERIFYING
    left = minor.left
    if state in SYNCING and out_of_sync is not None and minor.total and minor.total % MIB:
        left = out_of_sync  # exact where the progress line may be rounded to MiB
    volume = PeerVolume(
        number=0,
        replication_state=state,
        disk_state=disk,
        out_of_sync=out_of_sync,
        paused=_pauses(minor.flags),
        sent=kib(counters.get("ns")),
        received=kib(counters.get("nr")),
        unknown_words={name: text for name, text in unknown.items() if name != "connection_state"},
    )
    if not runs:
        return volume
    moves = state not in PAUSED
    return msgspec.structs.replace(
        volume,
        total=minor.total,
        left=left,
        percent=share_done(minor.total, left),
        rate=minor.rate if moves else None,
        eta_seconds=minor.eta if moves else None,
    )


def _pauses(flags: str) -> tuple[Pause, ...]:
    """Who holds the sync: the second to fourth sign (a: dependency, p: peer, u: this node)."""
    held = {"a": Pause.DEPENDENCY, "p": Pause.PEER, "u": Pause.USER}
    found = {held[sign] for sign in flags[1:4] if sign in held}
    return tuple(pause for pause in Pause if pause in found)
