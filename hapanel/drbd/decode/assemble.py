"""Snapshots out of the key:value pairs that text status, JSON status and events2 have in common.

The keys are those of drbdsetup's text forms; status_json translates its own to them. Rates are in
MiB/s there, sizes in KiB, sync totals in sectors (recorded from 8.4.11 and 9.2.18).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hapanel.drbd.decode.words import (
    decimal,
    integer,
    kib,
    pauses,
    sectors,
    share_done,
    word,
    yes,
)
from hapanel.kernel.units import MIB
from hapanel.ports.replication import (
    ConnectionState,
    DiskState,
    Peer,
    PeerVolume,
    ReplicationState,
    ResourceState,
    Role,
    Series,
    Suspension,
    Volume,
)

Fields = Mapping[str, str]

SYNCING = frozenset(
    {
        ReplicationState.SYNC_SOURCE,
        ReplicationState.SYNC_TARGET,
        ReplicationState.PAUSED_SYNC_S,
        ReplicationState.PAUSED_SYNC_T,
    }
)
PAUSED = frozenset({ReplicationState.PAUSED_SYNC_S, ReplicationState.PAUSED_SYNC_T})
VERIFYING = frozenset({ReplicationState.VERIFY_S, ReplicationState.VERIFY_T})

# Keys that only DRBD 9's drbdsetup prints.
_KEYS_OF_9 = frozenset(
    {"node-id", "may_promote", "force-io-failures", "client", "quorum", "backing_dev"}
)


@dataclass(slots=True)
class PeerFields:
    """One link as it was read: its own pairs and those of its volumes, by number."""

    own: dict[str, str]
    volumes: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(slots=True)
class ResourceFields:
    """One resource as it was read. `plain` is status without --verbose, which leaves out states."""

    own: dict[str, str]
    volumes: dict[str, dict[str, str]] = field(default_factory=dict)
    peers: dict[str, PeerFields] = field(default_factory=dict)
    plain: bool = False
    split_brain_called: bool = False


def series_of(resources: Mapping[str, ResourceFields]) -> Series:
    """Which DRBD printed these pairs: 9 has keys of its own."""
    plain = False
    for one in resources.values():
        plain = plain or one.plain
        keys = set(one.own).union(*one.volumes.values())
        if keys & _KEYS_OF_9 or len(one.peers) > 1:
            return Series.V9
    return Series.UNKNOWN if plain or not resources else Series.V8


def resource(name: str, fields: ResourceFields, series: Series) -> ResourceState:
    """One resource. A series that hides StandAlone links gets the link that must be there."""
    unknown: dict[str, str] = {}
    role = word(Role, fields.own.get("role"), "role", unknown)
    volumes = tuple(_volume(number, one) for number, one in _by_number(fields.volumes))
    sizes = {one.number: one.size for one in volumes}
    peers = tuple(_peer(one, sizes, fields.plain, series) for one in fields.peers.values())
    if not peers and volumes and series is not Series.V9:
        peers = (_hidden_link(volumes),)
    return ResourceState(
        name=name,
        role=role,
        node_id=integer(fields.own.get("node-id")),
        suspended=_suspensions(fields.own.get("suspended")),
        may_promote=yes(fields.own.get("may_promote")),
        volumes=volumes,
        peers=peers,
        split_brain_called=fields.split_brain_called,
        unknown_words=unknown,
    )


def _by_number(volumes: Mapping[str, dict[str, str]]) -> list[tuple[int, dict[str, str]]]:
    numbered = ((integer(text), one) for text, one in volumes.items())
    return sorted(((number, one) for number, one in numbered if number is not None), key=_first)


def _first(pair: tuple[int, dict[str, str]]) -> int:
    return pair[0]


def _hidden_link(volumes: tuple[Volume, ...]) -> Peer:
    """8.4's status prints no peer at all when the link is StandAlone, and looks healthy so."""
    return Peer(
        connection_state=ConnectionState.STANDALONE,
        inferred=True,
        volumes=tuple(
            PeerVolume(
                number=one.number,
                replication_state=ReplicationState.OFF,
                disk_state=DiskState.DUNKNOWN,
            )
            for one in volumes
        ),
    )


