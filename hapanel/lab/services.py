"""The system services of a node, as systemd tells of them, and which of them may be stopped."""

from collections.abc import Iterator
from dataclasses import dataclass

from hapanel.lab.errors import TaskFailed

PROXY, DAEMON, FILE_SYSTEM = "pveproxy", "pvedaemon", "pve-cluster"
COROSYNC, STATISTICS, CRM, LRM = "corosync", "pvestatd", "pve-ha-crm", "pve-ha-lrm"

# Name -> description; None is a unit that this node does not have (PVE/API2/Services.pm lists it
# all the same). What runs is that of an ordinary node: chrony instead of systemd-timesyncd.
DESCRIPTIONS: dict[str, str | None] = {
    "chrony": "chrony, an NTP client/server",
    "corosync": "Corosync Cluster Engine",
    "cron": "Regular background program processing daemon",
    "ksmtuned": "Kernel Samepage Merging (KSM) Tuning Daemon",
    "lxcfs": "FUSE filesystem for LXC",
    "postfix": "Postfix Mail Transport Agent",
    "proxmox-firewall": "Proxmox nftables firewall",
    "pve-cluster": "The Proxmox VE cluster filesystem",
    "pve-firewall": "Proxmox VE firewall",
    "pve-ha-crm": "PVE Cluster HA Resource Manager Daemon",
    "pve-ha-lrm": "PVE Local HA Resource Manager Daemon",
    "pve-lxc-syscalld": "Proxmox VE LXC Syscall Daemon",
    "pvedaemon": "PVE API Daemon",
    "pvefw-logger": "Proxmox VE firewall logger",
    "pveproxy": "PVE API Proxy Server",
    "pvescheduler": "Proxmox VE scheduler",
    "pvestatd": "PVE Status Daemon",
    "qmeventd": "PVE Qemu Event Daemon",
    "spiceproxy": "PVE SPICE Proxy Server",
    "sshd": "OpenBSD Secure Shell server",
    "syslog": None,
    "systemd-journald": "Journal Service",
    "systemd-timesyncd": None,
}
NAMES = tuple(DESCRIPTIONS)
STATIC = ("systemd-journald",)
ESSENTIAL = (DAEMON, FILE_SYSTEM, PROXY)

# Stopping these changes what the cluster says or does; the lab plays that. Others only say so.
PLAYED = (DAEMON, FILE_SYSTEM, CRM, LRM, PROXY, STATISTICS)
# Stopping these would change it too, but the lab does not play it.
NOT_PLAYED = (COROSYNC,)


@dataclass(frozen=True)
class Unit:
    """One service in systemd's words."""

    name: str
    desc: str
    state: str
    active_state: str
    unit_state: str


class Services:
    """Which services of a node run. A node that boots starts them all."""

    def __init__(self) -> None:
        self._stopped: set[str] = set()

    def runs(self, name: str) -> bool:
        """Whether it is there and runs."""
        return DESCRIPTIONS[name] is not None and name not in self._stopped

    def stop(self, name: str) -> None:
        """From now on it does not run."""
        self._stopped.add(name)

    def start(self, name: str) -> None:
        """It runs again. Raises TaskFailed for a unit that the node does not have."""
        if DESCRIPTIONS[name] is None:
            command = f"command 'systemctl start {name}' failed"
            raise TaskFailed(f"{command}: exit code 5")
        self._stopped.discard(name)

    def start_all(self) -> None:
        """As a boot does."""
        self._stopped.clear()

    def unit(self, name: str, *, has_corosync: bool) -> Unit:
        """How systemd words it. On a single node corosync's condition is not met."""
        description = DESCRIPTIONS[name]
        if description is None:
            return Unit(name, f"{name}.service", "dead", "inactive", "not-found")
        runs = self.runs(name) and (has_corosync or name != COROSYNC)
        kind = "static" if name in STATIC else "enabled"
        words = ("running", "active") if runs else ("dead", "inactive")
        return Unit(name, description, *words, kind)

    def units(self, *, has_corosync: bool) -> Iterator[Unit]:
        """All of them."""
        return (self.unit(name, has_corosync=has_corosync) for name in NAMES)
