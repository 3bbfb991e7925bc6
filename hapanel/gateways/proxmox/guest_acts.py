"""What is done to one guest beside moving it; part of the cluster gateway.

Paths and parameters as Proxmox's own code has them: qemu-server API2/Qemu.pm, pve-container
API2/LXC.pm (an archive comes as `ostemplate` there), pve-manager API2/VZDump.pm, pve-storage
API2/Storage/Content.pm.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from hapanel.gateways.proxmox import decode_tasks as tasks
from hapanel.gateways.proxmox.switchboard import Switchboard
from hapanel.gateways.proxmox.wire import Wire, moment, rows
from hapanel.kernel.names import GuestType, Upid
from hapanel.ports.guest_acts import BackupArchive


class ProxmoxGuestActs:
    """Fulfils `hapanel.ports.guest_acts.GuestActs`."""

    _board: Switchboard

    def shut_down(self, node: str, guest_type: GuestType, vmid: int, *, seconds: int) -> Upid:
        """POST .../status/shutdown, once."""
        body = {"timeout": seconds, "forceStop": 1}
        return self._begin(node, f"{guest_type.value}/{vmid:d}/status/shutdown", body)

    def start_guest(self, node: str, guest_type: GuestType, vmid: int) -> Upid:
        """POST .../status/start, once."""
        return self._begin(node, f"{guest_type.value}/{vmid:d}/status/start", {})

    def back_up(self, node: str, vmid: int, storage: str) -> Upid:
        """POST .../vzdump, once. `remove` is off: older backups are not pruned for this one."""
        body = {"vmid": vmid, "storage": storage, "mode": "stop", "compress": "zstd", "remove": 0}
        return self._begin(node, "vzdump", body)

    def backups(self, node: str, storage: str, vmid: int) -> tuple[BackupArchive, ...]:
        """GET .../content: what is being written has another name until it is complete."""
        path = f"nodes/{_part(node)}/storage/{_part(storage)}/content"
        params = {"content": "backup", "vmid": vmid}
        return self._board.ask(node, path, archives, params)

    def restore(
        self, node: str, guest_type: GuestType, vmid: int, archive: str, *, storage: str | None
    ) -> Upid:
        """POST .../qemu or .../lxc with an archive, once."""
        body: dict[str, Any] = {"vmid": vmid, "force": 1}
        if guest_type is GuestType.QEMU:
            body["archive"] = archive
        else:
            body |= {"ostemplate": archive, "restore": 1}
        if storage is not None:
            body["storage"] = storage
        return self._begin(node, guest_type.value, body)

    def _begin(self, node: str, path: str, body: dict[str, Any]) -> Upid:
        answer, address = self._board.tell("POST", f"nodes/{_part(node)}/{path}", body, node=node)
        return tasks.upid_of(answer, address=address)


class _Archive(Wire, frozen=True, kw_only=True):
    volid: str
    vmid: int | None = None
    ctime: int | None = None
    size: int | None = None


def archives(body: bytes) -> tuple[BackupArchive, ...]:
    """.../content of backups."""
    return tuple(
        BackupArchive(volid=row.volid, vmid=row.vmid, made_at=moment(row.ctime), size=row.size)
        for row in rows(body, _Archive)
    )


def _part(text: str) -> str:
    return quote(text, safe=":@")
