"""The lines that change something on a node, as deploy/hapanel-node-command permits them.

The same lines are shown to a person at a console, who types them on the node.
"""

from __future__ import annotations

from hapanel.kernel.names import GuestType, service_id

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


# Of guests: what the panel asks of Proxmox's API, as the command that does the same on the node.

SHUTDOWN_SECONDS = 180
"""How long a guest that is not under HA may take to shut down before it is ended hard; one under HA
is given a minute by the HA manager itself."""


def _tool(guest_type: GuestType) -> str:
    return "qm" if guest_type is GuestType.QEMU else "pct"


def stop(guest_type: GuestType, vmid: int, *, is_under_ha: bool) -> str:
    """Shut a guest down and let it stay so."""
    if is_under_ha:
        return f"ha-manager set {service_id(guest_type, vmid)} --state stopped"
    ended_hard = f"--timeout {SHUTDOWN_SECONDS} --forceStop 1"
    return f"{_tool(guest_type)} shutdown {vmid} {ended_hard}"


def start(guest_type: GuestType, vmid: int, *, requested: str) -> str:
    """Start a guest; `requested` is the state that the HA manager sees to, blank without HA."""
    if requested:
        return f"ha-manager set {service_id(guest_type, vmid)} --state {requested}"
    return f"{_tool(guest_type)} start {vmid}"


def back_up(vmid: int, storage: str) -> str:
    """Copy a stopped guest to a storage."""
    return f"vzdump {vmid} --storage {storage} --mode stop --compress zstd"


def move(guest_type: GuestType, vmid: int, node: str, *, is_under_ha: bool) -> str:
    """Move a stopped guest's configuration to another node."""
    if is_under_ha:
        return f"ha-manager migrate {service_id(guest_type, vmid)} {node}"
    return f"{_tool(guest_type)} migrate {vmid} {node}"


def restore(guest_type: GuestType, vmid: int, archive: str, storage: str) -> str:
    """Put a guest back from its copy, over what is there. A container's volumes need a storage."""
    if guest_type is GuestType.QEMU:
        return f"qmrestore {archive} {vmid} --force 1"
    to = f" --storage {storage}" if storage else ""
    return f"pct restore {vmid} {archive}{to} --force 1"
