"""Which recordings the lab answers as Proxmox did, per endpoint: the table in docs/lab.md.

    python -m tests.contract.fidelity          prints it
    python -m tests.contract.fidelity --write  puts it into docs/lab.md

It is read off the situations, so it says what `test_lab_recordings.py` holds.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.contract.not_covered import BY_NAME, BY_PATH
from tests.contract.situations import SITUATIONS
from tests.machine import FACTS

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "lab.md"
BEGIN, END = "<!-- fidelity: begin -->\n", "<!-- fidelity: end -->\n"
PLACES = (
    (r"\?.*", ""),
    (r"^/nodes/[^/]+", "/nodes/{node}"),
    (r"/(qemu|lxc)/\d+", r"/\1/{vmid}"),
    (r"/UPID:[^/]+", "/{upid}"),
    (r"^/access/users/[^/]+", "/access/users/{userid}"),
    (r"/token/[^/]+", "/token/{tokenid}"),
    (r"^/cluster/ha/resources/[^/]+", "/cluster/ha/resources/{sid}"),
    (r"^/cluster/ha/rules/[^/]+", "/cluster/ha/rules/{rule}"),
    (r"/snapshot/[^/]+", "/snapshot/{snapname}"),
    (r"/storage/[^/]+", "/storage/{storage}"),
)


@dataclass
class Endpoint:
    """What became of the recordings of one method and path."""

    agreed: int = 0
    differs: dict[str, str] = field(default_factory=dict)
    not_covered: Counter[str] = field(default_factory=Counter)

    @property
    def recordings(self) -> int:
        """How many there are."""
        return self.agreed + len(self.differs) + self.not_covered.total()

    def row(self, name: str) -> str:
        """Its line of the table."""
        differs = "; ".join(f"`{n}`: {why}" for n, why in sorted(self.differs.items()))
        missing = "; ".join(f"{n} {why}" for why, n in sorted(self.not_covered.items()))
        return f"| {name} | {self.agreed or ''} | {differs} | {missing} |"


def index(recordings: Path) -> dict[str, tuple[str, str]]:
    """Recording -> method and path."""
    found = {}
    for line in sorted((recordings / "INDEX.tsv").read_text().splitlines()):
        name, request, *_ = line.split("\t")
        method, path, *_ = request.split(" ")
        found[name.removesuffix(".json")] = (method, path)
    return found


def _place(path: str) -> str:
    found = re.sub(r"^/api2/json(?=/)", "", path)
    for pattern, instead in PLACES:
        found = re.sub(pattern, instead, found)
    return found


def reason(name: str, path: str) -> str:
    """Why nobody asks for it again."""
    return BY_NAME.get(name) or next(why for rule, why in BY_PATH if re.search(rule, path))


def judged(recordings: Path) -> dict[str, Endpoint]:
    """Every endpoint of the recordings at hand."""
    answered = {name for situation in SITUATIONS for name in situation.names}
    differing = {name: why for s in SITUATIONS for name, why in s.differs.items()}
    found: dict[str, Endpoint] = {}
    for name, (method, path) in index(recordings).items():
        place = found.setdefault(f"`{method} {_place(path)}`", Endpoint())
        if name in differing:
            place.differs[name] = differing[name]
        elif name in answered:
            place.agreed += 1
        else:
            place.not_covered[reason(name, path)] += 1
    return found


def table(endpoints: dict[str, Endpoint]) -> str:
    """Markdown: the total, then a row per endpoint."""
    rows = [endpoints[name].row(name) for name in sorted(endpoints, key=_by_path)]
    head = ["| endpoint | agreed | differs | not covered |", "|---|---|---|---|"]
    return "\n".join([total(endpoints.values()), "", *head, *rows, ""])


def _by_path(endpoint: str) -> list[str]:
    return list(reversed(endpoint.strip("`").split(" ")))


def total(endpoints: Iterable[Endpoint]) -> str:
    """`agreed N of M` and what is left."""
    seen = list(endpoints)
    agreed, recordings = sum(e.agreed for e in seen), sum(e.recordings for e in seen)
    missing = sum((e.not_covered for e in seen), Counter[str]())
    left = [f"{n} not covered ({why})" for why, n in missing.most_common()]
    return ", ".join([f"agreed {agreed} of {recordings}", *left]) + "."


def written(document: str, text: str) -> str:
    """The document with that table between its marks."""
    before, rest = document.split(BEGIN)
    return before + BEGIN + text + END + rest.split(END)[1]


def main() -> None:
    """Prints or writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    text = table(judged(FACTS / "pve" / "recordings"))
    if parser.parse_args().write:
        DOCUMENT.write_text(written(DOCUMENT.read_text(), text))
    else:
        print(text)


if __name__ == "__main__":
    main()
