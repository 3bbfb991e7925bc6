"""What the panel asks of one node over ssh, and the typed, immutable answers it gets.

Proxmox's API tells nothing of DRBD, so its state, its files and the volume groups that lie on it
are read on each node itself, behind a forced command (deploy/hapanel-node-command). Sizes are in
bytes.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import Protocol

from hapanel.ports.datacenter import Struct
from hapanel.ports.replication import NodeStatus

DEFAULT_PORT = 22


class SshLogin(Struct, frozen=True, kw_only=True):
    """Who signs in, and with which key (OpenSSH or PEM, without a passphrase). Never in a repr."""

    user: str
    private_key: str

    def __repr__(self) -> str:
        return f"SshLogin({self.user!r}, key hidden)"


class HostKey(Struct, frozen=True, kw_only=True):
    """A node's public host key as `ssh-ed25519 AAAA...`, and its SHA-256 as OpenSSH prints it."""

    key: str
    fingerprint: str


class NodeDoor(Struct, frozen=True, kw_only=True):
    """Where a node's ssh answers and what it has to prove itself with; None: never met."""

    node: str
    host: str
    port: int = DEFAULT_PORT
    host_key: HostKey | None = None


class ConfigurationFile(Struct, frozen=True, kw_only=True):
    """One file of /etc/drbd.conf and /etc/drbd.d, with its secrets still in it: never recorded."""

    path: str
    text: str

    def __repr__(self) -> str:
        return f"ConfigurationFile({self.path!r}, text hidden)"


class LvmGroup(Struct, frozen=True, kw_only=True):
    """A volume group of the node, as `vgs` tells it."""

    vg: str
    size: int
    free: int


class LvmVolume(Struct, frozen=True, kw_only=True):
    """A logical volume of the node, as `lvs` tells it.

    Of a snapshot `origin` is the volume that it was taken of, `filled` how much of its room is used
    (percent), and `is_lost` that it ran full and holds nothing any more. `made_at` is by the node's
    clock, None where the node's script does not tell it.
    """

    vg: str
    lv: str
    size: int
    active: bool | None = None
    origin: str = ""
    filled: float | None = None
    is_lost: bool = False
    made_at: datetime | None = None


class LvmDisk(Struct, frozen=True, kw_only=True):
    """A physical volume, as `pvs` tells it: the disk or DRBD device that a group lies on."""

    pv: str
    vg: str
    size: int
    free: int


class LvmReport(Struct, frozen=True, kw_only=True):
    """The volume groups of a node, what is in them and what they lie on."""

    groups: tuple[LvmGroup, ...] = ()
    volumes: tuple[LvmVolume, ...] = ()
    disks: tuple[LvmDisk, ...] = ()

    def active(self, groups: Sequence[str]) -> tuple[str, ...] | None:
        """Those of the groups with a volume that is active; None when that was not told."""
        volumes = [one for one in self.volumes if one.vg in groups]
        if any(one.active is None for one in volumes):
            return None
        found = {one.vg for one in volumes if one.active}
        return tuple(group for group in groups if group in found)


class OrderAnswer(Struct, frozen=True, kw_only=True):
    """How an order ended: the tool's exit status (None: a signal) and its words, redacted."""

    exit: int | None
    said: str = ""

    @property
    def is_good(self) -> bool:
        """Whether the tool says that it did it."""
        return self.exit == 0


class NodeShell(Protocol):
    """One kept connection to one node. Every method raises a `hapanel.ports.errors.ClusterError`
    and none takes longer than its own time-out."""

    async def status(self) -> NodeStatus:
        """The node's whole DRBD state, asked for now."""
        ...

    def changes(self) -> AsyncGenerator[None, None]:
        """Yields whenever DRBD's state changed, as `drbdsetup events2` tells it; bursts are one.

        The first comes when the stream stands. Ends, or raises, when the stream ends.
        """
        ...

    async def configuration(self) -> tuple[ConfigurationFile, ...]:
        """/etc/drbd.conf, what lies in /etc/drbd.d by path, and /etc/lvm/lvm.conf, whose filter
        decides whether LVM looks past DRBD."""
        ...

    async def lvm(self) -> LvmReport:
        """The node's volume groups; wakes disks, so it is to be asked rarely."""
        ...

    async def close(self) -> None: ...


class ShellOpener(Protocol):
    """Opens connections to nodes. Raises a `hapanel.ports.errors.ClusterError`."""

    async def open(self, login: SshLogin, door: NodeDoor) -> NodeShell:
        """Connect, prove the node, sign in, and check the script's version."""
        ...

    async def host_key(self, door: NodeDoor) -> HostKey:
        """The key that the node shows at first contact; nothing of ours is sent."""
        ...
