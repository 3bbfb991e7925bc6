"""Every sentence that a judgement of a resource has, with its remedy."""

from __future__ import annotations

from hapanel.drbd.findings import Code, FindingKind, Severity
from hapanel.kernel.refusal import gettext_noop

SPLIT_BRAIN = FindingKind(
    Code.SPLIT_BRAIN,
    Severity.DANGER,
    gettext_noop(
        "%(resource)s is in a split brain: %(first)s and %(second)s both changed their copies, "
        "and DRBD refuses to connect them."
    ),
    gettext_noop(
        "Change nothing on either side before it is decided whose changes are kept. The "
        "split-brain assistant shows what is known of both sides and leads through the recovery."
    ),
)
DIVERGING = FindingKind(
    Code.DIVERGING,
    Severity.DANGER,
    gettext_noop(
        "%(first)s and %(second)s may both write to %(resource)s while the link between them is "
        "down: when it comes back, DRBD will find a split brain."
    ),
    gettext_noop(
        "Before the link comes back, decide whose changes are kept and stop the guests of the "
        "other side: an automatic after-sb policy would throw one side's changes away by itself."
    ),
)
NO_CURRENT_COPY = FindingKind(
    Code.NO_CURRENT_COPY,
    Severity.DANGER,
    gettext_noop("No node has a usable copy of %(resource)s: %(disks)s."),
    gettext_noop(
        "For a new resource, start the first sync on the node whose data shall be kept: "
        "drbdadm primary --force %(resource)s. Otherwise find out first which copy is the best."
    ),
)
INCONSISTENT_PRIMARY = FindingKind(
    Code.INCONSISTENT_PRIMARY,
    Severity.DANGER,
    gettext_noop(
        "%(node)s is Primary for %(resource)s with a copy that is not complete: it reads from its "
        "peer, and its guests lose their disks when the link fails."
    ),
    gettext_noop("Let the sync end. Do not disconnect, and do not restart the peer before."),
)
DUAL_PRIMARY_UNEXPLAINED = FindingKind(
    Code.DUAL_PRIMARY_UNEXPLAINED,
    Severity.DANGER,
    gettext_noop(
        "%(first)s and %(second)s are both Primary for %(resource)s, and no migration explains it: "
        "when the link fails now, a split brain follows."
    ),
    gettext_noop(
        "Make the node on which no guest uses it Secondary: drbdadm secondary %(resource)s."
    ),
)
IO_SUSPENDED = FindingKind(
    Code.IO_SUSPENDED,
    Severity.DANGER,
    gettext_noop("%(node)s lets all writes to %(resource)s wait (%(reasons)s): its guests hang."),
    gettext_noop(
        "Bring the missing node or its link back; when that is impossible, "
        "drbdadm resume-io %(resource)s lets the writes fail or go on."
    ),
)
PRIMARY_WITHOUT_QUORUM = FindingKind(
    Code.NO_QUORUM,
    Severity.DANGER,
    gettext_noop(
        "%(node)s is Primary for %(resource)s and has lost DRBD's quorum: writes fail or wait."
    ),
    gettext_noop(
        "Bring the other nodes back. Do not force another node to Primary: that is a split brain."
    ),
)
WITHOUT_QUORUM = FindingKind(
    Code.NO_QUORUM,
    Severity.WARN,
    gettext_noop("%(node)s sees too few nodes of %(resource)s and cannot become Primary."),
    gettext_noop("Bring its links back. Do not force it to Primary: that is a split brain."),
)
DISKLESS = FindingKind(
    Code.DISKLESS,
    Severity.WARN,
    gettext_noop(
        "%(node)s has no local copy of %(resource)s (%(disk)s): its disk failed or was detached."
    ),
    gettext_noop(
        "Look at the kernel log of %(node)s for errors of the disk; when it is sound or replaced, "
        "drbdadm attach %(resource)s."
    ),
)
NOT_UP = FindingKind(
    Code.NOT_UP,
    Severity.WARN,
    gettext_noop("%(resource)s is not up on %(node)s: nothing is replicated to it."),
    gettext_noop("drbdadm up %(resource)s on %(node)s tells why, when it refuses."),
)
NOT_UP_ANYWHERE = FindingKind(
    Code.NOT_UP,
    Severity.DANGER,
    gettext_noop("%(resource)s is not up on any of its nodes: nothing can use it."),
    gettext_noop("drbdadm up %(resource)s on each node; it tells why, when it refuses."),
)
GAVE_UP = FindingKind(
    Code.DISCONNECTED,
    Severity.WARN,
    gettext_noop(
        "Nothing tries to connect %(resource)s any more on %(nodes)s: somebody disconnected it, or "
        "DRBD refused the peer. It does not come back by itself."
    ),
    gettext_noop(
        "drbdadm connect %(resource)s on %(nodes)s. When that does not last, compare the "
        "configuration of both nodes and read their kernel logs."
    ),
)
OUTDATED = FindingKind(
    Code.STALE,
    Severity.WARN,
    gettext_noop("The copy of %(resource)s on %(node)s is older than the one on %(newer)s."),
    gettext_noop(
        "Do not make %(node)s Primary: it would run old data. Bring the link back, and the copy "
        "catches up by itself."
    ),
)
INCOMPLETE = FindingKind(
    Code.STALE,
    Severity.WARN,
    gettext_noop(
        "The copy of %(resource)s on %(node)s is not complete: its sync from %(newer)s did not end."
    ),
    gettext_noop("Bring the link back, and the sync goes on where it stopped."),
)
MAYBE_OUTDATED = FindingKind(
    Code.STALE,
    Severity.WARN,
    gettext_noop(
        "The copy of %(resource)s on %(node)s may be older than the one on %(newer)s, which is not "
        "seen: nobody knows what was written there since."
    ),
    gettext_noop(
        "Bring %(newer)s back before anything is started on %(node)s; when it is lost for good, "
        "%(node)s has the best copy that is left."
    ),
)
DEGRADED = FindingKind(
    Code.DEGRADED,
    Severity.WARN,
    gettext_noop(
        "%(resource)s is not replicated: %(first)s and %(second)s are not connected. "
        "The current data is on %(current)s."
    ),
    gettext_noop("Look at the replication network between the two nodes."),
)
DEGRADED_UNSURE = FindingKind(
    Code.DEGRADED,
    Severity.WARN,
    gettext_noop(
        "%(resource)s is not replicated: %(first)s and %(second)s are not connected, and it is "
        "not known which copy is current."
    ),
    gettext_noop("Look at the replication network between the two nodes."),
)
# What to do about it when it is not the network that holds them apart.
CONNECT_AGAIN = gettext_noop("Connect it again on %(apart)s: nothing there tries to any more.")
BRING_UP = gettext_noop("Bring it up on %(apart)s first.")
ALONE = FindingKind(
    Code.DEGRADED,
    Severity.WARN,
    gettext_noop("%(resource)s exists on %(node)s only: nothing is replicated."),
    gettext_noop("Bring the resource up on its other node, or read their configuration files."),
)
VERIFY_DIFFERENCES = FindingKind(
    Code.VERIFY_DIFFERENCES,
    Severity.WARN,
    gettext_noop(
        "A verify found %(size)s of %(resource)s that differ between %(first)s and %(second)s."
    ),
    gettext_noop(
        "Find out why (a disk that lies, a write past DRBD). drbdadm disconnect and connect "
        "%(resource)s on the Secondary then copies what differs from the Primary."
    ),
)
SYNC_PAUSED = FindingKind(
    Code.SYNC_PAUSED,
    Severity.WARN,
    gettext_noop(
        "The sync of %(resource)s from %(source)s to %(target)s is held by %(holders)s; "
        "%(size)s are still to be copied."
    ),
    gettext_noop("drbdadm resume-sync %(resource)s on each node that holds it."),
)
SYNC_HELD = FindingKind(
    Code.SYNC_PAUSED,
    Severity.WARN,
    gettext_noop(
        "The next sync of %(resource)s would not start: its pause is still set on %(holders)s."
    ),
    gettext_noop("drbdadm resume-sync %(resource)s on each node that holds it."),
)
SYNCING = FindingKind(
    Code.SYNCING,
    Severity.WARN,
    gettext_noop(
        "%(resource)s is being copied from %(source)s to %(target)s, %(size)s are left: until it "
        "has ended, the copy on %(target)s is no use."
    ),
    gettext_noop("Let the sync end before anything is restarted on %(source)s."),
)
SYNC_BEGINS = FindingKind(
    Code.SYNCING,
    Severity.WARN,
    gettext_noop(
        "A sync of %(resource)s from %(source)s to %(target)s begins: until it has ended, the copy "
        "on %(target)s is no use."
    ),
    gettext_noop("Let the sync end before anything is restarted on %(source)s."),
)
DUAL_PRIMARY_CONFIGURED = FindingKind(
    Code.DUAL_PRIMARY_CONFIGURED,
    Severity.WARN,
    gettext_noop(
        "%(first)s and %(second)s are Primary for %(resource)s for good: a failure of the link "
        "alone is enough for a split brain."
    ),
    gettext_noop(
        "Use one resource for the guests of each node, or fencing, so that only one side can "
        "write when the link is down."
    ),
)
DUAL_PRIMARY = FindingKind(
    Code.DUAL_PRIMARY,
    Severity.WARN,
    gettext_noop(
        "%(first)s and %(second)s are both Primary for %(resource)s; whether that is meant to be "
        "is not known, since the configuration was not read."
    ),
    gettext_noop("Let the panel read the configuration of both nodes."),
)
DUAL_PRIMARY_TEMPORARY = FindingKind(
    Code.DUAL_PRIMARY_TEMPORARY,
    Severity.OK,
    gettext_noop(
        "%(first)s and %(second)s are both Primary for %(resource)s during a migration: %(guests)s."
    ),
)
PEER_BEHIND = FindingKind(
    Code.LINK_TOO_THIN,
    Severity.WARN,
    gettext_noop(
        "%(node)s writes to %(resource)s faster than the link takes it, and has run ahead of its "
        "peer."
    ),
    gettext_noop("Give replication a faster network, or spread the guests over more resources."),
)
LINK_TOO_THIN = FindingKind(
    Code.LINK_TOO_THIN,
    Severity.WARN,
    gettext_noop(
        "The guests write %(written)s a second to %(resource)s, and its link takes %(link)s a "
        "second: writes wait for the network, and a sync would not end."
    ),
    gettext_noop("Give replication a faster network, or spread the guests over more resources."),
)
CONTRADICTION = FindingKind(
    Code.CONTRADICTION,
    Severity.WARN,
    gettext_noop(
        "%(first)s and %(second)s contradict each other about %(resource)s: %(first)s says "
        "%(first_says)s, %(second)s says %(second_says)s."
    ),
    gettext_noop(
        "A change under way looks so for a moment. When it stays, compare the configuration of "
        "both nodes."
    ),
)
CHANGING = FindingKind(
    Code.CHANGING,
    Severity.WARN,
    gettext_noop("%(resource)s is between two states (%(states)s) and not replicated safely yet."),
    gettext_noop("Wait a moment; when it stays, read the kernel logs of its nodes."),
)
NOT_OBSERVED = FindingKind(
    Code.NOT_OBSERVED,
    Severity.UNKNOWN,
    gettext_noop("%(nodes)s cannot be seen now, so how %(resource)s stands there is not known."),
    gettext_noop("Let the panel reach %(nodes)s over ssh; the cluster's settings say how."),
)
NOT_UNDERSTOOD = FindingKind(
    Code.NOT_UNDERSTOOD,
    Severity.UNKNOWN,
    gettext_noop("%(node)s says things of %(resource)s that the panel does not know: %(words)s."),
    gettext_noop(
        "Look with drbdadm status on the node, and report the words to the panel's makers."
    ),
)
VERIFYING = FindingKind(
    Code.VERIFYING,
    Severity.OK,
    gettext_noop("The copies of %(resource)s on %(first)s and %(second)s are being compared."),
)
HEALTHY = FindingKind(
    Code.HEALTHY,
    Severity.OK,
    gettext_noop("%(resource)s is replicated: %(nodes)s hold the same data."),
)
