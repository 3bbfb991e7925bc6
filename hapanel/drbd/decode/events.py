"""`drbdsetup events2` as a fold: each line moves the state that the lines before it made.

`exists` and `create` bring something, `change` names only what changed, `destroy` takes it away;
`exists -` ends the dump at the start. 8.4 destroys a link that becomes StandAlone and names its
peer-devices without it; DRBD 9 keeps it. `call helper ... helper:split-brain` is DRBD itself saying
that it found one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hapanel.drbd.decode.assemble import (
    PAUSED,
    SYNCING,
    PeerFields,
    ResourceFields,
    resource,
    series_of,
)
from hapanel.drbd.decode.gaps import Gaps, bounded, without_torn_end
from hapanel.ports.replication import NodeStatus

_VERBS = frozenset({"exists", "create", "change", "destroy", "call", "response", "rename"})
_SYNC_WORDS = frozenset(state.value for state in SYNCING | PAUSED)
_ALIVE_WORDS = _SYNC_WORDS | {"Established", "WFBitMapS", "WFBitMapT", "WFSyncUUID"}
MOST_RESOURCES = 4096


class EventStream:
    """The state that a stream of events2 lines has told so far. Make a new one per stream."""

    def __init__(self) -> None:
        self._resources: dict[str, ResourceFields] = {}
        self._gaps = Gaps()
        self._lines = 0
        self.dumped = False
        """Whether the dump at the start has ended, so that what is missing does not exist."""

    def feed(self, line: str) -> bool:
        """Take in one line (without its newline); True when it may have changed the state."""
        self._lines += 1
        words = line.split()
        if not words:
            return False
        if words[0] not in _VERBS:
            words = words[1:]  # --timestamps
        if len(words) < 2 or words[0] not in _VERBS:
            self._gaps.note(self._lines, line)
            return False
        if words[1] == "-":
            self.dumped = True
            return True
        return self._move(words[0], words[1], _pairs(words[2:]), line)

    def status(self) -> NodeStatus:
        """The state now; incomplete until the dump at the start has ended."""
        series = series_of(self._resources)
        return NodeStatus(
            resources=tuple(
                resource(name, one, series) for name, one in sorted(self._resources.items())
            ),
            series=series,
            complete=self.dumped and self._gaps.complete,
            not_understood=tuple(self._gaps.found),
        )

    def _move(self, verb: str, kind: str, pairs: dict[str, str], line: str) -> bool:
        name = pairs.get("name")
        if name is None:
            self._gaps.note(self._lines, line)
            return False
        if kind == "helper":
            return self._helper(verb, name, pairs)
        if verb == "rename":
            return self._rename(name, pairs.get("new_name"))
        move = _MOVES.get(kind)
        if move is None:
            return False  # a path, or what a later DRBD adds: no state that is judged
        if name not in self._resources and (verb == "destroy" or self._is_full()):
            return False
        move(self._resource(name), verb, pairs)
        if verb == "destroy" and kind == "resource":
            del self._resources[name]
        return True

    def _is_full(self) -> bool:
        return len(self._resources) >= MOST_RESOURCES

    def _resource(self, name: str) -> ResourceFields:
        return self._resources.setdefault(name, ResourceFields({}))

    def _helper(self, verb: str, name: str, pairs: Mapping[str, str]) -> bool:
        if verb != "call" or pairs.get("helper") != "split-brain" or name not in self._resources:
            return False
        self._resources[name].split_brain_called = True
        return True

    def _rename(self, name: str, new_name: str | None) -> bool:
        if new_name is None or name not in self._resources:
            return False
        self._resources[new_name] = self._resources.pop(name)
        return True


def events(lines: Iterable[str]) -> NodeStatus:
    """The state after all `lines` of a stream or of `events2 --now`."""
    stream = EventStream()
    for line in lines:
        stream.feed(line)
    return stream.status()


def events_text(text: str) -> NodeStatus:
    """The state after a recorded stream; a torn last line is dropped and said."""
    gaps = Gaps()
    stream = EventStream()
    for line in without_torn_end(bounded(text, gaps), gaps).split("\n"):
        stream.feed(line)
    status = stream.status()
    if gaps.complete:
        return status
    return NodeStatus(
        resources=status.resources,
        series=status.series,
        complete=False,
        not_understood=(*status.not_understood, *gaps.found),
    )


def _pairs(words: Iterable[str]) -> dict[str, str]:
    pairs = {}
    for word in words:
        key, colon, text = word.partition(":")
        if colon:
            pairs[key] = text
    return pairs


def _move_resource(one: ResourceFields, verb: str, pairs: dict[str, str]) -> None:
    if verb in ("exists", "create"):
        one.own = pairs
    else:
        one.own.update(pairs)


def _move_device(one: ResourceFields, verb: str, pairs: dict[str, str]) -> None:
    number = pairs.get("volume", "0")
    if verb == "destroy":
        one.volumes.pop(number, None)
    elif verb == "change":
        one.volumes.setdefault(number, {}).update(pairs)
    else:
        one.volumes[number] = pairs


def _move_connection(one: ResourceFields, verb: str, pairs: dict[str, str]) -> None:
    key = pairs.get("peer-node-id", "")
    if verb == "destroy":
        one.peers.pop(key, None)
        return
    own = one.peers.setdefault(key, PeerFields({})).own
    if verb != "change":
        own.clear()
    own.update(pairs)


def _move_peer_device(one: ResourceFields, verb: str, pairs: dict[str, str]) -> None:
    key, number = pairs.get("peer-node-id", ""), pairs.get("volume", "0")
    if verb == "destroy":
        if key in one.peers:
            one.peers[key].volumes.pop(number, None)
        return
    volumes = one.peers.setdefault(key, PeerFields({})).volumes
    before = volumes.setdefault(number, {})
    _follow_sync(before, pairs)
    if verb != "change":
        before.clear()
    before.update(pairs)
    if before.get("replication") in _ALIVE_WORDS:
        one.split_brain_called = False


def _follow_sync(before: Mapping[str, str], pairs: dict[str, str]) -> None:
    """A sync that starts has its whole total out of sync: 8.4 tells it nowhere else."""
    state = pairs.get("replication")
    if state is None:
        return
    starts = state in _SYNC_WORDS and before.get("replication") not in _SYNC_WORDS
    whole = pairs.get("out-of-sync", "")
    known = before.get("replication") not in (None, state)
    if starts and known and whole.isdigit():
        pairs["rs-total"] = str(2 * int(whole[:18]))
    elif state not in _SYNC_WORDS:
        pairs["rs-total"] = ""


_MOVES = {
    "resource": _move_resource,
    "device": _move_device,
    "connection": _move_connection,
    "peer-device": _move_peer_device,
}
