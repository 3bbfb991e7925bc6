"""The lines that change something on a node, as deploy/hapanel-node-command permits them.

The same lines are shown to a person at a console, who types them on the node.
"""

from __future__ import annotations

COPY_PREFIX = "hapanel-"
"""Names of snapshots begin with it: the forced command lets the panel remove no other volume."""


def drbdadm(verb: str, resource: str) -> str:
    """One of drbdadm's verbs on a whole resource."""
    return f"drbdadm {verb} {resource}"


def discard_my_data(resource: str) -> str:
    """Connect and give up what was written here alone."""
    return f"drbdadm connect --discard-my-data {resource}"


def activate(group: str, *, on: bool) -> str:
    """Activate or deactivate a volume group that lies on DRBD."""
    return f"vgchange -a{'y' if on else 'n'} {group}"


def take_copy(device: str, name: str, size: int) -> str:
    """A snapshot of a backing volume (/dev/GROUP/VOLUME) that takes `size` bytes of changes."""
    return f"lvcreate --snapshot --name {name} --size {size}b {device}"


def remove_copy(group: str, name: str) -> str:
    """Remove such a snapshot."""
    return f"lvremove --yes {group}/{name}"
