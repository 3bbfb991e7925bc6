"""Refusals of what a body names."""

from __future__ import annotations

from hapanel.kernel.refusal import gettext_noop, refusal_kind

UNKNOWN_CLUSTER = refusal_kind(
    "unknown-cluster",
    gettext_noop("The panel knows no cluster %(cluster)s."),
    gettext_noop("GET /api/v1/clusters/ lists the clusters it knows."),
    status=404,
    field="cluster",
)
