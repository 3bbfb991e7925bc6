"""What lies on the resource: guests on both nodes, and LVM that may see one disk twice."""

from __future__ import annotations

from collections.abc import Iterator

from hapanel.drbd.configuration.findings import Finding, warning
from hapanel.drbd.configuration.lvm import accepted_by
from hapanel.drbd.configuration.subject import Subject, same_host
from hapanel.drbd.configuration.tokens import Place
from hapanel.kernel.refusal import gettext_noop

SHARED_BY_BOTH = warning(
    "shared-by-both-nodes",
    gettext_noop("Guests on %(nodes)s share %(name)s (%(guests)s): after a split brain both lose"),
    gettext_noop("Make two resources, one for the guests of each node, and one Primary for each"),
)
LVM_SEES_DISK = warning(
    "lvm-sees-backing-disk",
    gettext_noop("LVM on %(host)s may open %(disk)s beneath DRBD, past the replication"),
    gettext_noop("Reject it in global_filter of /etc/lvm/lvm.conf: %(pattern)s"),
)


def shared_by_both(subject: Subject) -> Iterator[Finding]:
    """One resource under guests that run on more than one node."""
    for resource in subject.configuration.resources:
        running = [each for each in subject.around.guests.get(resource.name, ()) if each.node]
        nodes = sorted({each.node or "" for each in running})
        if len(nodes) > 1:
            guests = ", ".join(f"{each.label}: {each.node}" for each in running)
            named = {"nodes": ", ".join(nodes), "guests": guests, "name": resource.name}
            yield SHARED_BY_BOTH(resource.place, **named)


def lvm_filter(subject: Subject) -> Iterator[Finding]:
    """With lvm.conf known: a filter that lets LVM open the disk under DRBD."""
    texts = subject.around.lvm
    for resource in subject.configuration.resources if texts else ():
        for host in resource.hosts:
            for volume in host.volumes:
                disk = volume.disk.value if volume.disk else None
                node = next((n for n in texts if any(same_host(n, h) for h in host.names)), None)
                if disk is None or node is None or not disk.text.startswith("/"):
                    continue
                told = accepted_by(texts[node], disk.text)
                if told is not None and told.accepted:
                    where = [Place(f"{node}:lvm.conf", told.line)] if told.line else []
                    pattern = f'"r|^{disk.text}$|"'
                    named = {"host": node, "disk": disk.text, "pattern": pattern}
                    yield LVM_SEES_DISK(disk.place, *where, **named)
