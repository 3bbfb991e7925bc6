"""Options of guests' configurations, as the API declares them (PVE 9.2)."""

from collections.abc import Iterable

from hapanel.lab.formats import STORAGE_ID
from hapanel.lab.guests import formats
from hapanel.lab.names import Kind
from hapanel.lab.properties import Format
from hapanel.lab.schema import Param, Type, flag, maybe

BUSES = {"ide": 4, "sata": 6, "scsi": 31, "virtio": 16}
UNUSED = 256
MOUNTS = 256


def _numbered(name: str, count: int, **rest: object) -> Iterable[Param]:
    return (maybe(f"{name}{number}", **rest) for number in range(count))  # type: ignore[arg-type]


def _strings(name: str, count: int, form: Format) -> Iterable[Param]:
    return _numbered(name, count, check=form.checker())


def _integer(name: str, minimum: int | None = None, maximum: int | None = None) -> Param:
    return maybe(name, Type.INTEGER, minimum=minimum, maximum=maximum)


_LOCKS = (
    "backup", "clone", "create", "migrate", "rollback", "snapshot", "snapshot-delete",
    "suspending", "suspended",
)  # fmt: skip
_CT_LOCKS = (
    "backup", "create", "destroyed", "disk", "fstrim", "migrate", "mounted", "rollback",
    "snapshot", "snapshot-delete",
)  # fmt: skip
_KEYBOARDS = (
    "de", "de-ch", "da", "en-gb", "en-us", "es", "fi", "fr", "fr-be", "fr-ca", "fr-ch", "hu",
    "is", "it", "ja", "lt", "mk", "nl", "no", "pl", "pt", "pt-br", "sv", "sl", "tr",
)  # fmt: skip
_OSTYPES = (
    "other", "wxp", "w2k", "w2k3", "w2k8", "wvista", "win7", "win8", "win10", "win11", "l24",
    "l26", "solaris",
)  # fmt: skip
_CT_OSTYPES = (
    "debian", "devuan", "ubuntu", "centos", "fedora", "opensuse", "archlinux", "alpine", "gentoo",
    "nixos", "unmanaged",
)  # fmt: skip
_SCSI_CONTROLLERS = (
    "lsi", "lsi53c810", "virtio-scsi-pci", "virtio-scsi-single", "megasas", "pvscsi",
)  # fmt: skip
_FLAGS = (
    "acpi", "allow-ksm", "autostart", "ciupgrade", "freeze", "keephugepages", "kvm", "localtime",
    "numa", "onboot", "protection", "reboot", "tablet", "tdf", "template",
)  # fmt: skip
_WORDS = (
    "affinity", "amd-sev", "args", "audio0", "boot", "cdrom", "cicustom", "cipassword", "ciuser",
    "cpu", "hookscript", "hotplug", "intel-tdx", "ivshmem", "machine", "nameserver", "rng0",
    "searchdomain", "spice_enhancements", "sshkeys", "startup", "vga", "watchdog",
)  # fmt: skip

VM_OPTIONS: tuple[Param, ...] = (
    *(flag(name) for name in _FLAGS),
    *(maybe(name) for name in _WORDS),
    maybe("agent", check=formats.AGENT.checker()),
    maybe("arch", enum=("x86_64", "aarch64")),
    _integer("balloon", 0),
    maybe("bios", enum=("seabios", "ovmf")),
    maybe("bootdisk", pattern=r"(ide|sata|scsi|virtio)\d+"),
    maybe("citype", enum=("configdrive2", "nocloud", "opennebula")),
    _integer("cores", 1),
    maybe("cpulimit", Type.NUMBER, minimum=0, maximum=128),
    _integer("cpuunits", 1, 262144),
    maybe("description", max_length=8192),
    maybe("efidisk0", check=formats.EFI_DISK.checker()),
    maybe("hugepages", enum=("any", "2", "1024")),
    maybe("keyboard", enum=_KEYBOARDS),
    maybe("lock", enum=_LOCKS),
    maybe("memory", check=formats.MEMORY.checker()),
    maybe("migrate_downtime", Type.NUMBER, minimum=0),
    _integer("migrate_speed", 0),
    maybe("name", check=formats.dns_name),
    maybe("ostype", enum=_OSTYPES),
    maybe("scsihw", enum=_SCSI_CONTROLLERS),
    _integer("shares", 0, 50000),
    maybe("smbios1", max_length=512),
    _integer("smp", 1),
    _integer("sockets", 1),
    maybe("startdate", pattern=r"(now|\d{4}-\d{1,2}-\d{1,2}(T\d{1,2}:\d{1,2}:\d{1,2})?)"),
    maybe("tags", check=formats.tag_list),
    maybe("tpmstate0", check=formats.TPM_STATE.checker()),
    _integer("vcpus", 1),
    maybe("vmgenid", pattern=r"([a-fA-F0-9]{8}(-[a-fA-F0-9]{4}){3}-[a-fA-F0-9]{12}|[01])"),
    maybe("vmstatestorage", **STORAGE_ID),
    *(row for bus, count in BUSES.items() for row in _strings(bus, count, formats.DRIVE)),
    *_strings("net", 32, formats.NET),
    *_strings("unused", UNUSED, formats.UNUSED),
    *_numbered("hostpci", 16),
    *_numbered("ipconfig", 32),
    *_numbered("numa", 8),
    *_numbered("parallel", 3, pattern=r"/dev/parport\d+|/dev/usb/lp\d+"),
    *_numbered("serial", 4, pattern=r"(/dev/[^,]+|socket)"),
    *_numbered("usb", 14),
    *_numbered("virtiofs", 10),
)

