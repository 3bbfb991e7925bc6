"""Recorded answers of whole states: a JSON file of commands, each node's put together.

A file is {version, state, how, recordings: [{node, name, command, exit, stdout, stderr}]}; a few
recordings hold one `text` with markers instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace

from hapanel.drbd.circumstances import Circumstances
from hapanel.drbd.configured import Meant, meant
from hapanel.drbd.decode.combine import with_generations, with_proc_drbd
from hapanel.drbd.decode.events import events_text
from hapanel.drbd.decode.generations import generations
from hapanel.drbd.decode.proc_drbd import proc_drbd
from hapanel.drbd.decode.status_json import status_json
from hapanel.drbd.decode.status_text import status_text
from hapanel.drbd.decode.tool_answers import resource_of_words
from hapanel.drbd.join import Replication, join, resources_of
from hapanel.drbd.judge import Judgement, judge
from hapanel.drbd.tool_errors import said
from hapanel.ports.replication import NodeReplication, NodeStatus, ResourceState

_NO_TIME = datetime.fromtimestamp(0, UTC)
_STDOUT, _STDERR = "--- stdout ---\n", "--- stderr ---"
# Those that hold a whole state, the richest first.
_STATES = (
    ("drbdsetup_status_json_verbose_statistics", status_json),
    ("drbdsetup_status_json_statistics", status_json),
    ("drbdsetup_status_verbose_statistics", status_text),
    ("drbdadm_status_verbose_statistics", status_text),
    ("drbdsetup_status_json", status_json),
    ("drbdsetup_events2_now", events_text),
    ("drbdsetup_status", status_text),
    ("drbdadm_status", status_text),
    ("drbdadm_status_rs", status_text),
    ("stream-events2", events_text),
)


class RecordedAnswer(msgspec.Struct, frozen=True):
    """One command's answer on one node. A `text` holds command, exit code and both outputs."""

    node: str
    name: str
    command: str = ""
    exit: int | None = None
    stdout: str = ""
    stderr: str = ""
    text: str = ""

    def output(self) -> str:
        """What the command printed on stdout."""
        if not self.text:
            return self.stdout
        return self.text.partition(_STDOUT)[2].partition(_STDERR)[0]

    def succeeded(self) -> bool:
        """Whether the command ended with 0, or was a stream, which has no end."""
        return (
            self.exit == 0
            or (self.exit is None and "\nexit: 0" in f"\n{self.text}")
            or (self.name.startswith("stream-"))
        )


class Recording(msgspec.Struct, frozen=True):
    """One recorded state of some nodes."""

    state: str
    recordings: tuple[RecordedAnswer, ...]
    version: str = ""
    how: str = ""


@dataclass(frozen=True, slots=True)
class RecordedNode:
    """What one node told: its status, and the resources that its configuration means."""

    node: str
    status: NodeStatus
    configured: tuple[Meant, ...]


def read_recording(content: bytes) -> Recording:
    """The recording in a file's bytes. Raises msgspec.MsgspecError when it is none."""
    return msgspec.json.decode(content, type=Recording)


def nodes_of(recording: Recording) -> Iterator[RecordedNode]:
    """Each node of a recording that has an answer with a state in it."""
    answers: dict[str, dict[str, RecordedAnswer]] = {}
    errors: dict[str, str] = {}
    for one in recording.recordings:
        if one.succeeded():
            answers.setdefault(one.node, {})[one.name] = one
        elif one.name == "drbdadm_role":
            errors[one.node] = said(one.stderr or one.text.partition(_STDERR)[2])
    for node, told in sorted(answers.items()):
        status = _status(told)
        if status is not None:
            status = replace(status, error=errors.get(node))
            dump = told["drbdadm_dump"].output() if "drbdadm_dump" in told else ""
            yield RecordedNode(node, status, meant(dump))


def judged_of(nodes: Sequence[RecordedNode]) -> Iterator[tuple[Replication, Judgement]]:
    """Every resource of the recorded nodes, joined and judged; a recording has no age.

    A node that the configuration names and that nothing is recorded from is not seen.
    """
    seen = [NodeReplication(node=one.node, status=one.status) for one in nodes]
    configured = {found.name: found for one in nodes for found in one.configured}
    for resource in sorted({*resources_of(seen), *configured}):
        means = configured.get(resource)
        replication = join(resource, seen, _NO_TIME, means.members if means else ())
        given = Circumstances(dual_primary_configured=means.dual_primary if means else None)
        yield replication, judge(replication, given)


def _status(told: Mapping[str, RecordedAnswer]) -> NodeStatus | None:
    found = [decode(told[name].output()) for name, decode in _STATES if name in told]
    if not found:
        return None
    status = found[0]
    if not status.resources and "drbdadm_role" in told and "drbdadm_dstate" in told:
        words = [told[f"drbdadm_{verb}"].output() for verb in ("role", "cstate", "dstate")]
        status = NodeStatus(resources=(resource_of_words("rs", *words),))
    if "proc_drbd" in told:
        status = with_proc_drbd(status, proc_drbd(told["proc_drbd"].output()))
    if "drbdadm_get_gi" in told:
        lines = generations(told["drbdadm_get_gi"].output())
        status = replace(
            status,
            resources=tuple(
                with_generations(one, lines) if _is_asked(one, told["drbdadm_get_gi"]) else one
                for one in status.resources
            ),
        )
    return status


def _is_asked(resource: ResourceState, answer: RecordedAnswer) -> bool:
    return answer.command.split()[-1:] == [resource.name]
