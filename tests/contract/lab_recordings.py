"""Compares what the lab says with what was recorded, with nodes renamed and guests renumbered."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tests.contract.lab_process import Answer, LabProcess, token_header
from tests.contract.task_logs import log_differences

NODES = {"pve1": "alpha", "pve2": "beta", "pve3": "gamma"}
GUEST_SHIFT = 1000


def renamed(text: str) -> str:
    """The recorded text in the words of the replayed cluster."""
    for old, new in NODES.items():
        text = re.sub(rf"\b{old}\b", new, text)
    return re.sub(
        r"(?<![\d.])(10[0-9]|16[0-9]|200)(?!\.?\d)", lambda m: str(int(m[1]) + GUEST_SHIFT), text
    )


@dataclass(frozen=True)
class Recording:
    """One recorded exchange."""

    name: str
    node: str
    method: str
    path: str
    params: dict[str, Any]
    auth: str
    status: int
    reason: str
    json: Any


def load(folder: Path, name: str, upids: Mapping[str, str] | None = None) -> Recording:
    """Reads a recording and renames what is in it; `upids` maps recorded tasks to the lab's."""
    whole = json.loads((folder / f"{name}.json").read_text())
    asked, got = whole["request"], whole["response"]
    params = {k: renamed(str(v)) for k, v in (asked["params"] or {}).items()}
    path = renamed(re.sub(r"^/api2/json", "", asked["path"]))
    for theirs, ours in (upids or {}).items():
        path = path.replace(theirs, ours)
    return Recording(
        name=name,
        node=NODES[asked["node"]],
        method=asked["method"],
        path=path,
        params=params,
        auth=asked["auth"] or "none",
        status=got["status"],
        reason=renamed(got["reason"]),
        json=json.loads(renamed(json.dumps(got["json"]))),
    )


