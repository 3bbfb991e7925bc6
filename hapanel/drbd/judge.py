"""The judgement of one resource: everything that is to be said of it, the worst first."""

from __future__ import annotations

from dataclasses import dataclass

from hapanel.drbd import sentences
from hapanel.drbd.circumstances import Circumstances
from hapanel.drbd.findings import Code, Finding, Severity, rank
from hapanel.drbd.join import Replication
from hapanel.drbd.link_judges import judge_links
from hapanel.drbd.side_judges import judge_sides
from hapanel.drbd.split_brain import Divergence, divergence

NOTHING_KNOWN = Circumstances()


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
        seen = [side.node for side in replication.sides if side.now is not None]
        found.append(sentences.HEALTHY(*seen, resource=replication.resource, nodes=", ".join(seen)))
    divergences = (divergence(link, circumstances) for link in replication.links)
    return Judgement(
        resource=replication.resource,
        findings=tuple(sorted(found, key=rank)),
        divergences=tuple(one for one in divergences if one is not None),
    )
