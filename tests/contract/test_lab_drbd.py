"""The lab's DRBD beside real kernels: the same states, asked with the same commands."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pytest

from hapanel.lab.drbd.spec import Version
from tests.contract.drbd.answers import COMPARED, alike, is_moving
from tests.contract.drbd.stage import Stage, pair_9, pair_84
from tests.contract.drbd.states import DECLINED, STORIES_9, STORIES_84, stage_for
from tests.machine import FACTS

DRBD = FACTS / "drbd"
FOLDERS = {Version.V84: "drbd84", Version.V9: "drbd9"}


def agreement(version: Version, state: str) -> tuple[Counter[str], list[str]]:
    """How many answers of a state were compared and agree, and those that differ."""
    recordings = json.loads((DRBD / FOLDERS[version] / f"{state}.json").read_text())["recordings"]
    stage = stage_for(version, state)
    counted: Counter[str] = Counter()
    differing = []
    for recording in recordings:
        if recording["name"] not in COMPARED:
            continue
        counted["compared"] += 1
        if same(stage, recording):
            counted["agree"] += 1
        else:
            differing.append(f"{version} {state} {recording['node']} {recording['name']}")
    return counted, differing


def same(stage: Stage, recording: dict[str, Any]) -> bool:
    """True when exit status and both streams read alike."""
    status, *texts = stage.run(recording["node"], recording["command"])
    moving = is_moving(recording["stdout"]) or stage.is_busy
    real = [alike(recording[stream], moving=moving) for stream in ("stdout", "stderr")]
    return status == recording["exit"] and real == [alike(text, moving=moving) for text in texts]


@pytest.mark.parametrize("version", list(Version))
def test_the_lab_answers_like_real_drbd(version: Version) -> None:
    if not FACTS.is_dir():
        pytest.skip("0 states compared: no recordings here")
    stories = STORIES_84 if version is Version.V84 else STORIES_9
    counted: Counter[str] = Counter()
    differing: list[str] = []
    for state in stories:
        some, others = agreement(version, state)
        counted += some
        differing += others
    share = f"{counted['agree']} of {counted['compared']}"
    print(f"DRBD {version}: {share} answers in {len(stories)} states agree")
    print(*differing, sep="\n")
    assert counted["agree"] >= counted["compared"] * 0.97


def test_what_real_kernels_declined_is_declined_in_the_same_words() -> None:
    if not FACTS.is_dir():
        pytest.skip("0 refusals compared: no recordings here")
    differing = []
    for version, state, name, story in DECLINED:
        recordings = json.loads((DRBD / FOLDERS[version] / f"{state}.json").read_text())
        real = next(r for r in recordings["recordings"] if r["name"] == name)
        stage = Stage(version, [pair_84() if version is Version.V84 else pair_9()])
        story(stage)
        status, output, errors = stage.run(real["node"], real["command"])
        told = [(status, output, _timeless(errors))]
        if told != [(real["exit"], real["stdout"], _timeless(real["stderr"]))]:
            differing.append(f"{state} {name}: {real['stderr']!r} is here {errors!r} ({status})")
    print(f"DRBD declines alike: {len(DECLINED) - len(differing)} of {len(DECLINED)}")
    assert differing == []


def _timeless(text: str) -> str:
    return re.sub(r" \(pid .*", "", text)
