"""What endpoints said second by second in recorded runs, and what the lab says in the same run.

`facts_of` tells what corosync, pmxcfs, pvestatd and migrations decide, `ha_facts_of` what HA does.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from tests.pure.lab.asking import Client

ENDPOINTS = ("/cluster/status", "/cluster/resources", "/cluster/ha/status/current")
SANDBOX_NAMES = {"pve1": "alpha", "pve2": "beta", "pve3": "gamma"}
TOLERANCE_SECONDS = 6.0
TOLERANCE_SHARE = 0.03

Facts = dict[str, str]
Told = Callable[[Mapping[str, Any]], Facts]
_DATE = re.compile(r", \w{3} \w{3} +\d+ [\d:]{8} \d{4}")


def facts_of(answers: Mapping[str, Any]) -> Facts:
    """Fact -> value: who is online for whom, what guests, nodes and storages are said to be."""
    found: Facts = {}
    for row in answers["/cluster/status"]:
        if row["type"] == "node":
            found[f"online {row['name']}"] = str(row["online"])
    for row in answers["/cluster/resources"]:
        if row["type"] in ("qemu", "lxc"):
            found[row["id"]] = f"{row['node']} {row['status']} {row.get('lock', '')}".strip()
        elif row["type"] in ("node", "storage"):
            found[row["id"]] = row["status"]
    for row in answers["/cluster/ha/status/current"]:
        if row["type"] == "quorum":
            found["quorate"] = str(row["quorate"])
    return found


def ha_facts_of(answers: Mapping[str, Any]) -> Facts:
    """Fact -> value: hastates, and the rows of the HA manager without their dates."""
    found: Facts = {}
    for row in answers["/cluster/resources"]:
        if row["type"] in ("qemu", "lxc", "node"):
            found[f"hastate {row['id']}"] = row.get("hastate", "")
    for row in answers["/cluster/ha/status/current"]:
        if row["type"] in ("service", "lrm", "master"):
            found[f"ha {row['id']}"] = _DATE.sub("", row["status"])
        elif row["type"] == "fencing":
            found["ha fencing"] = row["status"]
    return found


def all_facts_of(answers: Mapping[str, Any]) -> Facts:
    """Both."""
    return facts_of(answers) | ha_facts_of(answers)


@dataclass
class Course:
    """How facts changed: fact -> (seconds, value), the first being how it was at the start."""

    changes: dict[str, list[tuple[float, str]]] = field(default_factory=dict)

    def note(self, at: float, facts: Facts) -> None:
        """Takes one look in."""
        for fact, value in facts.items():
            known = self.changes.setdefault(fact, [])
            if not known or known[-1][1] != value:
                known.append((at, value))

    def only(self, pattern: str, until: float) -> Course:
        """The facts that match, up to that second."""
        return Course(
            {
                fact: [change for change in changes if change[0] <= until]
                for fact, changes in self.changes.items()
                if re.search(pattern, fact)
            }
        )

    def shifted(self, seconds: float) -> Course:
        """The same course, told from another second on."""
        return Course({f: [(at - seconds, v) for at, v in c] for f, c in self.changes.items()})

    def first(self, fact: str, value: str) -> float:
        """When the fact first had that value."""
        return next(at for at, seen in self.changes[fact] if seen == value)


def differences(
    recorded: Course,
    played: Course,
    *,
    in_time: bool = True,
    seconds: float = TOLERANCE_SECONDS,
    passing: float = 0.0,
) -> Iterator[str]:
    """Other values, another order, or more than so many seconds apart.

    passing: values that lasted no longer may be seen by one and missed by the other.
    """
    for fact in sorted(set(recorded.changes) & set(played.changes)):
        theirs, ours = recorded.changes[fact], played.changes[fact]
        if _values(theirs) != _values(ours):
            theirs, ours = _lasting(theirs, passing), _lasting(ours, passing)
        if _values(theirs) != _values(ours):
            yield f"{fact}: {ours} instead of {theirs}"
            continue
        for (there, value), (here, _) in zip(theirs[1:], ours[1:], strict=True):
            allowed = max(seconds, TOLERANCE_SHARE * there)
            if in_time and abs(here - there) > allowed:
                yield f"{fact} is {value!r} at {here:.0f} s instead of {there:.0f} s"


def _values(changes: list[tuple[float, str]]) -> list[str]:
    return [value for _, value in changes]


def _lasting(changes: list[tuple[float, str]], passing: float) -> list[tuple[float, str]]:
    """The changes to values that lasted longer; the last one lasts."""
    kept: list[tuple[float, str]] = []
    ends = [at for at, _ in changes[1:]] + [float("inf")]
    for (at, value), end in zip(changes, ends, strict=True):
        if (end - at > passing or not kept) and (not kept or kept[-1][1] != value):
            kept.append((at, value))
    return kept


async def look(client: Client, node: str, told: Told = facts_of) -> Facts:
    """The facts as that node tells them now."""
    answers = {}
    for path in ENDPOINTS:
        answer = await client.ask(node, "GET", path)
        answers[path] = msgspec.json.decode(answer.body)["data"]
    return told(answers)


def sandbox_run(path: Path) -> Course:
    """A recorded timeline of the three-node sandbox, its nodes renamed as in `sandbox.py`."""
    course = Course()
    for line in gzip.decompress(path.read_bytes()).decode().splitlines():
        row = json.loads(_renamed(line))
        course.note(row["t"], facts_of({p: row[p]["json"]["data"] for p in ENDPOINTS}))
    return course


def _renamed(text: str) -> str:
    for old, new in SANDBOX_NAMES.items():
        text = re.sub(rf"\b{old}\b", new, text)
    return re.sub(r"\b(qemu|lxc)/(\d+)\b", lambda m: f"{m[1]}/{int(m[2]) + 1000}", text)


def paper_run(
    folder: Path, node: str, is_start: Callable[[str], bool], told: Told = facts_of
) -> Course:
    """A recorded run of the two-node cluster as `node` told it, from the event that starts it."""
    events = json.loads((folder / "events.json").read_text())
    zero = next(event["epoch"] for event in events if is_start(str(event.get("event"))))
    course = Course()
    text = gzip.decompress((folder / "timeline.jsonl.gz").read_bytes()).decode()
    for line in text.splitlines():
        row = json.loads(line)
        answers = {p: row[p].get("data") for p in ENDPOINTS if isinstance(row.get(p), dict)}
        if row.get("node") == node and len(answers) == len(ENDPOINTS) and all(answers.values()):
            course.note(row["epoch"] - zero, told(answers))
    return course


@dataclass(frozen=True)
class Asked:
    """A request of a recorded run, and how it was answered."""

    at: float
    node: str
    method: str
    path: str
    params: dict[str, Any]
    status: int
    reason: str


REQUEST = re.compile(r"(GET|POST|PUT|DELETE) (/\S+) \(asked of (\w+)\)")
NO_ROUTE = {"Connection timed out": "No route to host"}
"""The kernel says the one or the other of a host that is gone; the lab says the latter."""


def requests_of(folder: Path) -> Iterator[Asked]:
    """All requests of a run with their answers."""
    for event in json.loads((folder / "events.json").read_text()):
        match = REQUEST.match(str(event.get("event")))
        if match and "answer" in event:
            path, _, query = match[2].partition("?")
            answer, params = event["answer"], dict(event.get("params") or {})
            params |= dict(pair.split("=", 1) for pair in query.split("&") if pair)
            reason = re.sub(r"\.tmp\.\d+", ".tmp.PID", answer["reason"])
            reason = NO_ROUTE.get(reason, reason)
            at = event["t"] - event.get("seconds", 0)
            yield Asked(at, match[3], match[1], path, params, answer["status"], reason)
