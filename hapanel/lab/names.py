"""Words of the Proxmox VE API that several rooms of the lab need."""

from enum import StrEnum


class Kind(StrEnum):
    """What a guest is; the value is the word in API paths and ids."""

    QEMU = "qemu"
    LXC = "lxc"

    @property
    def label(self) -> str:
        """`VM` or `CT`, as task logs and error texts say."""
        return "VM" if self is Kind.QEMU else "CT"

    @property
    def prefix(self) -> str:
        """Prefix of power task types: `qm` or `vz`."""
        return "qm" if self is Kind.QEMU else "vz"

    @property
    def migration_task(self) -> str:
        """Type of a migration's task: `qmigrate` (one m) or `vzmigrate`."""
        return "qmigrate" if self is Kind.QEMU else "vzmigrate"

    @property
    def config_folder(self) -> str:
        """Folder below nodes/<node> that holds the configuration files."""
        return "qemu-server" if self is Kind.QEMU else "lxc"

    @property
    def sid_type(self) -> str:
        """Type of the HA resource: `vm` or `ct`."""
        return "vm" if self is Kind.QEMU else "ct"


class RunState(StrEnum):
    """What a guest really does (the QMP word for virtual machines)."""

    STOPPED = "stopped"
    RUNNING = "running"
    PAUSED = "paused"
