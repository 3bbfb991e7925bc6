"""`drbdadm role`, `cstate` and `dstate`: bare words, without names.

8.4 prints `Primary/Unknown` and one word for link and replication; 9 prints its own role, a line of
connection a peer, and this node's disk followed by each peer's.
"""

from __future__ import annotations

from hapanel.drbd.decode.words import link_and_replication, word
from hapanel.ports.replication import (
    ConnectionState,
    DiskState,
    Peer,
    PeerVolume,
    ReplicationState,
    ResourceState,
    Role,
    Volume,
)

_MOST_LINES = 256


def resource_of_words(name: str, role: str, cstate: str, dstate: str) -> ResourceState:
    """One resource out of the stdout of the three commands; any of them may be empty.

    A line of dstate is a volume; its values after the first are the peers' copies.
    """
    unknown: dict[str, str] = {}
    own_role, old, peer_role = role.strip().partition("/")
    rows = [line.split("/") for line in dstate.split()[:_MOST_LINES]]
    links = cstate.split()[:_MOST_LINES]
    peers = tuple(
        _peer(place, text, peer_role if len(links) == 1 else "", rows, is_old=bool(old))
        for place, text in enumerate(links)
    )
    if own_role == "Unconfigured":
        own_role = Role.SECONDARY.value
    return ResourceState(
        name=name,
        role=word(Role, own_role, "role", unknown),
        volumes=tuple(_volume(number, row[0]) for number, row in enumerate(rows)),
        peers=peers,
        unknown_words=unknown,
    )


def _volume(number: int, text: str) -> Volume:
    unknown: dict[str, str] = {}
    plain = DiskState.DISKLESS.value if text == "Unconfigured" else text
    return Volume(
        number=number,
        disk_state=word(DiskState, plain, "disk_state", unknown),
        unknown_words=unknown,
    )


def _peer(place: int, text: str, role: str, rows: list[list[str]], *, is_old: bool) -> Peer:
    unknown: dict[str, str] = {}
    connection, replication = link_and_replication(text, unknown)
    if connection is ConnectionState.CONNECTED and not is_old:
        replication = ReplicationState.UNKNOWN  # 9 says Connected while it syncs, too
    volumes = tuple(
        _peer_volume(number, row[place + 1], replication)
        for number, row in enumerate(rows)
        if len(row) > place + 1
    )
    return Peer(
        connection_state=connection,
        role=word(Role, role, "role", unknown),
        volumes=volumes,
        unknown_words=unknown,
    )


def _peer_volume(number: int, disk: str, replication: ReplicationState) -> PeerVolume:
    unknown: dict[str, str] = {}
    return PeerVolume(
        number=number,
        replication_state=replication,
        disk_state=word(DiskState, disk, "disk_state", unknown),
        unknown_words=unknown,
    )
