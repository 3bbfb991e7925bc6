"""Old knowledge is no knowledge: which clusters were seen recently enough to be believed."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

UNKNOWN = "unknown"


def is_fresh(cluster: str = "cluster", seen: str = "observed_at") -> Q:
    """Rows whose cluster (reached through `cluster`) is not stale, as Cluster.is_stale judges; with
    another moment in `seen`, as Cluster.is_ha_stale does."""
    limit = timezone.now() - timedelta(seconds=settings.STALE_AFTER_SECONDS)
    return Q(**{f"{cluster}__{seen}__gte": limit})


def has_status(status: str, cluster: str = "cluster") -> Q:
    """Rows that are shown with `status` now: those of a stale cluster are shown as unknown."""
    if status == UNKNOWN:
        return Q(status=UNKNOWN) | ~is_fresh(cluster) | Q(**{f"{cluster}__observed_at": None})
    return Q(status=status) & is_fresh(cluster)
