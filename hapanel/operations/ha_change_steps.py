"""Changes of HA, as a worker carries them out: judge again, send once, read back.

The HA configuration is written by one request without a task. So whatever became of the request,
the configuration itself tells: a worker that lost the answer, or its life, never sends again but
reads. Disarming and arming are only queued by the request; the HA manager's own status tells when
it has obeyed.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from hapanel.ha.change.configuration import Configuration, is_shown
from hapanel.ha.change.judge import HaFacts, refusals_of
from hapanel.ha.change.wish import HaChange, Verb
from hapanel.operations import ha_change_outcomes as outcomes
from hapanel.operations.ha_change import change_of
from hapanel.operations.ha_change_records import record_change
from hapanel.operations.ha_facts import live_facts
from hapanel.operations.migrate_send import PREFLIGHT_HOLDS, UNCLEAR_AFTER
from hapanel.operations.models import State, Step
from hapanel.operations.work import LostClaim, Work, noted
from hapanel.ports.cluster import HaStatus
from hapanel.ports.cluster_gateway import ClusterGateway
from hapanel.ports.errors import (
    BadRequest,
    ClusterError,
    Garbage,
    GuestLocked,
    NodeUnreachable,
    NotQuorate,
    PermissionMissing,
    ServerFault,
    SignInRefused,
    Unreachable,
)

LOOK_EVERY = 1.0
# Written is written: another node may show it a moment later, not longer.
SHOWS_WITHIN = 20.0
# The HA manager looks at its queue every ten seconds; twice that and what a busy round takes.
OBEYS_WITHIN = 60.0
OBEY_MARGIN = 20.0
_SAYS_NO = (SignInRefused, PermissionMissing, NotQuorate, GuestLocked, BadRequest, ServerFault)


def preflight(work: Work) -> None:
    """Judge by what Proxmox says now, remember the digest that it was judged from, and intend."""
    gateway = work.doors.to_cluster(work.cluster)
    change = change_of(work.operation)
    try:
        facts = live_facts(gateway, work.cluster)
    except _SAYS_NO as error:
        work.fail(outcomes.refused(error, cluster=work.cluster.name))
        return
    refusals = refusals_of(change, facts)
    if refusals:
        work.fail(refusals[0])
        return
    work.commit(
        noted("ha_preflight_passed"),
        noted("intended"),
        step=Step.INTENDED,
        intended_at=work.now,
        sent_at=None,
        memo=work.memo(**_found(change, facts)),
    )


def _found(change: HaChange, facts: HaFacts) -> dict[str, str]:
    """What the request needs of the configuration as it was judged."""
    known = facts.configuration
    if change.verb is Verb.CHANGE_RESOURCE:
        resource = known.resource(change.key)
        return {"digest": (resource.digest if resource else None) or ""}
    if change.verb is Verb.CHANGE_RULE:
        rule = known.rule(change.key)
        return {"digest": (rule.digest if rule else None) or "", "type": rule.type if rule else ""}
    return {}


def intended(work: Work) -> None:
    """Send the request if nobody did; if somebody may have, go and read."""
    operation = work.operation
    if operation.sent_at is not None:
        work.commit(noted("ha_unsure"), step=Step.CONFIRMING, memo=work.memo(lost=True))
    elif work.since(operation.intended_at) > PREFLIGHT_HOLDS:
        work.commit(step=Step.PREFLIGHT)
    else:
        _send(work)


def _send(work: Work) -> None:
    gateway = work.doors.to_cluster(work.cluster)
    if not work.take_the_right_to_send():
        raise LostClaim(str(work.operation))
    change = change_of(work.operation)
    try:
        _request(gateway, change, work.operation.memo)
    except ClusterError as error:
        _after_no_answer(work, error)
        return
    work.commit(noted("ha_taken"), step=Step.CONFIRMING)


def _request(gateway: ClusterGateway, change: HaChange, memo: dict[str, str]) -> None:
    """The one request of the change. Raises a ClusterError."""
    key, digest = change.key, memo.get("digest") or None
    match change.verb:
        case Verb.ADD_RESOURCE:
            gateway.add_ha_resource(key, change.resource)
        case Verb.CHANGE_RESOURCE:
            gateway.change_ha_resource(key, change.resource, digest)
        case Verb.REMOVE_RESOURCE:
            gateway.remove_ha_resource(key)
        case Verb.ADD_RULE:
            gateway.add_ha_rule(key, change.rule)
        case Verb.CHANGE_RULE:
            # Proxmox checks what is given by the rule's type, so it is told.
            settings = replace(change.rule, type=memo.get("type") or None)
            gateway.change_ha_rule(key, settings, digest)
        case Verb.REMOVE_RULE:
            gateway.remove_ha_rule(key)
        case Verb.DISARM:
            gateway.disarm_ha(change.mode)
        case Verb.ARM:
            gateway.arm_ha()


def _after_no_answer(work: Work, error: ClusterError) -> None:
    if error.may_have_happened:
        work.commit(
            noted("ha_answer_lost", kind=error.kind, reason=error.reason[:300]),
            step=Step.CONFIRMING,
            blind=True,
            memo=work.memo(lost=True),
            look_in=LOOK_EVERY,
        )
    elif isinstance(error, Unreachable | NodeUnreachable | Garbage):
        # It never got there, for certain: give the right back and look again later.
        work.commit(blind=True, sent_at=None, step=Step.PREFLIGHT)
        raise error
    else:
        work.fail(outcomes.refused(error, cluster=work.cluster.name))


def confirming(work: Work) -> None:
    """Read what is configured; succeed when it shows the change."""
    gateway = work.doors.to_cluster(work.cluster)
    change = change_of(work.operation)
    status = gateway.ha_status()
    found = Configuration(
        resources=gateway.ha_services() if change.verb.is_about_resource else (),
        rules=gateway.ha_rules(),
        armed=status.armed_state or "",
    )
    if is_shown(found, change):
        _succeed(work, change, found)
    elif change.verb in (Verb.DISARM, Verb.ARM):
        _wait_for_manager(work, status)
    else:
        _wait_for_configuration(work)


def _succeed(work: Work, change: HaChange, found: Configuration) -> None:
    """The records change with the success, so that whoever asks next is judged by what is true."""
    cluster = work.cluster
    work.commit(
        noted("ha_succeeded"),
        state=State.SUCCEEDED,
        percent=100.0,
        outcome=None,
        also=lambda: record_change(cluster, change, found),
    )


def _wait_for_configuration(work: Work) -> None:
    is_lost = bool(work.operation.memo.get("lost"))
    waited = work.since(work.operation.sent_at)
    if waited <= (UNCLEAR_AFTER if is_lost else SHOWS_WITHIN):
        work.commit(look_in=LOOK_EVERY)
    elif is_lost:
        work.fail(outcomes.NOT_ARRIVED(seconds=round(waited)))
    else:
        work.fail(outcomes.NOT_KEPT())


def _wait_for_manager(work: Work, status: HaStatus) -> None:
    """Queued is not done. How long disarming takes is up to recoveries and moves under way."""
    operation = work.operation
    is_lost = bool(operation.memo.get("lost"))
    waited = work.since(operation.sent_at)
    armed = status.armed_state or ""
    limit = work.scaled(OBEYS_WITHIN) + (UNCLEAR_AFTER if is_lost else OBEY_MARGIN)
    if armed == "disarming" and operation.kind == Verb.DISARM:
        _go_on_waiting(work, armed)
    elif waited <= limit:
        work.commit(look_in=LOOK_EVERY)
    elif status.manager_state != "active" or status.quorate is False:
        _ask_a_person(work)
    elif is_lost:
        work.fail(outcomes.NOT_ARRIVED(seconds=round(waited)))
    else:
        work.fail(outcomes.NOT_OBEYED(seconds=round(waited), state=armed or "-"))


def _go_on_waiting(work: Work, armed: str) -> None:
    if work.operation.memo.get("waits"):
        work.commit(look_in=LOOK_EVERY)
    else:
        work.commit(noted("ha_waits", state=armed), memo=work.memo(waits=True), look_in=LOOK_EVERY)


def _ask_a_person(work: Work) -> None:
    """Once; afterwards keep looking, in case the HA manager comes back and obeys."""
    operation = work.operation
    if operation.state == State.NEEDS_ATTENTION and operation.memo.get("attention") == "unclear":
        work.commit(look_in=10.0)
    else:
        work.need_attention(outcomes.MAY_STILL_OBEY(), because="unclear")


STEPS: dict[Step, Callable[[Work], None]] = {
    Step.PREFLIGHT: preflight,
    Step.INTENDED: intended,
    Step.CONFIRMING: confirming,
}
