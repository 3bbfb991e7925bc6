"""The verb migrate, as a worker carries it out: which function takes which step.

The order is that of a migration's life; each function commits exactly once, by itself or through
what it calls, and may be repeated after a crash.
"""

from __future__ import annotations

from collections.abc import Callable

from hapanel.operations.migrate_check import preflight
from hapanel.operations.migrate_end import verifying
from hapanel.operations.migrate_follow import accepted, following, waiting_for_ha
from hapanel.operations.migrate_send import intended
from hapanel.operations.models import Step
from hapanel.operations.work import Work

STEPS: dict[Step, Callable[[Work], None]] = {
    Step.PREFLIGHT: preflight,
    Step.INTENDED: intended,
    Step.ACCEPTED: accepted,
    Step.WAITING_FOR_HA: waiting_for_ha,
    Step.FOLLOWING: following,
    Step.VERIFYING: verifying,
}
