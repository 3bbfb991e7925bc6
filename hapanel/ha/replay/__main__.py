"""`python -m hapanel.ha.replay CASE.json`: play one case, print its outcome as JSON.

Exit 0 with the outcome on stdout, 2 with the place and the reason on stderr for bad input.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from hapanel.ha.replay.form import CaseError, read_case
from hapanel.ha.replay.outcome import outcome
from hapanel.ha.replay.play import play


def main(arguments: Sequence[str]) -> int:
    """Play the case in the one file that `arguments` name: the exit code."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.stderr.write("usage: python -m hapanel.ha.replay CASE.json\n")
        return 2
    try:
        world, events = play(read_case(Path(arguments[0])))
    except CaseError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    json.dump(outcome(world, events), sys.stdout, indent=1)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
