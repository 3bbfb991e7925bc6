"""How findings about a DRBD configuration are marked."""

from __future__ import annotations

from collections.abc import Iterable

from django import template

from hapanel.drbd.configuration.findings import Finding, Severity

register = template.Library()


@register.filter
def finding_state(finding: Finding) -> str:
    """The shape of a finding."""
    return "danger" if finding.severity is Severity.ERROR else "warn"


@register.filter
def worst_finding(findings: Iterable[Finding]) -> str:
    """The shape of the worst of some findings."""
    return min((finding_state(finding) for finding in findings), default="off")
