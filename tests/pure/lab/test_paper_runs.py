"""What both nodes tell in the paper's ten recorded runs, the lab tells too: HA, guests and nodes.

The same values in the same order. What corosync decides comes within two looks of the recorded
second, what the HA manager decides within a round of it and a look.
`python -m tests.pure.lab.paper_runs` prints both.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pure.lab.paper_runs import PAPER, POLL_SECONDS, ROUND_SECONDS, played, recorded
from tests.pure.lab.timelines import TOLERANCE_SECONDS, differences

# Facts that HA does not decide, and how far all facts may be apart.
BY_COROSYNC = "^(node|online|storage|quorate)"
ALLOWED = (("", ROUND_SECONDS + POLL_SECONDS), (BY_COROSYNC, TOLERANCE_SECONDS))
# What ends with the next turn of a waiting daemon, five seconds later, may fall between two looks.
PASSING_SECONDS = 6.5


@pytest.mark.parametrize("name", PAPER)
def test_the_lab_tells_a_run_as_it_was(name: str, facts: Path) -> None:
    assert facts.is_dir()
    theirs, ours = recorded(name), played(name)
    found = [
        f"asked of {node}: {difference}"
        for node in theirs
        for pattern, seconds in ALLOWED
        for difference in differences(
            theirs[node].only(pattern, PAPER[name].until),
            ours[node],
            seconds=seconds,
            passing=PASSING_SECONDS,
        )
    ]
    assert not found, "\n".join(found)
