"""Situations: how a lab gets into the state in which recordings were made, and which it answers.

A module of `tests.contract.situations` holds one `SITUATION`: a scenario and a list of acts. An act
may first do something to the lab (`before`), then its recordings are asked in their order and each
answer is compared. What is known to differ stands in `differs` with its reason; it must really
differ. `shows` are the reads that must tell what a write has done.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.contract.lab_process import Answer, LabProcess, eventually, running
from tests.contract.lab_recordings import Recording, differences, load, replay

SPEED = 120
SECONDS_TO_SHOW = 5


@dataclass(frozen=True)
class Shows:
    """After a write, `path` must answer data for which `holds` is true."""

    path: str
    holds: Callable[[Any], bool]


@dataclass(frozen=True)
class Act:
    """Recordings that are asked one after the other, after `before` was done."""

    recordings: str
    before: Callable[[Stage], None] = lambda _stage: None

    @property
    def names(self) -> list[str]:
        """The recordings' names."""
        return self.recordings.split()


@dataclass(frozen=True)
class Situation:
    """A lab (`scenario` in the form of hapanel/lab/scenarios) and what is asked of it."""

    name: str
    scenario: Mapping[str, Any]
    acts: tuple[Act, ...]
    differs: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    speed: float = SPEED
    shows: Mapping[str, Shows] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """All recordings it answers."""
        return [name for act in self.acts for name in act.names]


class Stage:
    """A running lab in which a situation is played."""

    def __init__(self, lab: LabProcess, recordings: Path) -> None:
        self.lab = lab
        self.root = lab.sign_in()
        self.tickets = {"root@pam": self.root}
        password = lab.ready["root_password"]
        self.secrets = {"realpve123": password, "root@pam": password}
        self._recordings = recordings
        self._upids: dict[str, str] = {}

    def do(self, method: str, path: str, /, **form: object) -> Any:
        """A request of root's that must succeed; its data."""
        answer = self.lab.ask(method, path, form, headers=self.root)
        assert answer.status == 200, answer
        return answer.data

    def finish(self, method: str, path: str, /, **form: object) -> None:
        """A request of root's that makes a task, which must end well."""
        status = self.lab.end_of(self.do(method, path, **form))
        assert status["exitstatus"] == "OK", status

    def means(self, name: str, upid: str) -> None:
        """The task that the recording names in its path is ours of that UPID; waits for its end."""
        if self.has(name):
            recording = load(self._recordings, name)
            self._upids[recording.path.split("/")[4]] = upid
        self.lab.end_of(upid)

    def settle(self) -> None:
        """Waits until no node has a task that runs."""
        eventually(lambda: not any(self._running(node) for node in self.lab.hosts), seconds=60)

    def _running(self, node: str) -> list[Any]:
        return list(self.do("GET", f"/nodes/{node}/tasks", source="active"))

    def has(self, name: str) -> bool:
        """Whether that recording is at hand."""
        return (self._recordings / f"{name}.json").is_file()

    def replayed(self, name: str, headers: Mapping[str, str] | None = None) -> list[str]:
        """Asks what the recording asked; what differs in the answer."""
        recording = load(self._recordings, name, self._upids)
        answer = replay(self.lab, recording, self.secrets, self.tickets, headers)
        self._learn(recording, answer)
        return differences(recording, answer)

    def _learn(self, recording: Recording, answer: Answer) -> None:
        """Later recordings that name a recorded task mean the one just started; tokens are known
        by the secrets they just got.
        """
        theirs = recording.json.get("data") if isinstance(recording.json, dict) else None
        if answer.status != 200 or not theirs:
            return
        if isinstance(theirs, str) and theirs.startswith("UPID:"):
            self._upids[theirs] = answer.data
        if isinstance(theirs, dict) and "full-tokenid" in theirs:
            self.secrets[answer.data["full-tokenid"]] = answer.data["value"]

    def told(self, shows: Shows) -> bool:
        """Whether the read says what the write before it did; a write may take a moment."""
        deadline = time.monotonic() + SECONDS_TO_SHOW
        while True:
            answer = self.lab.ask("GET", shows.path, headers=self.root)
            if answer.status == 200 and shows.holds(answer.data):
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)


@contextmanager
def played(situation: Situation, recordings: Path, folder: Path) -> Iterator[Stage]:
    """A stage in the situation's scenario."""
    path = folder / f"{situation.name}.json"
    path.write_text(json.dumps(situation.scenario))
    with running(str(path), situation.speed) as lab:
        yield Stage(lab, recordings)


def faults_of(situation: Situation, stage: Stage) -> dict[str, list[str]]:
    """Plays all acts; recordings that differ unexpectedly, agree unexpectedly or show nothing."""
    faults = {}
    for act in situation.acts:
        act.before(stage)
        for name in filter(stage.has, act.names):
            found = stage.replayed(name, situation.headers.get(name))
            if name in situation.differs:
                found = [] if found else ["agrees now: take it out of `differs`"]
            elif name in situation.shows and not stage.told(situation.shows[name]):
                found.append(f"{situation.shows[name].path} does not show it")
            if found:
                faults[name] = found
    return faults
