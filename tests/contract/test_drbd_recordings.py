"""The decoders against answers of real DRBD kernels, as far as the recordings are there.

Every state must be judged as its name says; what one node says must come out the same from each of
its forms and agree with what drbdadm's bare words say; nothing in them may be left not understood.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hapanel.drbd.decode.forms import Form, decode, form_of
from hapanel.drbd.findings import Code
from hapanel.drbd.join import join, resources_of
from hapanel.drbd.judge import judge
from hapanel.drbd.recording import (
    RecordedAnswer,
    RecordedNode,
    Recording,
    judged_of,
    nodes_of,
    read_recording,
)
from hapanel.drbd.redact import redact
from hapanel.ports.replication import NodeReplication, NodeStatus, ReplicationState, ResourceState
from tests.contract.drbd_states import JUDGED, WITHOUT_STATE
from tests.machine import FACTS
from tests.pure.drbd.test_never_raises import numbers

FILES = sorted((FACTS / "drbd").glob("drbd*/*.json"))
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
PAIR = ("master", "slave")
FORMS = (
    "drbdsetup_status_verbose_statistics",
    "drbdadm_status_verbose_statistics",
    "drbdsetup_status_json",
    "drbdsetup_status_json_verbose_statistics",
    "drbdsetup_events2_now",
    "drbdsetup_status",
    "drbdadm_status",
)
# The state moved on between two commands of these recordings.
CHANGED_MEANWHILE = {"07a-initial-sync-start", "15c-after-reconnect", "21c-attach-resync"}
pytestmark = pytest.mark.skipif(not FILES, reason="no recordings here")


def name_of(file: Path) -> str:
    return f"{file.parent.name}/{file.stem}"


@pytest.fixture(scope="module")
def recorded() -> dict[str, Recording]:
    return {name_of(file): read_recording(file.read_bytes()) for file in FILES}


def told(told_nodes: list[RecordedNode]) -> list[NodeReplication]:
    """All nodes of the recording, and those of the usual pair that it has nothing from."""
    seen = [NodeReplication(node=one.node, status=one.status) for one in told_nodes]
    missing = [node for node in PAIR if node not in {one.node for one in told_nodes}]
    return [*seen, *(NodeReplication(node=one, unseen_because="dead") for one in missing)]


def judged(recording: Recording) -> dict[str, tuple[str, ...]]:
    """The codes of each resource in a recording."""
    nodes = list(nodes_of(recording))
    seen = told(nodes)
    names = resources_of(seen) or {meant.name for one in nodes for meant in one.configured}
    members = [one.node for one in seen] if not resources_of(seen) else ()
    return {
        name: tuple(one.code.value for one in judge(join(name, seen, LONG_AGO, members)).findings)
        for name in names
    }


def test_every_state_is_judged_as_its_name_says(
    recorded: dict[str, Recording], capsys: pytest.CaptureFixture[str]
) -> None:
    found = {name: judged(one) for name, one in recorded.items() if name not in WITHOUT_STATE}
    wrong = {name: codes for name, codes in found.items() if codes != JUDGED.get(name)}
    sides = sum(len(list(nodes_of(one))) for one in recorded.values())
    with capsys.disabled():
        print(f"\nDRBD states: {len(found) - len(wrong)}/{len(found)} joined, {sides} sides")
    assert wrong == {}


def words(resource: ResourceState) -> dict[str, Any]:
    """What drbdadm role, cstate and dstate say, out of a decoded resource."""
    return {
        "role": resource.role.value,
        "links": sorted((one.name or "", one.connection_state.value) for one in resource.peers),
        "disks": [one.disk_state.value for one in resource.volumes],
    }


def answers(recording: Recording) -> Iterator[tuple[str, dict[str, RecordedAnswer]]]:
    nodes: dict[str, dict[str, RecordedAnswer]] = {}
    for one in recording.recordings:
        if one.succeeded():
            nodes.setdefault(one.node, {})[one.name] = one
    yield from nodes.items()


def test_all_forms_of_one_node_say_the_same(recorded: dict[str, Recording]) -> None:
    compared, differing = 0, set()
    for name, recording in recorded.items():
        for _node, given in answers(recording):
            shown = [decode(given[form].output()) for form in FORMS if form in given]
            compared += len(shown)
            if any(summary(status) != summary(shown[0]) for status in shown):
                differing.add(name.partition("/")[2])
    assert compared > 500
    assert differing <= CHANGED_MEANWHILE


def summary(status: NodeStatus) -> dict[str, Any]:
    return {one.name: words(one) for one in status.resources}


def test_bare_words_agree_with_what_is_decoded(recorded: dict[str, Recording]) -> None:
    compared = 0
    for name, recording in recorded.items():
        decoded = {one.node: one.status for one in nodes_of(recording)}
        for node, given in answers(recording):
            resource = decoded[node].resource("rs") if node in decoded else None
            if resource is None or "drbdadm_cstate" not in given:
                continue
            compared += 1
            assert bare(given, resource) == [], (name, node)
    assert compared > 120


def bare(given: dict[str, RecordedAnswer], resource: ResourceState) -> list[str]:
    """Where the three commands and the decoded resource disagree."""
    role = given["drbdadm_role"].output().strip().partition("/")[0]
    links = given["drbdadm_cstate"].output().split()
    disks = given["drbdadm_dstate"].output().strip().split("/")
    if links == ["Unconfigured"]:
        role, links, disks = "Secondary", ["StandAlone"], ["Diskless"]
    said = {
        "role": role == resource.role.value,
        "links": all(map(fits, links, resource.peers)),
        "disk": disks[0] == resource.volumes[0].disk_state.value,
    }
    return [what for what, agrees in said.items() if not agrees]


def fits(link: str, peer: Any) -> bool:
    """8.x says the replication state instead of the link's."""
    states = {one.replication_state.value for one in peer.volumes}
    old = {"WFConnection": "Connecting"}.get(link, link)
    return old == peer.connection_state.value or old in states


