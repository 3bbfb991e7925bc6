"""Findings of a configuration as records, and two nodes' files side by side with them in place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hapanel.drbd.configuration.beside import Row, side_by_side
from hapanel.drbd.configuration.compare import compare, secrets_differ
from hapanel.drbd.configuration.findings import Finding, Phrase, Severity
from hapanel.drbd.configuration.reader import Source, read
from hapanel.drbd.configuration.tokens import Place
from hapanel.drbd.configuration.understanding import understood
from nodes.replication import NodeWord


def finding_record(finding: Finding) -> dict[str, Any]:
    """A finding as plain values whose sentences can still be translated."""
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "place": _place_record(finding.place),
        "because": finding.because_template,
        "remedy": finding.remedy_template,
        "params": {name: str(value) for name, value in finding.params.items()},
        "phrases": [n for n, value in finding.params.items() if isinstance(value, Phrase)],
        "related": [_place_record(place) for place in finding.related],
    }


def _place_record(place: Place) -> list[Any]:
    return [place.file, place.line, place.column]


def finding_of(record: Mapping[str, Any], node: str) -> Finding:
    """The inverse of `finding_record`; the file's name says on which node it lies."""
    phrases = set(record["phrases"])
    return Finding(
        code=record["code"],
        severity=Severity(record["severity"]),
        place=_place(record["place"], node),
        because_template=record["because"],
        remedy_template=record["remedy"],
        params={n: Phrase(v) if n in phrases else v for n, v in record["params"].items()},
        related=tuple(_place(place, node) for place in record["related"]),
    )


def _place(record: list[Any], node: str) -> Place:
    file, line, column = record
    return Place(f"{node}:{file}", line, column)


@dataclass(frozen=True, slots=True)
class RowShown:
    """A row of two files. `both` are findings that stand on either side alike, said once."""

    row: Row
    both: tuple[Finding, ...]
    left: tuple[Finding, ...]
    right: tuple[Finding, ...]

    @classmethod
    def of(cls, row: Row) -> RowShown:
        """The row with its findings sorted out."""
        left = row.left.findings if row.left else ()
        right = row.right.findings if row.right else ()
        there = {(one.code, one.because()) for one in right}
        both = tuple(one for one in left if (one.code, one.because()) in there)
        same = {(one.code, one.because()) for one in both}
        return cls(
            row,
            both,
            tuple(one for one in left if (one.code, one.because()) not in same),
            tuple(one for one in right if (one.code, one.because()) not in same),
        )

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of them, each once."""
        return (*self.both, *self.left, *self.right)


@dataclass(frozen=True, slots=True)
class Beside:
    """One file of two nodes. `errors` and `warnings` count the findings in it, each once."""

    path: str
    rows: tuple[RowShown, ...]
    is_same: bool
    errors: int
    warnings: int


@dataclass(frozen=True, slots=True)
class FilesShown:
    """The configuration of two nodes: names of both, and a `Beside` for each file."""

    left: str
    right: str
    files: tuple[Beside, ...]
    errors: int
    warnings: int

    @property
    def is_same(self) -> bool:
        """Whether every file has the same text on both."""
        return all(file.is_same for file in self.files)


def files_beside(left: NodeWord, right: NodeWord) -> FilesShown | None:
    """Both nodes' files with lint's findings and what differs; None when none were read."""
    here, there = _texts(left), _texts(right)
    paths = list(dict.fromkeys([*here, *there]))
    if not paths:
        return None
    findings = findings_of(left, right)
    files = tuple(
        _beside(
            path,
            Source(f"{left.node}:{path}", here.get(path)),
            Source(f"{right.node}:{path}", there.get(path)),
            findings,
        )
        for path in paths
    )
    errors = sum(file.errors for file in files)
    return FilesShown(left.node, right.node, files, errors, sum(file.warnings for file in files))


def findings_of(left: NodeWord, right: NodeWord) -> list[Finding]:
    """What lint says of both nodes' files, and what differs between them. The files in places are
    named NODE:PATH."""
    words = (left,) if left.node == right.node else (left, right)
    found = [finding for word in words for finding in _findings(word)]
    here, there = _texts(left), _texts(right)
    if here and there:
        found += _differences(left.node, here, right.node, there)
        found += _differing_secrets(left, right)
    return found


def _texts(word: NodeWord) -> dict[str, str]:
    return {file["path"]: file["text"] for file in word.row.files} if word.row else {}


def _findings(word: NodeWord) -> list[Finding]:
    return [finding_of(record, word.node) for record in word.row.findings] if word.row else []


def _differences(
    left: str, here: dict[str, str], right: str, there: dict[str, str]
) -> list[Finding]:
    """By meaning, over all files; masked secrets count as the same here."""
    both = [
        understood(read(Source(f"{node}:all", "\n".join(texts.values()))))
        for node, texts in ((left, here), (right, there))
    ]
    return [
        _in_its_file(one.finding, {left: here, right: there}) for one in compare(both[0], both[1])
    ]


def _differing_secrets(left: NodeWord, right: NodeWord) -> Iterator[Finding]:
    """Secrets of which keyed digests tell that they are not the same."""
    here = left.row.secrets if left.row else {}
    there = right.row.secrets if right.row else {}
    for name in here.keys() & there.keys():
        one, other = here[name], there[name]
        key, same_key = (told["digest"].partition(":")[0] for told in (one, other))
        if key == same_key and one["digest"] != other["digest"] and (one["used"] or other["used"]):
            yield secrets_differ(
                name, _place(one["place"], left.node), _place(other["place"], right.node)
            )


def _in_its_file(finding: Finding, texts: Mapping[str, dict[str, str]]) -> Finding:
    """The finding at the file and line that its line of all files together is."""
    return Finding(
        finding.code,
        finding.severity,
        _located(finding.place, texts),
        finding.because_template,
        finding.remedy_template,
        finding.params,
        tuple(_located(place, texts) for place in finding.related),
    )


def _located(place: Place, texts: Mapping[str, dict[str, str]]) -> Place:
    node = place.file.removesuffix(":all")
    line = place.line
    for path, text in texts[node].items():
        lines = text.count("\n") + 1
        if line <= lines:
            return Place(f"{node}:{path}", line, place.column)
        line -= lines
    return Place(f"{node}:", place.line, place.column)


def _beside(path: str, left: Source, right: Source, findings: list[Finding]) -> Beside:
    rows = tuple(RowShown.of(row) for row in side_by_side(left, right, findings))
    here = [one for row in rows for one in row.findings]
    errors = sum(one.severity is Severity.ERROR for one in here)
    return Beside(path, rows, left.text == right.text, errors, len(here) - errors)
