"""What a verdict marks in the drawing, so that no part of it looks better than what is said of it.

DRBD's own words can look healthy where nothing is: in a split brain both copies are UpToDate.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from hapanel.drbd.findings import Code, Finding
from hapanel.ui.replication_states import finding_shown
from hapanel.ui.states import Shown

# Which part of a node, or of the link between two, a finding is about.
ROLE = frozenset(
    {
        Code.INCONSISTENT_PRIMARY,
        Code.DUAL_PRIMARY_UNEXPLAINED,
        Code.DUAL_PRIMARY_CONFIGURED,
        Code.DUAL_PRIMARY,
        Code.IO_SUSPENDED,
        Code.NO_QUORUM,
    }
)
COPY = frozenset({Code.SPLIT_BRAIN, Code.DIVERGING, Code.STALE, Code.VERIFY_DIFFERENCES})
WIRE = frozenset({Code.SPLIT_BRAIN, Code.DIVERGING, Code.VERIFY_DIFFERENCES, Code.CONTRADICTION})
STOPWATCH = frozenset({Code.DUAL_PRIMARY_UNEXPLAINED, Code.DUAL_PRIMARY_TEMPORARY})

_WORST_FIRST = ("danger", "warn", "unknown", "busy", "ok")


def mark_of(
    findings: Iterable[Finding], *nodes: str, among: Collection[Code] = frozenset(Code)
) -> Shown | None:
    """The worst finding of these codes that is about all of `nodes`; findings come worst first."""
    for finding in findings:
        if finding.code in among and set(nodes) <= set(finding.nodes):
            return finding_shown(finding)
    return None


def worst(states: Iterable[str]) -> str:
    """The worst of some states; what nobody told is unknown."""
    told = set(states)
    return next((state for state in _WORST_FIRST if state in told), "unknown")
