"""The verb switch_lab, as a worker carries it out: look, throw the switch once, look again."""

from __future__ import annotations

from collections.abc import Callable

from hapanel.kernel.refusal import gettext_noop as _
from hapanel.kernel.refusal import refusal_kind
from hapanel.live.lab_picture import remember
from hapanel.operations.models import State, Step
from hapanel.operations.switch_lab import wish_of
from hapanel.operations.work import Work, noted
from hapanel.ports.errors import ClusterError

LAB_SILENT = refusal_kind(
    "lab-silent",
    _("The lab does not answer (%(reason)s). Nothing was switched."),
    _("Look whether its process runs, and try again."),
)
LAB_REFUSES = refusal_kind(
    "lab-refuses",
    _("The lab refuses: %(reason)s"),
    _("Mend what it names, and try again."),
)
LAB_DISOBEYS = refusal_kind(
    "lab-disobeys",
    _("The lab was told, but does not show it after %(seconds)s seconds."),
    _("Look at the Lab page: what stands there is what the lab says of itself."),
)
# Maintenance shows after the HA manager's next round, ten seconds at most; all else at once.
PATIENCE_SECONDS = 20.0
LOOK_AGAIN_SECONDS = 0.5


def preflight(work: Work) -> None:
    """Look at the lab as it is now: the page's picture may be some seconds old."""
    wish = wish_of(work.operation)
    try:
        picture = work.doors.to_lab().look()
    except ClusterError as error:
        work.fail(LAB_SILENT(reason=error.reason[:300]))
        return
    refusal = wish.why_not(picture)
    if refusal is not None:
        work.fail(refusal)
        return
    work.commit(step=Step.INTENDED, memo=work.memo(orders=list(wish.orders(picture))))


def throw(work: Work) -> None:
    """Send it, once: whoever finds it sent only looks what came of it."""
    if work.operation.sent_at is None:
        if not work.take_the_right_to_send():
            return
        try:
            lab = work.doors.to_lab()
            for action, *args in work.operation.memo["orders"]:
                lab.do(action, *args)
        except ClusterError as error:
            if not error.may_have_happened:
                work.fail(LAB_REFUSES(reason=error.reason[:300]))
                return
    work.commit(noted("lab_told"), step=Step.VERIFYING)


def verify(work: Work) -> None:
    """Look until the lab shows it."""
    try:
        picture = work.doors.to_lab().look()
        is_done = wish_of(work.operation).is_done(picture)
    except (ClusterError, KeyError):
        is_done = False
    if is_done:
        remember(picture)
        work.commit(noted("lab_obeyed"), state=State.SUCCEEDED, percent=100.0)
    elif work.since(work.operation.sent_at) > PATIENCE_SECONDS:
        work.fail(LAB_DISOBEYS(seconds=round(PATIENCE_SECONDS)))
    else:
        work.commit(look_in=LOOK_AGAIN_SECONDS)


STEPS: dict[Step, Callable[[Work], None]] = {
    Step.PREFLIGHT: preflight,
    Step.INTENDED: throw,
    Step.VERIFYING: verify,
}