CT_OPTIONS: tuple[Param, ...] = (
    *(flag(name) for name in ("console", "debug", "onboot", "protection", "template")),
    flag("unprivileged"),
    *(maybe(name) for name in ("entrypoint", "env", "features", "hookscript", "nameserver")),
    *(maybe(name) for name in ("searchdomain", "startup", "timezone")),
    maybe("arch", enum=("amd64", "i386", "arm64", "armhf", "riscv32", "riscv64")),
    maybe("cmode", enum=("shell", "console", "tty")),
    _integer("cores", 1, 8192),
    maybe("cpulimit", Type.NUMBER, minimum=0, maximum=8192),
    _integer("cpuunits", 0, 500000),
    maybe("description", max_length=8192),
    maybe("hostname", max_length=255, check=formats.dns_name),
    maybe("lock", enum=_CT_LOCKS),
    _integer("memory", 16),
    maybe("ostype", enum=_CT_OSTYPES),
    maybe("rootfs", check=formats.MOUNT.checker()),
    _integer("swap", 0),
    maybe("tags", check=formats.tag_list),
    _integer("tty", 0, 6),
    *_strings("mp", MOUNTS, formats.MOUNT),
    *_strings("net", 32, formats.CT_NET),
    *_strings("unused", UNUSED, formats.UNUSED),
    *_numbered("dev", 256),
)

NAMES = {
    Kind.QEMU: frozenset(param.name for param in VM_OPTIONS),
    Kind.LXC: frozenset(param.name for param in CT_OPTIONS),
}
DRIVE_KEYS = tuple(
    f"{bus}{n}" for bus in ("ide", "scsi", "virtio", "sata") for n in range(BUSES[bus])
)
VM_DISK_KEYS = (*DRIVE_KEYS, "efidisk0", "tpmstate0")
CT_DISK_KEYS = ("rootfs", *(f"mp{number}" for number in range(MOUNTS)))

_MEMORY = ("memory", "balloon", "shares", "hugepages", "keephugepages", "allow-ksm")
_CPU = (
    "sockets", "cores", "cpu", "smp", "cpulimit", "cpuunits", "numa", "vcpus", "affinity",
    "amd-sev", "intel-tdx",
)  # fmt: skip
_HARDWARE = (
    "acpi", "arch", "audio0", "hotplug", "kvm", "machine", "scsihw", "smbios1", "tablet",
    "vga", "watchdog", "vmgenid", "rng0", "serial", "usb", "parallel", "hostpci", "virtiofs",
)  # fmt: skip
_CLOUD_INIT = (
    "cicustom", "cipassword", "citype", "ciupgrade", "ciuser", "ipconfig", "nameserver",
    "searchdomain", "sshkeys",
)  # fmt: skip
_VM_PRIVILEGES = (
    (_MEMORY, "VM.Config.Memory"),
    (_CPU, "VM.Config.CPU"),
    (_HARDWARE, "VM.Config.HWType"),
    (_CLOUD_INIT, "VM.Config.Cloudinit"),
    (("net",), "VM.Config.Network"),
    (("ide", "sata", "scsi", "virtio", "unused", "efidisk", "tpmstate"), "VM.Config.Disk"),
    (("cdrom",), "VM.Config.CDROM"),
)
_CT_PRIVILEGES = (
    (("memory", "swap"), "VM.Config.Memory"),
    (("cores", "cpulimit", "cpuunits"), "VM.Config.CPU"),
    (("net", "nameserver", "searchdomain", "hostname"), "VM.Config.Network"),
    (("rootfs", "mp", "unused"), "VM.Config.Disk"),
)
ROOT_ONLY = frozenset(("args", "lock"))


def privilege_of(kind: Kind, option: str) -> str:
    """What changing an option needs on /vms/{vmid} besides the endpoint's own check."""
    table = _VM_PRIVILEGES if kind is Kind.QEMU else _CT_PRIVILEGES
    stem = option if option.startswith("numa") else option.rstrip("0123456789")
    for options, privilege in table:
        if option in options or stem in options:
            return privilege
    return "VM.Config.Options"
