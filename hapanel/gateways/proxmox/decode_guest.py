"""Answers about one guest: its configuration, its lock, what its migration depends on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hapanel.gateways.proxmox.wire import Wire, mapping, one
from hapanel.kernel.names import GuestType
from hapanel.ports.cluster import GuestConfig, GuestDisk, MigrateOptions, MigratePreconditions

_QEMU_DISK = re.compile(r"^(?:scsi|virtio|sata|ide|efidisk|tpmstate|unused)\d+$")
_LXC_DISK = re.compile(r"^(?:rootfs|mp\d+|unused\d+)$")
_DEVICE = re.compile(r"^(?:hostpci|usb|serial|parallel|dev)\d+$")
_NET = re.compile(r"^net\d+$")
_MAC = re.compile(r"\b(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}\b")
_UUID = re.compile(r"\buuid=([0-9A-Fa-f-]{36})\b")
_SIZE = re.compile(r"^(\d+(?:\.\d+)?)([KMGT]?)$")
_UNIT = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


def guest_config(body: bytes, guest_type: GuestType) -> GuestConfig:
    """.../config: the disks and the devices of the host that a guest is tied to."""
    config = mapping(body)
    is_disk = _QEMU_DISK if guest_type is GuestType.QEMU else _LXC_DISK
    return GuestConfig(
        disks=tuple(disk(key, str(config[key])) for key in sorted(config) if is_disk.match(key)),
        passthrough=tuple(
            f"{key}: {config[key]}"
            for key in sorted(config)
            if _DEVICE.match(key) and _is_of_the_host(key, str(config[key]))
        ),
        onboot=str(config.get("onboot", 0)) in _YES,
        digest=config.get("digest"),
        macs=tuple(
            mac.upper()
            for key in sorted(config)
            if _NET.match(key)
            for mac in _MAC.findall(str(config[key]))
        ),
        smbios_uuid=uuid[1].lower() if (uuid := _UUID.search(str(config.get("smbios1")))) else None,
        has_snapshots=bool(config.get("parent")),
    )


def disk(key: str, value: str) -> GuestDisk:
    """One disk out of `local-lvm:vm-100-disk-0,size=32G` or `file=...,media=cdrom`.

    `storage` is None for what lies outside of storages: a path of the host, an empty drive.
    """
    first, *rest = value.split(",")
    options = dict(part.partition("=")[::2] for part in rest)
    volume = first.removeprefix("file=").removeprefix("volume=")
    storage, colon, _ = volume.partition(":")
    return GuestDisk(
        key=key,
        volume=volume,
        storage=storage if colon and not volume.startswith("/") else None,
        size=size_in_bytes(options.get("size", "")),
        is_cdrom=options.get("media") == "cdrom" or volume == "cdrom",
        is_unused=key.startswith("unused"),
        in_backup=_is_in_backup(key, options.get("backup")),
    )


def _is_in_backup(key: str, told: str | None) -> bool:
    """A container's root always is, a mount point when it says so, a machine's disk unless it says
    otherwise (pve-container LXC/Config.pm, qemu-server VZDump/QemuServer.pm)."""
    if key.startswith("unused"):
        return False
    if key.startswith("mp"):
        return told in _YES
    return key == "rootfs" or told is None or told in _YES


_YES = frozenset({"1", "yes", "true", "on"})


def size_in_bytes(text: str) -> int | None:
    """Bytes of `32G`, `512K` or `0T`; None when it is no size."""
    match = _SIZE.match(text)
    return int(float(match[1]) * _UNIT[match[2]]) if match else None


def _is_of_the_host(key: str, value: str) -> bool:
    """Whether the device ties the guest to this node. Cluster-wide mappings do not, nor do
    consoles (spice, socket); the same rules as qemu-server's check_local_resources."""
    if "mapping=" in value:
        return False
    if key.startswith("usb"):
        return not value.removeprefix("host=").startswith("spice")
    if key.startswith("serial"):
        return value != "socket"
    return True


class _Status(Wire, frozen=True, kw_only=True):
    lock: str | None = None


def guest_lock(body: bytes) -> str | None:
    """The lock in .../status/current; None when there is none."""
    return one(body, _Status).lock or None


class _LocalDisk(Wire, frozen=True, kw_only=True):
    volid: str = ""


class _Preconditions(
    Wire,
    frozen=True,
    kw_only=True,
    rename={"allowed_dashed": "allowed-nodes", "not_allowed_dashed": "not-allowed-nodes"},
):
    """QEMU has underscores, containers have dashes."""

    running: bool = False
    allowed_nodes: tuple[str, ...] = ()
    not_allowed_nodes: dict[str, Any] | None = None
    allowed_dashed: tuple[str, ...] = ()
    not_allowed_dashed: dict[str, Any] | None = None
    local_disks: tuple[_LocalDisk, ...] = ()
    local_resources: tuple[str, ...] = ()


def migrate_preconditions(body: bytes) -> MigratePreconditions:
    """GET .../migrate. A node without a reason against it is in no `not_allowed` entry."""
    said = one(body, _Preconditions)
    against = {**(said.not_allowed_nodes or {}), **(said.not_allowed_dashed or {})}
    return MigratePreconditions(
        running=said.running,
        allowed_nodes=said.allowed_nodes or said.allowed_dashed,
        not_allowed={node: found for node, why in against.items() if (found := _reasons(why))},
        local_disks=tuple(disk.volid for disk in said.local_disks if disk.volid),
        local_resources=said.local_resources,
    )


_REASONS = {
    "unavailable_storages": "storage not available: {}",
    "unavailable-resources": "mapped device missing: {}",
    "blocking-ha-resources": "kept apart by an HA rule from {}",
}


def _reasons(why: Any) -> tuple[str, ...]:
    """Proxmox's reasons against a node; keys of later versions are told as they are."""
    if not isinstance(why, Mapping):
        return ()
    return tuple(
        _REASONS.get(key, key + ": {}").format(", ".join(_names(entries)))
        for key, entries in why.items()
        if entries
    )


def _names(entries: Any) -> list[str]:
    if not isinstance(entries, list):
        return [str(entries)]
    return [str(e.get("sid", e)) if isinstance(e, dict) else str(e) for e in entries]


def migrate_parameters(guest_type: GuestType, options: MigrateOptions) -> dict[str, Any]:
    """The body of POST .../migrate; what is not chosen is left to Proxmox."""
    body: dict[str, Any] = {"target": options.target}
    if options.bandwidth_limit is not None:
        body["bwlimit"] = options.bandwidth_limit
    if guest_type is GuestType.LXC:
        if options.restart:
            body["restart"] = 1
        if options.target_storage is not None:
            body["target-storage"] = options.target_storage
        return body
    if options.online:
        body["online"] = 1
    if options.with_local_disks:
        body["with-local-disks"] = 1
    if options.target_storage is not None:
        body["targetstorage"] = options.target_storage
    return body
