"""The judgement of one resource: everything that is to be said of it, the worst first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hapanel.drbd import sentences
from hapanel.drbd.circumstances import Circumstances
from hapanel.drbd.decode.assemble import VERIFYING
from hapanel.drbd.findings import Code, Finding, Severity, rank
from hapanel.drbd.join import Replication
from hapanel.drbd.link_judges import judge_links
from hapanel.drbd.side_judges import judge_sides
from hapanel.drbd.split_brain import Divergence, divergence
from hapanel.ports.replication import DiskState, ReplicationState

NOTHING_KNOWN = Circumstances()
_AT_REST = VERIFYING | {ReplicationState.ESTABLISHED}


@dataclass(frozen=True, slots=True)
class Judgement:
    """All findings of a resource, sorted; there is always one. `health` is the worst one's code."""

    resource: str
    findings: tuple[Finding, ...]
    divergences: tuple[Divergence, ...]

    @property
    def health(self) -> Code:
        """The one word for the resource."""
        return self.findings[0].code

    @property
    def severity(self) -> Severity:
        """How bad it is altogether."""
        return self.findings[0].severity

    @property
    def split_brain(self) -> Divergence | None:
        """The split brain that DRBD has met, if there is one."""
        return next((one for one in self.divergences if one.refused), None)

    def has(self, code: Code) -> bool:
        """Whether one of the findings says this."""
        return any(one.code is code for one in self.findings)


def judge(replication: Replication, circumstances: Circumstances = NOTHING_KNOWN) -> Judgement:
    """Everything that can be said of the resource from its sides and `circumstances`."""
    found = [*judge_links(replication, circumstances), *judge_sides(replication, circumstances)]
    if all(one.severity is Severity.OK for one in found):
        found.append(_nothing_wrong(replication))
    divergences = (divergence(link, circumstances) for link in replication.links)
    return Judgement(
        resource=replication.resource,
        findings=tuple(sorted(found, key=rank)),
        divergences=tuple(one for one in divergences if one is not None),
    )


def _nothing_wrong(replication: Replication) -> Finding:
    """Healthy, when every copy is up to date and every link works; else it is on its way there."""
    nodes = [side.node for side in replication.sides]
    odd = sorted(set(_unfinished(replication)))
    if odd:
        return sentences.CHANGING(*nodes, resource=replication.resource, states=", ".join(odd))
    return sentences.HEALTHY(*nodes, resource=replication.resource, nodes=", ".join(nodes))


def _unfinished(replication: Replication) -> Iterator[str]:
    """States that are no fault and no rest either, such as Negotiating or WFBitMapS."""
    for side in replication.sides:
        for volume in side.now.volumes if side.now else ():
            if volume.disk_state is not DiskState.UP_TO_DATE and not volume.client:
                yield volume.disk_state.value
    for link in replication.links:
        for seen in (one for end in link.ends for one in end.peer.volumes):
            if seen.replication_state not in _AT_REST:
                yield seen.replication_state.value
