"""How an act on a node over ssh can end badly after it was recorded."""

from __future__ import annotations

from hapanel.drbd.tool_errors import refusal_of_tool, said
from hapanel.kernel.refusal import Refusal, refusal_kind
from hapanel.kernel.refusal import gettext_noop as _
from hapanel.ports.node_shell import OrderAnswer

UNANSWERED = refusal_kind(
    "drbd-order-unanswered",
    _("%(node)s was told `%(line)s`, did not answer, and does not show it after %(seconds)s s."),
    _("Look at its state, and ask again when it is still wanted."),
)
DISOBEYED = refusal_kind(
    "drbd-order-without-effect",
    _("%(node)s carried out `%(line)s`, and does not show it after %(seconds)s s."),
    _("Look at its kernel log."),
)
PARTED_AGAIN = refusal_kind(
    "drbd-parted-again",
    _("%(resource)s was connected on %(node)s and dropped the link again at once."),
    _(
        "Look at what is said of the resource now: a split brain needs the assistant; settings "
        "that differ need both nodes' files made alike."
    ),
)
BROKEN_OFF = refusal_kind(
    "drbd-work-broken-off",
    _("What DRBD worked on for %(resource)s stopped before its end: %(node)s shows %(state)s."),
    _("Connect both sides again: a sync goes on where it stopped, a verify has to begin anew."),
)
VERIFY_BROKEN_OFF = refusal_kind(
    "drbd-verify-broken-off",
    _(
        "The verify of %(resource)s, begun on %(node)s, stopped before its end: the link fell, or "
        "a sync came between. Whether the rest is the same is not known."
    ),
    _("Verify again once the resource is connected and at rest."),
)
NOT_SENT = refusal_kind(
    "drbd-order-not-sent",
    _("%(node)s could not be reached (%(reason)s). Nothing was changed by this order."),
    _("Wait until the panel sees the node over ssh, and ask again."),
)
LVM_REFUSED = refusal_kind(
    "lvm-refused",
    _("LVM on %(node)s refused `%(line)s`: %(said)s"),
    _("Mend what it names; guests that still use the group are stopped or moved first."),
)
RESOURCE_BUSY = refusal_kind(
    "drbd-operation-in-progress",
    _("Operation %(operation)s works on %(resource)s already."),
    _("Wait for its end, or cancel it; a sync that it follows is then paused."),
)


def refusal_of(node: str, resource: str, line: str, answer: OrderAnswer) -> Refusal | None:
    """Why an order failed, in the tool's own words; None when it did not."""
    if answer.is_good:
        return None
    if line.startswith("drbdadm "):
        return refusal_of_tool(node, resource, answer.exit if answer.exit else -1, answer.said)
    return LVM_REFUSED(node=node, line=line, said=said(answer.said))
