"""What `doctor` finds: one line per thing looked at, each fault with its remedy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How bad it is. Only `fail` makes the doctor end with 1."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` names the thing, `says` what was found, `remedy` what to do (empty: nothing)."""

    check: str
    verdict: Verdict
    says: str
    remedy: str = ""

    def as_record(self) -> dict[str, str]:
        """Plain values for --json."""
        return {name: str(value) for name, value in asdict(self).items()}

    def as_text(self) -> str:
        """One line, and the remedy on a second one."""
        line = f"{self.verdict:<5} {self.check}: {self.says}"
        return f"{line}\n      {self.remedy}" if self.remedy else line


Findings = Iterator[Finding]


def ok(check: str, says: str) -> Finding:
    return Finding(check, Verdict.OK, says)


def warn(check: str, says: str, remedy: str) -> Finding:
    return Finding(check, Verdict.WARN, says, remedy)


def fail(check: str, says: str, remedy: str) -> Finding:
    return Finding(check, Verdict.FAIL, says, remedy)