def replay(
    lab: LabProcess,
    recording: Recording,
    secrets: Mapping[str, str],
    tickets: Mapping[str, dict[str, str]],
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Asks the lab the same. `secrets` holds token secrets and passwords by id, `tickets` headers
    of who has signed in before (others sign in now); `headers` replace what the recording says.
    """
    if headers is None:
        headers = _headers(lab, recording, secrets, tickets)
    params = dict(recording.params)
    if recording.path == "/access/ticket" and "password" in params:
        params["password"] = _password(params["password"], secrets, tickets)
    return lab.ask(recording.method, recording.path, params, headers=headers, node=recording.node)


def _password(
    recorded: str, secrets: Mapping[str, str], tickets: Mapping[str, dict[str, str]]
) -> str:
    """What stands for the recorded password: the lab's own, or a ticket that is to be renewed."""
    if recorded.startswith("PVE:"):
        cookie = tickets[recorded.split(":")[1]]["Cookie"]
        return unquote(cookie.partition("=")[2])
    return secrets.get(recorded, recorded)


def _headers(
    lab: LabProcess,
    recording: Recording,
    secrets: Mapping[str, str],
    tickets: Mapping[str, dict[str, str]],
) -> dict[str, str]:
    kind, _, rest = recording.auth.partition(" ")
    if kind == "token":
        return token_header(rest, secrets.get(rest, "00000000-0000-0000-0000-000000000000"))
    if kind != "ticket":
        return {}
    user = rest.split(",")[0]
    headers = dict(tickets[user]) if user in tickets else lab.sign_in(user, secrets.get(user))
    if "no csrf" in rest:
        del headers["CSRFPreventionToken"]
    return headers


def differences(recording: Recording, answer: Answer) -> list[str]:
    """What differs: status, reason, body form, key sets, types, error texts."""
    found = []
    if answer.status != recording.status:
        return [f"status {answer.status} {answer.reason!r} instead of {recording.status}"]
    if _unnumbered(answer.reason) != _unnumbered(recording.reason):
        found.append(f"reason {answer.reason!r} instead of {recording.reason!r}")
    if recording.json is None:
        return [*found, *([f"body {answer.body[:80]!r} instead of none"] if answer.body else [])]
    wanted, got = recording.json, answer.json
    if set(wanted) != set(got):
        found.append(f"envelope {sorted(got)} instead of {sorted(wanted)}")
    if re.search(r"/tasks/.*/log$", recording.path) and recording.status == 200:
        return found + log_differences(wanted["data"], got["data"])
    if recording.status != 200:
        return found + _text_differences(wanted, got)
    return found + list(_shape_differences("data", wanted["data"], got["data"]))


def _text_differences(wanted: dict[str, Any], got: dict[str, Any]) -> list[str]:
    return [
        f"{key} {got.get(key)!r} instead of {wanted[key]!r}"
        for key in ("message", "errors")
        if key in wanted and _unnumbered(got.get(key)) != _unnumbered(wanted[key])
    ]


def _unnumbered(text: object) -> object:
    """Without the number of the process that answered, which file names may end with."""
    return re.sub(r"\.tmp\.\d+", ".tmp.N", text) if isinstance(text, str) else text


def _shape_differences(place: str, wanted: Any, got: Any) -> Iterator[str]:
    """Wanted and got are one value each; what is inside is compared by `_shapes`."""
    yield from _shapes(place, [wanted], [got])


def _shapes(place: str, wanted: list[Any], got: list[Any]) -> Iterator[str]:
    """Several recorded values of one place, and the lab's: types, keys, and all that is inside."""
    types = {_type(value, place) for value in wanted}
    strange = {_type(value, place) for value in got} - types
    if strange:
        yield f"{place} is {'/'.join(sorted(strange))} instead of {'/'.join(sorted(types))}"
        return
    theirs, ours = _objects(wanted), _objects(got)
    if theirs and ours and place.rpartition(".")[2] not in BY_NAME:
        yield from _key_differences(place, theirs, ours)
    items, own_items = _items(wanted), _items(got)
    for kind in sorted({_kind(row) for row in items} & {_kind(row) for row in own_items}):
        of_kind = [row for row in items if _kind(row) == kind]
        yield from _shapes(f"{place}[{kind}]", of_kind, [r for r in own_items if _kind(r) == kind])
    for key in sorted(
        {key for row in theirs for key in row} & {key for row in ours for key in row}
    ):
        inside = [row[key] for row in theirs if key in row]
        yield from _shapes(f"{place}.{key}", inside, [row[key] for row in ours if key in row])
    if place.rpartition(".")[2] in BY_NAME and theirs and ours:
        inside = [value for row in theirs for value in row.values()]
        yield from _shapes(f"{place}.*", inside, [v for row in ours for v in row.values()])


BY_NAME = ("service_status", "lrm_status", "node_status", "node_request", "results", "nics")
"""Objects whose keys are names of things, which the lab has others of."""
FRACTIONAL = re.compile(
    r"\.(cpu|wait|iowait|loadavg|used|used_fraction|mem\w*|swap\w*|root\w*|net\w+|disk\w*"
    r"|pressure\w+|maxcpu|total|avail|free)$"
)
"""Numbers that Perl prints without a fraction when they happen to have none."""


def _objects(values: list[Any]) -> list[dict[str, Any]]:
    return [value for value in values if isinstance(value, dict)]


def _items(values: list[Any]) -> list[Any]:
    return [item for value in values if isinstance(value, list) for item in value]


def _kind(row: Any) -> str:
    """Rows of one list that belong together: by type and state."""
    if not isinstance(row, dict):
        return ""
    kind = str(row.get("type", ""))
    if kind in ("qemu", "lxc", "node", "storage"):
        return f"{kind} {row.get('status', '')}"
    if kind in ("cluster", "service", "lrm", "master", "quorum", "fencing"):
        return kind
    return str(row.get("realm-type", ""))


def _key_differences(
    place: str, wanted: list[dict[str, Any]], got: list[dict[str, Any]]
) -> Iterator[str]:
    always = set.intersection(*(set(row) for row in wanted))
    ever = set.union(*(set(row) for row in wanted))
    for missing in sorted({key for row in got for key in always - set(row)}):
        yield f"{place} lacks {missing}"
    for strange in sorted({key for row in got for key in set(row) - ever}):
        yield f"{place} has {strange}, never seen"


def _type(value: Any, place: str) -> str:
    if isinstance(value, float) and not FRACTIONAL.search(place):
        return "fraction"
    names = {bool: "boolean", int: "number", float: "number", str: "string", list: "list"}
    return {**names, dict: "object", type(None): "null"}[type(value)]
