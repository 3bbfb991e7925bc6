"""What is done to one guest beside moving it: shut down, start, copy, restore.

Each is sent once and answers with the task that does it; how that fares is asked for as ever.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from hapanel.kernel.names import GuestType, Upid
from hapanel.ports.datacenter import Struct

BACKUP_TASK = "vzdump"


def shutdown_task(guest_type: GuestType) -> str:
    """The type of the task that shuts such a guest down."""
    return "qmshutdown" if guest_type is GuestType.QEMU else "vzshutdown"


def start_task(guest_type: GuestType) -> str:
    """The type of the task that starts such a guest."""
    return "qmstart" if guest_type is GuestType.QEMU else "vzstart"


def restore_task(guest_type: GuestType) -> str:
    """The type of the task that restores such a guest."""
    return "qmrestore" if guest_type is GuestType.QEMU else "vzrestore"


class BackupArchive(Struct, frozen=True, kw_only=True):
    """One backup on a storage. `volid` names it everywhere (local:backup/vzdump-...); bytes."""

    volid: str
    vmid: int | None = None
    made_at: datetime | None = None
    size: int | None = None


class GuestActs(Protocol):
    """Part of `hapanel.ports.cluster_gateway.ClusterGateway`, with its promises."""

    def shut_down(self, node: str, guest_type: GuestType, vmid: int, *, seconds: int) -> Upid:
        """Ask the guest to shut down, and end it hard after so many seconds."""
        ...

    def start_guest(self, node: str, guest_type: GuestType, vmid: int) -> Upid: ...
    def back_up(self, node: str, vmid: int, storage: str) -> Upid:
        """Copy a stopped guest to a storage; the archive is kept until somebody removes it."""
        ...

    def backups(self, node: str, storage: str, vmid: int) -> tuple[BackupArchive, ...]:
        """The guest's archives on a storage, as the node sees it; only those that are complete."""
        ...

    def restore(
        self, node: str, guest_type: GuestType, vmid: int, archive: str, *, storage: str | None
    ) -> Upid:
        """Put the stopped guest back from an archive, over what is there. storage: where its
        volumes go; None: where the archive had them, which Proxmox does for machines only."""
        ...