def test_nothing_is_left_not_understood(recorded: dict[str, Recording]) -> None:
    read = 0
    for name, recording in recorded.items():
        for one in recording.recordings:
            if not one.succeeded() or one.name not in (*FORMS, "proc_drbd", "stream-events2"):
                continue
            status = decode(one.output())
            assert status.not_understood == (), (name, one.node, one.name)
            assert not any(odd(resource) for resource in status.resources), (name, one.name)
            read += 1
    assert read > 900


def odd(resource: ResourceState) -> bool:
    peers = [one.unknown_words for peer in resource.peers for one in peer.volumes]
    links = [one.unknown_words for one in resource.peers]
    return any([resource.unknown_words, *links, *peers])


def test_percent_is_the_share_of_the_sync_that_is_done(recorded: dict[str, Recording]) -> None:
    (master, _slave) = nodes_of(recorded["drbd84/14c-resync-after-reconnect"])
    resource = master.status.resource("rs")
    assert resource is not None
    seen = resource.peers[0].volumes[0]
    assert seen.replication_state is ReplicationState.SYNC_SOURCE
    assert (seen.percent, seen.in_sync_percent) == (36.39, 98.51)


def test_streams_end_where_the_next_status_begins(recorded: dict[str, Recording]) -> None:
    streams = [
        one
        for recording in recorded.values()
        for one in recording.recordings
        if one.name.startswith("stream-events2")
    ]
    assert len(streams) > 35
    for one in streams:
        assert form_of(one.output()) is Form.EVENTS2
        assert decode(one.output()).resources, one.node


def test_an_answer_that_is_cut_tells_no_other_figure(recorded: dict[str, Recording]) -> None:
    cuts = 0
    for recording in recorded.values():
        for one in recording.recordings:
            if one.name not in (*FORMS, "proc_drbd"):
                continue
            text = one.output()
            whole = numbers(decode(text))
            for place in (len(text) // 3, len(text) * 2 // 3, len(text) - 9):
                assert numbers(decode(text[: max(0, place)])) <= whole, (one.name, place)
                cuts += 1
    assert cuts > 2000


def test_a_refusal_is_kept_beside_the_state(recorded: dict[str, Recording]) -> None:
    for one in nodes_of(recorded["drbd84/26-two-primaries"]):
        refused = "allow-two-primaries is not set" in (one.status.error or "")
        assert refused is (one.node == "slave")


def test_no_secret_is_left_in_what_a_command_printed(recorded: dict[str, Recording]) -> None:
    seen = 0
    for recording in recorded.values():
        for one in recording.recordings:
            for text in (one.stdout, one.stderr, one.text):
                if "shared-secret" in text:
                    seen += 1
                    assert "my-secret" not in redact(text), one.name
    assert seen > 100


def test_the_command_prints_a_recorded_state_and_each_of_its_outputs(tmp_path: Path) -> None:
    file = FACTS / "drbd" / "drbd84" / "16c-SPLIT-BRAIN.json"
    if not file.exists():
        pytest.skip("that state is not here")
    whole = run(file)
    assert whole["resources"]["rs"]["health"] == "split-brain"
    proc = next(one for one in read_recording(file.read_bytes()).recordings if "proc" in one.name)
    alone = tmp_path / "proc_drbd"
    alone.write_text(proc.output())
    assert run(alone)["resources"][0]["peers"][0]["connection_state"] == "StandAlone"


def run(file: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "hapanel.drbd", "status", str(file)],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_recording_is_joined_with_the_nodes_that_it_has(recorded: dict[str, Recording]) -> None:
    for name, recording in recorded.items():
        nodes = list(nodes_of(recording))
        meant = {found.name: found.members for one in nodes for found in one.configured}
        for replication, judgement in judged_of(nodes):
            assert judgement.findings, name
            sides = {one.node for one in replication.sides}
            assert sides >= set(meant.get(replication.resource, ())), name


def test_two_primaries_are_judged_by_the_recorded_configuration(
    recorded: dict[str, Recording],
) -> None:
    ((_, old),) = judged_of(list(nodes_of(recorded["drbd84/12-primary-primary"])))
    assert old.health is Code.DUAL_PRIMARY_CONFIGURED
