"""Every capacity verdict of 32 nodes with 1,000 HA guests, and the judgement of their readiness."""

from __future__ import annotations

import time
from collections import Counter

from bench.forecasts import made_up
from bench.goals import Figure
from hapanel.ha.capacity.loss import Survey
from hapanel.ha.readiness.facts import Facts
from hapanel.ha.readiness.judge import readiness
from hapanel.ha.verdict import judge
from hapanel.ports.cluster import NodeVotes

GOAL_SECONDS = 2.5
# One pass over the records, as the overview does it.
GLANCE_GOAL_SECONDS = 0.1


def measure() -> list[Figure]:
    """CPU seconds for all losses together, and for one glance without a run of the engine."""
    seen = made_up()
    cpu = time.process_time()
    losses = Survey(seen).each()
    cpu = time.process_time() - cpu
    listed = [NodeVotes(name=n.name, node_id=n.node_id, votes=1) for n in seen.nodes]
    votes = judge(seen.cluster, listed, [n.name for n in seen.nodes], seen.qdevice, True)
    began = time.process_time()
    judged = readiness(Facts(seen=seen, votes=votes))
    glance = time.process_time() - began
    fits = Counter(loss.fit.value for loss in losses)
    return [
        Figure(
            "capacity, each of 32 nodes dies, 1,000 HA guests", cpu, "s", GOAL_SECONDS, dict(fits)
        ),
        Figure(
            "readiness at a glance, 1,000 HA guests",
            glance,
            "s",
            GLANCE_GOAL_SECONDS,
            {"conditions": len(judged.conditions)},
        ),
    ]
