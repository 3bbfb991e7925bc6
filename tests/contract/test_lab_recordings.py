"""The lab answers as Proxmox answered: the recordings' requests, asked of a lab.

Nodes are renamed and guests renumbered, so that nothing canned would pass. Situations are modules
of tests/contract/situations; docs/lab.md holds what came of it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.contract import fidelity
from tests.contract.lab_recordings import load
from tests.contract.situations import SITUATIONS
from tests.contract.stage import Situation, faults_of, played


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_the_lab_answers_as_recorded(situation: Situation, facts: Path, tmp_path: Path) -> None:
    with played(situation, facts / "pve" / "recordings", tmp_path) as stage:
        faults = faults_of(situation, stage)
    assert not faults, json.dumps(faults, indent=1)


def test_every_recording_is_asked_in_one_situation_or_has_a_reason(facts: Path) -> None:
    known = fidelity.index(facts / "pve" / "recordings")
    asked = Counter(name for situation in SITUATIONS for name in situation.names)
    assert not [name for name, times in asked.items() if times > 1]
    assert known
    for situation in SITUATIONS:
        assert set(situation.differs) | set(situation.shows) <= set(situation.names)


GUESTS = re.compile(r"^/nodes/[^/]+/(qemu|lxc|startall|stopall|tasks)|/bulk-action/|/access/ticket")
CHANGES_NOTHING = {
    "ha-migrate-current-node": "the guest is there already",
    "ha-migrate-unknown-node": "the manager drops it",
}


def test_every_write_is_shown_by_a_read(facts: Path) -> None:
    """Those of guests are followed by test_lab_guests.py; a ticket is used by all the others."""
    recordings = facts / "pve" / "recordings"
    silent = []
    for situation in SITUATIONS:
        for name in situation.names:
            if not (recordings / f"{name}.json").is_file() or name in situation.shows:
                continue
            recording = load(recordings, name)
            is_write = recording.method != "GET" and recording.status == 200
            if is_write and not GUESTS.search(recording.path) and name not in CHANGES_NOTHING:
                silent.append(name)
    assert not silent


def test_the_table_in_the_documentation_is_current(
    facts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoints = fidelity.judged(facts / "pve" / "recordings")
    with capsys.disabled():
        print(f"\n{fidelity.total(endpoints.values())}")
    document = fidelity.DOCUMENT.read_text()
    if f" of {sum(e.recordings for e in endpoints.values())}," not in document:
        pytest.skip("the recordings at hand are others than those of the table")
    assert fidelity.written(document, fidelity.table(endpoints)) == document, (
        "python -m tests.contract.fidelity --write"
    )
