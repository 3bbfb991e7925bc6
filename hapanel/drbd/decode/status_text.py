"""`drbdsetup status` and `drbdadm status` as text, with and without --verbose --statistics.

Indentation tells what a line is: a resource stands at the edge, its volumes and links two spaces
in, the volumes of a link four; deeper ones continue the line before (recorded from 8.4 and 9).
"""

from __future__ import annotations

import re

from hapanel.drbd.decode.assemble import PeerFields, ResourceFields, resource, series_of
from hapanel.drbd.decode.gaps import Gaps, bounded, without_torn_end
from hapanel.ports.replication import NodeStatus

_NO_RESOURCES = "# No currently configured DRBD found."
_PAIR = re.compile(r"([a-zA-Z_][\w-]*):(\S*)")


def status_text(text: str) -> NodeStatus:
    """All resources in the text of a status command; lines that are none are said."""
    reading = _Reading()
    for number, line in enumerate(_lines(text, reading.gaps), 1):
        if line.strip() and not line.startswith(_NO_RESOURCES):
            reading.read(number, line)
    series = series_of(reading.resources)
    return NodeStatus(
        resources=tuple(resource(name, one, series) for name, one in reading.resources.items()),
        series=series,
        complete=reading.gaps.complete,
        not_understood=tuple(reading.gaps.found),
    )


def _lines(text: str, gaps: Gaps) -> list[str]:
    return without_torn_end(bounded(text, gaps), gaps).split("\n")


class _Reading:
    """The resources so far, and the pairs that a continued line belongs to."""

    def __init__(self) -> None:
        self.resources: dict[str, ResourceFields] = {}
        self.gaps = Gaps()
        self._resource: ResourceFields | None = None
        self._peer: PeerFields | None = None
        self._open: dict[str, str] | None = None

    def read(self, number: int, line: str) -> None:
        """Take in one line that is not empty."""
        indent = len(line) - len(line.lstrip(" "))
        tokens = line.split()
        named = ":" not in tokens[0]
        if (named and indent not in (0, 2)) or (indent == 0 and " role:" not in line):
            self.gaps.note(number, line)
            return
        pairs = self._pairs(number, tokens[1:] if named else tokens)
        if indent == 0 and named:
            self._begin_resource(tokens[0], pairs)
        elif self._resource is None:
            self.gaps.note(number, line)
        elif named:
            self._begin_peer(self._resource, tokens[0], pairs)
        else:
            self._volume_or_more(self._resource, number, line, pairs)

    def _pairs(self, number: int, tokens: list[str]) -> dict[str, str]:
        pairs: dict[str, str] = {}
        for token in tokens:
            found = _PAIR.fullmatch(token)
            if found is None:
                self.gaps.note(number, token)
            else:
                pairs[found[1]] = found[2]
        return pairs

    def _begin_resource(self, name: str, pairs: dict[str, str]) -> None:
        # Only --verbose says that nothing is suspended.
        self._resource = ResourceFields(pairs, plain="suspended" not in pairs)
        self.resources[name] = self._resource
        self._peer, self._open = None, pairs

    def _begin_peer(self, resource: ResourceFields, name: str, pairs: dict[str, str]) -> None:
        pairs["conn-name"] = name
        self._peer = PeerFields(pairs)
        resource.peers[name] = self._peer
        self._open = pairs

    def _volume_or_more(
        self, resource: ResourceFields, number: int, line: str, pairs: dict[str, str]
    ) -> None:
        indent = len(line) - len(line.lstrip(" "))
        if indent == 2 and ("volume" in pairs or "disk" in pairs):
            resource.volumes[pairs.get("volume", "0")] = self._open = pairs
        elif indent == 4 and self._peer and pairs.keys() & {"volume", "peer-disk", "replication"}:
            self._peer.volumes[pairs.get("volume", "0")] = self._open = pairs
        elif self._open is None or not pairs:
            self.gaps.note(number, line)
        else:
            self._open.update(pairs)
