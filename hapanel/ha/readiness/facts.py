"""What readiness is judged from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from hapanel.drbd.judge import Judgement
from hapanel.ha.capacity.loss import Loss
from hapanel.ha.forecast.snapshot import Snapshot
from hapanel.ha.verdict import Verdict


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """seen: the cluster, of its guests at least those under HA and those that matter.

    votes: what the votes come to. services: names of the services that people use, by guest id.
    losses: what has to fit where, computed by the engine; None where only what is certain without
    it is wanted. replication: what is to be said of each DRBD resource; None while nobody observes
    it. sees_ha: whether the HA manager's state was told lately.
    """

    seen: Snapshot
    votes: Verdict
    services: Mapping[int, Sequence[str]] = {}
    losses: Sequence[Loss] | None = None
    replication: Sequence[Judgement] | None = None
    sees_ha: bool = True
