"""Several answers of one node made into one picture of it.

DRBD 8.4 spreads what it knows: names in the status, StandAlone links, protocol and a sync's total
only in /proc/drbd, data generation ids in get-gi.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from hapanel.drbd.decode.words import share_done
from hapanel.ports.replication import (
    Generations,
    NodeStatus,
    Peer,
    PeerVolume,
    ReplicationState,
    ResourceState,
    Series,
    Volume,
)


def with_proc_drbd(status: NodeStatus, proc: NodeStatus) -> NodeStatus:
    """`status` with what only /proc/drbd of the same moment tells, found by minor number.

    The two are read one after the other, so a link on which they disagree keeps the status's word;
    only a state that the status did not print is taken over.
    """
    minors = {volume.minor: one for one in proc.resources for volume in one.volumes if one.peers}
    known = status.series if status.series is not Series.UNKNOWN else proc.series
    return replace(
        status,
        resources=tuple(_resource_with(one, minors) for one in status.resources),
        series=known,
        version=proc.version or status.version,
    )


def _resource_with(
    resource: ResourceState, minors: Mapping[int | None, ResourceState]
) -> ResourceState:
    found = {
        volume.number: minors[volume.minor] for volume in resource.volumes if volume.minor in minors
    }
    if not found or len(resource.peers) != 1:
        return resource
    peer = resource.peers[0]
    told = next(iter(found.values())).peers[0]
    volumes = tuple(
        _volume_with(one, found[one.number].peers[0].volumes[0], resource.volume(one.number), peer)
        if one.number in found
        else one
        for one in peer.volumes
    )
    if peer.inferred:
        peer = replace(peer, connection_state=told.connection_state, role=told.role, inferred=False)
    peer = replace(peer, protocol=told.protocol or peer.protocol, volumes=volumes)
    return replace(resource, peers=(peer,))


def _volume_with(
    said: PeerVolume, proc: PeerVolume, volume: Volume | None, peer: Peer
) -> PeerVolume:
    if peer.inferred:
        size = volume.size if volume else None
        return replace(proc, number=said.number, in_sync_percent=share_done(size, proc.out_of_sync))
    if said.replication_state is not proc.replication_state or proc.total is None:
        return said
    is_sync = proc.left == proc.out_of_sync
    left = said.out_of_sync if is_sync and said.out_of_sync is not None else proc.left
    return replace(
        said,
        total=proc.total,
        left=left,
        percent=share_done(proc.total, left),
        rate=proc.rate if said.rate is None else said.rate,
        eta_seconds=proc.eta_seconds if said.eta_seconds is None else said.eta_seconds,
    )


def with_generations(resource: ResourceState, lines: Sequence[Generations]) -> ResourceState:
    """`resource` with its generation ids, a line of get-gi a volume and peer, volumes first.

    When the number of lines fits neither, none is believed: an id at the wrong volume would be
    evidence against the wrong data.
    """
    numbers = [volume.number for volume in resource.volumes]
    peers = resource.peers
    each = len(peers) if len(lines) == len(numbers) * len(peers) else 1
    if not lines or not peers or len(lines) != len(numbers) * each:
        return resource
    placed = {
        (number, place): lines[row * each + (place if each > 1 else 0)]
        for row, number in enumerate(numbers)
        for place in range(len(peers))
    }
    return replace(
        resource,
        peers=tuple(_peer_with(peer, place, placed, numbers) for place, peer in enumerate(peers)),
    )


def _not_shown(number: int) -> PeerVolume:
    return PeerVolume(number=number, replication_state=ReplicationState.OFF)


def _peer_with(
    peer: Peer,
    place: int,
    placed: Mapping[tuple[int, int], Generations],
    numbers: Sequence[int],
) -> Peer:
    shown = {one.number: one for one in peer.volumes}
    return replace(
        peer,
        volumes=tuple(
            replace(
                shown.get(
                    number, PeerVolume(number=number, replication_state=ReplicationState.OFF)
                ),
                generations=placed[number, place],
            )
            for number in numbers
        ),
    )
