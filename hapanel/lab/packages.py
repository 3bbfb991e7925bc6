"""Versions of the software that a lab node pretends to run: those of the recorded PVE 9.2."""

from dataclasses import dataclass

PVE_VERSION = {"version": "9.2.11", "release": "9.2", "repoid": "14a22df3bbbb0000"}
KERNEL = "6.17.4-2-pve"


@dataclass(frozen=True)
class Package:
    """An installed package."""

    name: str
    version: str
    title: str
    section: str = "admin"
    origin: str = "Proxmox"


PACKAGES = (
    Package("pve-manager", PVE_VERSION["version"], "Proxmox Virtual Environment Management Tools"),
    Package(f"proxmox-kernel-{KERNEL}-signed", KERNEL.removesuffix("-pve"), "Proxmox Kernel Image"),
    Package("pve-cluster", "9.1.6", "cluster infrastructure for Proxmox Virtual Environment"),
    Package("pve-ha-manager", "5.2.0", "Proxmox VE HA Manager"),
    Package("qemu-server", "9.2.6", "Qemu Server Tools"),
    Package("pve-container", "6.1.10", "Proxmox VE Container management tool", section="perl"),
    Package("libpve-storage-perl", "9.1.7", "Proxmox VE storage management library"),
    Package("libpve-access-control", "9.1.1", "Proxmox VE access control library", section="perl"),
    Package("libpve-http-server-perl", "6.0.5", "Proxmox Asynchrounous HTTP Server Implementation"),
    Package("corosync", "3.1.9-pve2", "cluster engine daemon and utilities"),
    Package("lvm2", "2.03.31-2+pmx1", "Linux Logical Volume Manager"),
    Package("lxc-pve", "6.0.5-1", "Linux containers userspace tools"),
)
