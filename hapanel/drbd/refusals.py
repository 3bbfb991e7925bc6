"""Why an action on a replicated resource is refused before anything is sent, and what to do."""

from __future__ import annotations

from hapanel.kernel.refusal import gettext_noop, refusal_kind

UNKNOWN_RESOURCE = refusal_kind(
    "drbd-resource-unknown",
    gettext_noop("%(cluster)s has no DRBD resource %(resource)s, or it was never seen."),
    gettext_noop("Look at the replication page: resources appear there as nodes tell of them."),
    status=404,
)
NOT_A_NODE = refusal_kind(
    "drbd-node-unknown",
    gettext_noop("%(resource)s has no side on %(node)s."),
    gettext_noop("Name one of: %(nodes)s."),
    status=422,
    field="node",
)
NODE_NOT_SEEN = refusal_kind(
    "drbd-node-not-seen",
    gettext_noop("%(node)s is not seen over ssh now (%(reason)s)."),
    gettext_noop("Wait until the panel sees it, or mend the way to it in the cluster's settings."),
)
NOT_UP_HERE = refusal_kind(
    "drbd-not-up-here",
    gettext_noop("%(resource)s is not up on %(node)s."),
    gettext_noop("Bring it up with the action adjust."),
)
IS_SO = refusal_kind(
    "drbd-is-so",
    gettext_noop("%(resource)s on %(node)s is so already: %(state)s."),
    gettext_noop("Nothing has to be done."),
)
OLD_DATA = refusal_kind(
    "drbd-old-data",
    gettext_noop(
        "The copy of %(resource)s on %(node)s is %(state)s: made Primary, it would run old data."
    ),
    gettext_noop("Connect it and let the sync end first."),
)
WOULD_SPLIT = refusal_kind(
    "drbd-would-split",
    gettext_noop(
        "%(peer)s is Primary for %(resource)s and not connected to %(node)s: two Primaries without "
        "a link become a split brain."
    ),
    gettext_noop("Connect both first, or make %(peer)s Secondary."),
)
PEER_NOT_SEEN = refusal_kind(
    "drbd-peer-not-seen",
    gettext_noop(
        "%(peer)s is not seen: whether it runs on its copy of %(resource)s is not known, and if it "
        "does, this ends in a split brain."
    ),
    gettext_noop("Make sure that %(peer)s is off, then type %(node)s to confirm."),
    status=422,
    field="confirm",
)
BOTH_PRIMARY = refusal_kind(
    "drbd-both-primary",
    gettext_noop(
        "%(peer)s is Primary for %(resource)s too: disconnected, both go on writing alone, and "
        "that is a split brain."
    ),
    gettext_noop("Make one of them Secondary first."),
)
GUESTS_RUN = refusal_kind(
    "drbd-guests-run",
    gettext_noop("Guests of %(resource)s run on %(node)s: %(guests)s."),
    gettext_noop("Move or stop them first."),
)
GROUP_ACTIVE = refusal_kind(
    "drbd-group-active",
    gettext_noop(
        "The volume group %(group)s on %(resource)s is active on %(node)s, and DRBD refuses to "
        "make a device Secondary that is open."
    ),
    gettext_noop("Take the action deactivate first (vgchange -an %(group)s)."),
)
ONLY_CURRENT = refusal_kind(
    "drbd-only-current-copy",
    gettext_noop(
        "No other node has a current copy of %(resource)s that %(node)s is connected to: it would "
        "throw away the only one."
    ),
    gettext_noop("Connect a node whose copy is UpToDate first."),
)
PRIMARY_HERE = refusal_kind(
    "drbd-primary-here",
    gettext_noop("%(node)s is Primary for %(resource)s: its copy is in use."),
    gettext_noop("Move its guests, and make it Secondary first."),
)
NOT_LINKED = refusal_kind(
    "drbd-not-connected",
    gettext_noop("%(resource)s on %(node)s is not connected (%(state)s)."),
    gettext_noop("Connect it first."),
)
AT_WORK = refusal_kind(
    "drbd-at-work",
    gettext_noop("A sync or verify of %(resource)s runs: %(state)s."),
    gettext_noop("Wait for its end."),
)
NO_SYNC = refusal_kind(
    "drbd-no-sync",
    gettext_noop("No sync of %(resource)s runs on %(node)s that could be paused."),
    gettext_noop("Nothing has to be done."),
)
SPLITS_AGAIN = refusal_kind(
    "drbd-splits-again",
    gettext_noop(
        "The copies of %(resource)s have diverged: connected as they are, they part again at once."
    ),
    gettext_noop("Decide with the split-brain assistant whose changes are given up."),
)
NO_GROUP = refusal_kind(
    "drbd-no-group",
    gettext_noop("No volume group is known to lie on %(resource)s."),
    gettext_noop("Wait until the panel has read the volume groups of the nodes."),
)
NOT_PRIMARY = refusal_kind(
    "drbd-not-primary",
    gettext_noop("%(node)s is not Primary for %(resource)s: a group on it cannot be read there."),
    gettext_noop("Make it Primary first."),
)
RESIZE = refusal_kind(
    "drbd-resize",
    gettext_noop(
        "The panel does not resize %(resource)s: both backing devices have to be grown first, in "
        "the right order and by hand, and a mistake destroys DRBD's metadata."
    ),
    gettext_noop(
        "Grow the backing device on each node, then on the Primary: drbdadm resize %(resource)s, "
        "and pvresize on the DRBD device."
    ),
)
NO_SPLIT_BRAIN = refusal_kind(
    "no-split-brain",
    gettext_noop("%(resource)s is in no split brain that both sides are seen in."),
    gettext_noop("Look at what is said of the resource; a side that is not seen has to be first."),
)
THREE_SIDES = refusal_kind(
    "split-brain-three-sides",
    gettext_noop("%(resource)s has more than two sides, and the assistant knows two."),
    gettext_noop("Recover it by hand, one link after the other, with the commands shown."),
)
NAME_NOT_TYPED = refusal_kind(
    "drbd-name-not-typed",
    gettext_noop("This throws away data on %(node)s, and its name was not typed."),
    gettext_noop("Type %(node)s to confirm."),
    status=422,
    field="confirm",
)