def _suspensions(text: str | None) -> tuple[Suspension, ...]:
    if text is None or text == "no":
        return ()
    said = text.split(",")
    known = tuple(one for one in Suspension if one.value in said)
    return known or (Suspension.UNKNOWN,)


def _volume(number: int, fields: Fields) -> Volume:
    unknown: dict[str, str] = {}
    device = fields.get("backing_dev")
    return Volume(
        number=number,
        minor=integer(fields.get("minor")),
        disk_state=word(DiskState, fields.get("disk"), "disk_state", unknown),
        backing_device=None if device in (None, "none") else device,
        size=kib(fields.get("size")),
        quorum=yes(fields.get("quorum")),
        client=yes(fields.get("client")),
        read=kib(fields.get("read")),
        written=kib(fields.get("written")),
        unknown_words=unknown,
    )


def _peer(fields: PeerFields, sizes: Mapping[int, int | None], plain: bool, series: Series) -> Peer:
    unknown: dict[str, str] = {}
    own = fields.own
    connection = word(ConnectionState, own.get("connection"), "connection_state", unknown)
    inferred = False
    if plain and "connection" not in own and "role" in own:
        # Without --verbose a link that stands is not said to.
        connection, inferred = ConnectionState.CONNECTED, True
    elif not own and series is Series.V8:
        connection, inferred = ConnectionState.STANDALONE, True
    name = own.get("conn-name")
    return Peer(
        name=None if name == "peer" and series is not Series.V9 else name,
        node_id=integer(own.get("peer-node-id", own.get("node-id"))),
        connection_state=connection,
        role=word(Role, own.get("role"), "role", unknown),
        congested=yes(own.get("congested")),
        volumes=tuple(
            peer_volume(number, one, sizes.get(number), plain and inferred)
            for number, one in _by_number(fields.volumes)
        ),
        inferred=inferred,
        unknown_words=unknown,
    )


def peer_volume(number: int, fields: Fields, size: int | None, stands: bool) -> PeerVolume:
    """One volume of a link; `stands` says that an unprinted replication state is Established."""
    unknown: dict[str, str] = {}
    state = word(ReplicationState, fields.get("replication"), "replication_state", unknown)
    if stands and "replication" not in fields:
        state = ReplicationState.ESTABLISHED
    out_of_sync = kib(fields.get("out-of-sync"))
    total, left, percent = _progress(state, fields, out_of_sync)
    rate, eta = _pace(state, fields)
    return PeerVolume(
        number=number,
        replication_state=state,
        disk_state=word(DiskState, fields.get("peer-disk"), "disk_state", unknown),
        out_of_sync=out_of_sync,
        total=total,
        left=left,
        percent=percent,
        in_sync_percent=share_done(size, out_of_sync),
        rate=rate,
        eta_seconds=eta,
        paused=pauses(fields.get("resync-suspended")),
        sent=kib(fields.get("sent")),
        received=kib(fields.get("received")),
        client=yes(fields.get("peer-client")),
        unknown_words=unknown,
    )


def _progress(
    state: ReplicationState, fields: Fields, out_of_sync: int | None
) -> tuple[int | None, int | None, float | None]:
    """Total, what is left of it and percent of a running sync or verify, None where untold.

    `done` is believed only of DRBD 9, which prints a rate beside it: 8.4 prints the share of the
    device there, 98.5 at a real 36.
    """
    if state not in SYNCING and state not in VERIFYING:
        return None, None, None
    left = sectors(fields.get("ov-left")) if state in VERIFYING else out_of_sync
    total = sectors(fields.get("rs-total"))
    percent = share_done(total, left)
    if percent is None and "dbdt1" in fields:
        percent = decimal(fields.get("done"))
    return total, left, percent


def _pace(state: ReplicationState, fields: Fields) -> tuple[float | None, float | None]:
    """Bytes a second and seconds to go. DRBD 9 goes on printing both while a sync is paused."""
    rate = decimal(fields.get("dbdt1"))
    if rate is None or state in PAUSED or state not in SYNCING | VERIFYING:
        return None, None
    return rate * MIB, decimal(fields.get("eta"))
