"""Writing down what Proxmox tells of HA: shared by who looks and by who has just changed it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.utils import timezone

from hapanel.ports import cluster as ports
from nodes.models import Cluster
from vms.models import HaRule


def record_rules(cluster: Cluster, told: Iterable[ports.HaRule]) -> bool:
    """Make the recorded rules those that were told; whether anything changed."""
    answers = {answer.rule: answer for answer in told}
    rows = {row.rule: row for row in HaRule.objects.filter(cluster=cluster)}
    changed = False
    for name, answer in answers.items():
        said = _columns(answer)
        row = rows.get(name)
        if row is None or any(getattr(row, column) != value for column, value in said.items()):
            HaRule.objects.update_or_create(
                cluster=cluster, rule=name, defaults=said | {"changed_at": timezone.now()}
            )
            changed = True
    gone = [row.pk for name, row in rows.items() if name not in answers]
    if gone:
        HaRule.objects.filter(pk__in=gone).delete()
    return changed or bool(gone)


def _columns(answer: ports.HaRule) -> dict[str, Any]:
    return {
        "type": answer.type[:32],
        "resources": list(answer.resources),
        "nodes": list(answer.nodes),
        "affinity": (answer.affinity or "")[:16],
        "strict": answer.strict,
        "disabled": answer.disabled,
        "comment": answer.comment or "",
        "errors": answer.errors or "",
    }
