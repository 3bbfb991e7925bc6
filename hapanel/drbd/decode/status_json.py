"""`drbdsetup status --json` of DRBD 9 (8.4 has none): decoded through the same pairs as the text.

Keys have spaces (`db1/dt1 [MiB/s]`), `rs-total` counts sectors and `out-of-sync` KiB. An answer cut
in the middle is closed behind its last whole value, so that what came before is still read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from hapanel.drbd.decode.assemble import PeerFields, ResourceFields, resource
from hapanel.drbd.decode.gaps import Gaps, bounded
from hapanel.ports.replication import NodeStatus, Series

_RENAMED: Mapping[str, str] = {
    "disk-state": "disk",
    "peer-disk-state": "peer-disk",
    "replication-state": "replication",
    "connection-state": "connection",
    "peer-role": "role",
    "backing_dev": "backing_dev",
    "name": "conn-name",
    "db1/dt1 [MiB/s]": "dbdt1",
    "estimated-seconds-to-finish": "eta",
    "percent-resync-done": "done",
}
_SUSPENSIONS = ("user", "no-data", "fencing", "quorum")
_NOT_A_NUMBER = re.compile(r":\s*-?(?:nan|inf)\b", re.IGNORECASE)
_CLOSING = {"{": "}", "[": "]"}


def status_json(text: str) -> NodeStatus:
    """All resources of a JSON status; what is no resource is said."""
    gaps = Gaps()
    answer = _parsed(bounded(text, gaps), gaps)
    resources: dict[str, ResourceFields] = {}
    for one in answer if isinstance(answer, list) else [answer]:
        name = one.get("name") if isinstance(one, dict) else None
        if isinstance(name, str):
            resources[name] = _resource(one)
        elif one is not None:
            gaps.note(1, str(one)[:200])
    return NodeStatus(
        resources=tuple(resource(name, one, Series.V9) for name, one in resources.items()),
        series=Series.V9 if resources else Series.UNKNOWN,
        complete=gaps.complete,
        not_understood=tuple(gaps.found),
    )


def _parsed(text: str, gaps: Gaps) -> Any:
    whole = _NOT_A_NUMBER.sub(": null", text)
    try:
        return json.loads(whole)
    except (ValueError, RecursionError) as error:
        place = getattr(error, "lineno", 1)
        gaps.note(place, "".join(whole.split("\n")[place - 1 : place]) or "it ends here")
    try:
        return json.loads(_closed(whole))
    except (ValueError, RecursionError):
        return []


def _closed(text: str) -> str:
    """The beginning of `text` up to its last whole value, with every open bracket closed."""
    opened: list[str] = []
    safe, ends = 0, ""
    quoted = escaped = False
    for place, sign in enumerate(text):
        if quoted:
            quoted, escaped = escaped or sign != '"', not escaped and sign == "\\"
        elif sign == '"':
            quoted = True
        elif sign in _CLOSING:
            opened.append(_CLOSING[sign])
        elif opened and sign == opened[-1]:
            opened.pop()
            safe, ends = place + 1, "".join(reversed(opened))
        elif sign == "," and opened:
            safe, ends = place, "".join(reversed(opened))
    return text[:safe] + ends


def _pairs(values: Mapping[str, Any]) -> dict[str, str]:
    """The scalar values as text, under the names that the text forms have."""
    return {
        _RENAMED.get(key, key): {True: "yes", False: "no"}.get(value, str(value))
        if isinstance(value, bool)
        else str(value)
        for key, value in values.items()
        if isinstance(value, str | int | float)
    }


def _children(values: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = values.get(key)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _volumes(values: Mapping[str, Any], key: str) -> dict[str, dict[str, str]]:
    rows = [_pairs(one) for one in _children(values, key)]
    return {row["volume"]: row for row in rows if "volume" in row}


def _resource(values: Mapping[str, Any]) -> ResourceFields:
    own = _pairs(values)
    if own.get("suspended") == "yes":
        held = [reason for reason in _SUSPENSIONS if values.get(f"suspended-{reason}") is True]
        own["suspended"] = ",".join(held) or "unknown"
    peers = {}
    for one in _children(values, "connections"):
        pairs = _pairs(one)
        peers[pairs.get("peer-node-id", pairs.get("conn-name", ""))] = PeerFields(
            pairs, _volumes(one, "peer_devices")
        )
    return ResourceFields(own, _volumes(values, "devices"), peers)
