"""What every answer of the cluster tells otherwise than it is: a node's name, a node's clock.

The world keeps its names and its time; only what leaves and what comes in is translated, so that a
client sees a cluster whose node has another name since a moment ago, or whose clock is hours off.
"""

import re
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from urllib.parse import parse_qsl, urlencode

import msgspec

from hapanel.lab.net.http import Request, Response

_UPID = re.compile(r"UPID:([^:]+):([0-9A-Fa-f]{8}):([0-9A-Fa-f]{8,9}):([0-9A-Fa-f]{8}):")
_MOMENTS = frozenset(("starttime", "endtime", "timestamp"))
_ASKED_MOMENTS = frozenset(("since", "until"))


@dataclass
class Disguise:
    """names: a node's own name -> how it is called now. skews: own name -> seconds ahead."""

    names: dict[str, str] = field(default_factory=dict)
    skews: dict[str, float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.names or self.skews)

    def read(self, request: Request) -> Request:
        """The request in the world's own words."""
        back = {new: old for old, new in self.names.items()}
        path = _renamed(request.path, back)
        path = _UPID.sub(lambda found: self._restamped(found, -1), path)
        query = request.query
        if any(f"{name}=" in query for name in _ASKED_MOMENTS):
            skew = next((s for n, s in self.skews.items() if f"/nodes/{n}/" in path), 0.0)
            pairs = parse_qsl(query, keep_blank_values=True)
            query = urlencode([(n, _earlier(n, value, skew)) for n, value in pairs])
        return replace(request, path=path, query=query, body=self._read_body(request.body, back))

    def _read_body(self, body: bytes, back: dict[str, str]) -> bytes:
        return _renamed(body.decode("utf-8", "replace"), back).encode() if body and back else body

    def told(self, answer: Response, node: str, now: float) -> Response:
        """The answer of `node` in the disguise's words; `now` is the world's time."""
        headers = dict(answer.headers)
        if node in self.skews:
            headers["Date"] = formatdate(now + self.skews[node], usegmt=True)
        if answer.status != 200 or not answer.body:
            return replace(answer, headers=headers)
        value = self._restate(msgspec.json.decode(answer.body), None)
        return replace(answer, body=msgspec.json.encode(value), headers=headers)

    def _restate(self, value: object, node: str | None) -> object:
        if isinstance(value, dict):
            node = str(value.get("node", node))
            return {
                _renamed(key, self.names): self._of_row(key, item, node)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self._restate(item, node) for item in value]
        return self._text(value) if isinstance(value, str) else value

    def _of_row(self, key: str, item: object, node: str) -> object:
        if key in _MOMENTS and isinstance(item, (int, float)):
            return item + int(self.skews.get(node, 0))
        # `master` is also what the HA manager calls its own row.
        if key == "type" or (key == "id" and item in self.names):
            return item
        return self._restate(item, node)

    def _text(self, text: str) -> str:
        restamped = _UPID.sub(lambda found: self._restamped(found, 1), text)
        return _renamed(restamped, self.names)

    def _restamped(self, found: re.Match[str], direction: int) -> str:
        node, pid, pstart, stamp = found.groups()
        moment = int(stamp, 16) + direction * int(self.skews.get(node, 0))
        return f"UPID:{node}:{pid}:{pstart}:{moment:08X}:"


def other_cluster(body: object) -> object:
    """The answer of a cluster that is built alike and is another one: its own name, other nodes,
    other guests under the same numbers."""
    if isinstance(body, list):
        return [other_cluster(item) for item in body]
    if not isinstance(body, dict):
        return body
    changed = {key: other_cluster(item) for key, item in body.items()}
    for key in ("node", "name"):
        if isinstance(changed.get(key), str):
            changed[key] = f"other{changed[key]}"
    return changed


def _renamed(text: str, names: dict[str, str]) -> str:
    for old, new in names.items():
        text = re.sub(rf"(?<![\w.-]){re.escape(old)}(?![\w.-])", new, text)
    return text


def _earlier(name: str, value: str, skew: float) -> str:
    moment = name in _ASKED_MOMENTS and value.isdigit()
    return str(max(0, int(value) - int(skew))) if moment else value
