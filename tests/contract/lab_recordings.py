"""Compares what the lab says with what was recorded, with nodes renamed and guests renumbered."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.contract.lab_process import Answer, LabProcess, token_header

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
        json=got["json"],
    )


def replay(
    lab: LabProcess,
    recording: Recording,
    secrets: Mapping[str, str],
    tickets: Mapping[str, dict[str, str]],
) -> Answer:
    """Asks the lab the same. `secrets` holds token secrets and passwords by id, `tickets` headers
    of who has signed in before; others sign in now.
    """
    headers = _headers(lab, recording, secrets, tickets)
    params = dict(recording.params)
    if recording.path == "/access/ticket" and params.get("password") in secrets:
        params["password"] = secrets[params["password"]]
    return lab.ask(recording.method, recording.path, params, headers=headers, node=recording.node)


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
    if answer.reason != recording.reason:
        found.append(f"reason {answer.reason!r} instead of {recording.reason!r}")
    if recording.json is None:
        return [*found, *([f"body {answer.body[:80]!r} instead of none"] if answer.body else [])]
    wanted, got = recording.json, answer.json
    if set(wanted) != set(got):
        found.append(f"envelope {sorted(got)} instead of {sorted(wanted)}")
    if recording.status != 200:
        return found + _text_differences(wanted, got)
    return found + list(_shape_differences("data", wanted["data"], got["data"]))


def _text_differences(wanted: dict[str, Any], got: dict[str, Any]) -> list[str]:
    return [
        f"{key} {got.get(key)!r} instead of {json.loads(renamed(json.dumps(wanted[key])))!r}"
        for key in ("message", "errors")
        if key in wanted and got.get(key) != json.loads(renamed(json.dumps(wanted[key])))
    ]


def _shape_differences(place: str, wanted: Any, got: Any) -> Iterator[str]:
    if _type(wanted) != _type(got):
        yield f"{place} is {_type(got)} instead of {_type(wanted)}"
    elif isinstance(wanted, dict):
        yield from _key_differences(place, [wanted], [got])
    elif isinstance(wanted, list) and wanted and isinstance(wanted[0], dict):
        for kind in sorted({_kind(row) for row in got} & {_kind(row) for row in wanted}):
            ours = [row for row in got if _kind(row) == kind]
            theirs = [row for row in wanted if _kind(row) == kind]
            yield from _key_differences(f"{place}[{kind}]", theirs, ours)


def _kind(row: Any) -> str:
    """Rows of one list that belong together: by type and state."""
    if not isinstance(row, dict):
        return ""
    kind = str(row.get("type", ""))
    if kind in ("qemu", "lxc", "node", "storage"):
        return f"{kind} {row.get('status', '')}"
    return kind if kind in ("cluster", "service", "lrm", "master", "quorum", "fencing") else ""


def _key_differences(place: str, wanted: list[Any], got: list[Any]) -> Iterator[str]:
    always = set.intersection(*(set(row) for row in wanted))
    ever = set.union(*(set(row) for row in wanted))
    for row in got:
        for missing in sorted(always - set(row)):
            yield f"{place} lacks {missing}"
        for strange in sorted(set(row) - ever):
            yield f"{place} has {strange}, never seen"
        for key in sorted(set(row) & ever):
            types = {_type(other[key]) for other in wanted if key in other}
            if _type(row[key]) not in types:
                yield f"{place}.{key} is {_type(row[key])} instead of {'/'.join(sorted(types))}"


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return {str: "string", list: "list", dict: "object", type(None): "null"}[type(value)]
