"""What a node's new answer changes in a resource: compared without what only measures. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from hapanel.observe.events import Fact, Happening
from hapanel.ports.replication import Peer, PeerVolume, ResourceState, Role, Volume


def without_figures(state: ResourceState) -> ResourceState:
    """The state without what moves all the time, so that it is written when it changes only."""
    return replace(
        state,
        volumes=tuple(_volume(one) for one in state.volumes),
        peers=tuple(_peer(one) for one in state.peers),
    )


def _volume(volume: Volume) -> Volume:
    return replace(volume, read=None, written=None)


def _peer(peer: Peer) -> Peer:
    return replace(peer, congested=None, volumes=tuple(_peer_volume(one) for one in peer.volumes))


def _peer_volume(volume: PeerVolume) -> PeerVolume:
    return replace(
        volume,
        out_of_sync=None,
        total=None,
        left=None,
        percent=None,
        in_sync_percent=None,
        rate=None,
        eta_seconds=None,
        sent=None,
        received=None,
    )


def happenings(node: str, before: ResourceState | None, now: ResourceState) -> Iterator[Happening]:
    """The lines that the step from `before` to `now` is worth in the history."""
    if before is None:
        return
    if before.role is not now.role and Role.UNKNOWN not in (before.role, now.role):
        yield _changed(Fact.DRBD_ROLE_CHANGED, node, now.name, before.role, now.role)
    old = {volume.number: volume.disk_state for volume in before.volumes}
    for volume in now.volumes:
        was = old.get(volume.number)
        if was is not None and was is not volume.disk_state:
            yield _changed(Fact.DRBD_DISK_CHANGED, node, now.name, was, volume.disk_state)
    links = [link_word(peer) for peer in before.peers]
    for place, peer in enumerate(now.peers):
        word = link_word(peer)
        if place < len(links) and links[place] != word:
            change = _changed(Fact.DRBD_LINK_CHANGED, node, now.name, links[place], word)
            change.params["peer"] = peer.name or ""
            yield change


def _changed(fact: Fact, node: str, name: str, before: str, now: str) -> Happening:
    return Happening(fact, name, {"node": node, "before": str(before), "now": str(now)})


def is_told_by_other_end(change: Happening, told: Mapping[str, Any]) -> bool:
    """Whether `told`, the parameters of an earlier line, is the same change of the same link, as
    its other end saw it. 8.4 does not name its peers, and has one alone."""
    mine, theirs = change.params, told
    return (
        theirs.get("node") != mine["node"]
        and theirs.get("peer") in {"", None, mine["node"]}
        and mine["peer"] in {"", theirs.get("node")}
        and _seen_from_either(theirs.get("now", "")) == _seen_from_either(mine["now"])
    )


def _seen_from_either(word: str) -> str:
    """The word without the end that says it: SyncSource and SyncTarget are one sync."""
    return _ENDS.sub("", word)


_ENDS = re.compile(r"(?<=Sync)(Source|Target|S|T)$|(?<=BitMap)[ST]$|(?<=Verify)[ST]$")


def link_word(peer: Peer) -> str:
    """One word for a link, as drbdadm cstate has it: replication's where the link stands."""
    states = [volume.replication_state for volume in peer.volumes]
    busy = next((one.value for one in states if one.value not in {"Off", "Established"}), None)
    return busy if busy and busy != "unknown" else peer.connection_state.value
