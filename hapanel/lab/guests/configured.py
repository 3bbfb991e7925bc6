"""What a guest's configuration says of it."""

import hashlib
from dataclasses import dataclass

from hapanel.lab.guests.sizes import MIB, boot_disk_bytes, root_disk_bytes
from hapanel.lab.names import Kind

DEFAULT_MEMORY_MIB = 512


@dataclass
class Snapshot:
    """A section of a configuration file: what the guest was at `time` (epoch seconds)."""

    name: str
    time: int
    config: dict[str, object]
    description: str = ""
    parent: str | None = None
    has_memory: bool = False


class Configured:
    """Readings of `config`. A container without a limit of its own may use `host_cores`."""

    vmid: int
    kind: Kind
    config: dict[str, object]
    host_cores: int

    @property
    def name(self) -> str:
        """As lists show it."""
        key, unnamed = ("name", "VM ") if self.kind is Kind.QEMU else ("hostname", "CT")
        return str(self.config.get(key) or f"{unnamed}{self.vmid}")

    @property
    def cores(self) -> int:
        """Processors it may use."""
        default = 1 if self.kind is Kind.QEMU else self.host_cores
        cores, sockets = self.config.get("cores", default), self.config.get("sockets", 1)
        return int(str(cores)) * int(str(sockets))

    @property
    def memory(self) -> int:
        """Bytes; a VM's option is a property string."""
        text = str(self.config.get("memory", DEFAULT_MEMORY_MIB))
        return int(text.removeprefix("current=")) * MIB

    @property
    def swap(self) -> int:
        """Bytes; of containers only."""
        return int(str(self.config.get("swap", 0))) * MIB

    @property
    def disk(self) -> int:
        """Bytes of the disk it boots from."""
        is_vm = self.kind is Kind.QEMU
        return boot_disk_bytes(self.config) if is_vm else root_disk_bytes(self.config)

    @property
    def is_template(self) -> bool:
        """True for what can only be cloned."""
        return bool(self.config.get("template"))


def digest_of(*parts: object) -> str:
    """SHA-1 over everything a configuration file holds, against lost updates."""
    return hashlib.sha1(repr(parts).encode(), usedforsecurity=False).hexdigest()
