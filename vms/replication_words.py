"""What the actions on a DRBD resource are called, and what each does, in a sentence for people."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from hapanel.drbd.actions import Action

LABELS: dict[Action, str | Promise] = {
    Action.CONNECT: _("Connect"),
    Action.DISCONNECT: _("Disconnect"),
    Action.PRIMARY: _("Make Primary"),
    Action.SECONDARY: _("Make Secondary"),
    Action.PAUSE_SYNC: _("Pause sync"),
    Action.RESUME_SYNC: _("Resume sync"),
    Action.VERIFY: _("Verify"),
    Action.INVALIDATE: _("Invalidate"),
    Action.ADJUST: _("Adjust"),
    Action.DEACTIVATE: _("Deactivate group"),
    Action.ACTIVATE: _("Activate group"),
    Action.RESIZE: _("Resize"),
}
MEANINGS: dict[Action, str | Promise] = {
    Action.CONNECT: _("The node looks for its peer again. What was written meanwhile is synced."),
    Action.DISCONNECT: _(
        "The node stops replicating. What is written from now on is on one side only, until it is "
        "connected again."
    ),
    Action.PRIMARY: _("The node may write to the resource, so guests on it can run there."),
    Action.SECONDARY: _("The node gives up writing. Nothing on it may use the device any more."),
    Action.PAUSE_SYNC: _("The link is free for others until somebody resumes the sync."),
    Action.RESUME_SYNC: _("The sync goes on where it was paused."),
    Action.VERIFY: _(
        "Both copies are read and compared while everything runs on. It reads the whole device and "
        "says how much differs; it mends nothing."
    ),
    Action.INVALIDATE: _(
        "This node’s copy is thrown away and fetched anew from its peer, all of it."  # noqa: RUF001
    ),
    Action.ADJUST: _("The node takes over what its configuration files say now."),
    Action.DEACTIVATE: _("The volume group is closed on this node, so that DRBD can let it go."),
    Action.ACTIVATE: _("The volume group is opened on this node."),
    Action.RESIZE: _("The resource grows to the size of its backing devices."),
}
