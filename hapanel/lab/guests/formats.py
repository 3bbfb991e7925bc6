"""Formats of guests' options: property strings and words with a shape of their own.

Facts: qemu-server QemuServer.pm, QemuServer/Drive.pm; pve-container LXC/Config.pm.
"""

import re
from collections.abc import Mapping

from hapanel.lab.guests.sizes import parse_size
from hapanel.lab.properties import Format
from hapanel.lab.schema import FALSE_WORDS, Param, Type, flag, items_of, maybe

DNS_NAME = re.compile(
    r"([a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?\.)*[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?"
)
VOLUME_ID = re.compile(r"[A-Za-z][\w.-]*[A-Za-z0-9]:\S+")
TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_\-+.]*")


def dns_name(_name: str, text: str) -> str | None:
    """Format `dns-name`."""
    fits = DNS_NAME.fullmatch(text)
    return None if fits else "value does not look like a valid DNS name\n"


def tag_list(_name: str, text: str) -> str | None:
    """Format `pve-tag-list`."""
    wrong = next((tag for tag in items_of(text) if not TAG.fullmatch(tag)), None)
    return None if wrong is None else "invalid characters in tag\n"


def volume(_name: str, text: str) -> str | None:
    """Formats `pve-volume-id` and `-or-qm-path`: on a storage, a path, or nothing in the drive."""
    fits = text in ("none", "cdrom") or text.startswith("/") or VOLUME_ID.fullmatch(text)
    return None if fits else f"unable to parse volume ID '{text}'\n"


def disk_size(_name: str, text: str) -> str | None:
    """Format `disk-size`."""
    return None if parse_size(text) is not None else "value does not look like a valid disk size\n"


_SPEEDS = ("bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr")
_RATES = ("mbps", "mbps_rd", "mbps_wr", "mbps_max", "mbps_rd_max", "mbps_wr_max")
_PEAKS = ("iops_max", "iops_rd_max", "iops_wr_max")
_LENGTHS = (
    "bps_max_length", "bps_rd_max_length", "bps_wr_max_length",
    "iops_max_length", "iops_rd_max_length", "iops_wr_max_length",
)  # fmt: skip
IMAGE_FORMATS = ("raw", "qcow", "qed", "qcow2", "vmdk", "cloop")

DRIVE = Format(
    (
        Param("file", check=volume),
        maybe("aio", enum=("native", "threads", "io_uring")),
        flag("backup"),
        maybe("cache", enum=("none", "writethrough", "writeback", "unsafe", "directsync")),
        flag("detect_zeroes"),
        maybe("discard", enum=("ignore", "on")),
        maybe("format", enum=IMAGE_FORMATS),
        maybe("import-from"),
        flag("iothread"),
        maybe("media", enum=("cdrom", "disk")),
        maybe("model", max_length=120),
        maybe("product"),
        maybe("queues", Type.INTEGER, minimum=2),
        flag("replicate"),
        maybe("rerror", enum=("ignore", "report", "stop")),
        flag("ro"),
        flag("scsiblock"),
        maybe("serial", max_length=60),
        flag("shared"),
        maybe("size", check=disk_size),
        flag("snapshot"),
        flag("ssd"),
        maybe("vendor"),
        maybe("werror", enum=("enospc", "ignore", "report", "stop")),
        maybe("wwn", pattern=r"0x[0-9a-fA-F]{16}"),
        *(maybe(name, Type.INTEGER) for name in (*_SPEEDS, *_PEAKS)),
        *(maybe(name, Type.NUMBER) for name in _RATES),
        *(maybe(name, Type.INTEGER, minimum=1) for name in _LENGTHS),
    ),
    bare="file",
    aliases={"volume": ("file", None)},
)
UNUSED = Format((Param("file", check=volume),), bare="file", aliases={"volume": ("file", None)})
EFI_DISK = Format(
    (
        Param("file", check=volume),
        maybe("efitype", enum=("2m", "4m")),
        maybe("format", enum=IMAGE_FORMATS),
        maybe("import-from"),
        flag("pre-enrolled-keys"),
        maybe("ms-cert", enum=("2011", "2023", "2023k", "2023w")),
        maybe("size", check=disk_size),
    ),
    bare="file",
    aliases={"volume": ("file", None)},
)
TPM_STATE = Format(
    (
        Param("file", check=volume),
        maybe("format", enum=("raw", "qcow2", "vmdk")),
        maybe("import-from"),
        maybe("size", check=disk_size),
        maybe("version", enum=("v1.2", "v2.0")),
    ),
    bare="file",
    aliases={"volume": ("file", None)},
)
MODELS = (
    "e1000", "e1000-82540em", "e1000-82544gc", "e1000-82545em", "e1000e", "i82551", "i82557b",
    "i82559er", "ne2k_isa", "ne2k_pci", "pcnet", "rtl8139", "virtio", "vmxnet3",
)  # fmt: skip
NET = Format(
    (
        Param("model", enum=MODELS),
        maybe("bridge"),
        flag("firewall"),
        flag("link_down"),
        maybe("macaddr", pattern=r"(?i)([0-9a-f]{2}:){5}[0-9a-f]{2}"),
        maybe("mtu", Type.INTEGER, minimum=1, maximum=65520),
        maybe("queues", Type.INTEGER, minimum=0, maximum=64),
        maybe("rate", Type.NUMBER, minimum=0),
        maybe("tag", Type.INTEGER, minimum=1, maximum=4094),
        maybe("trunks"),
    ),
    bare="model",
    aliases=dict.fromkeys(MODELS, ("macaddr", "model")),
)
MEMORY = Format((Param("current", Type.INTEGER, minimum=16),), bare="current")
AGENT = Format(
    (
        Param("enabled", Type.BOOLEAN),
        flag("freeze-fs"),
        flag("fstrim_cloned_disks"),
        maybe("type", enum=("virtio", "isa")),
    ),
    bare="enabled",
    aliases={"freeze-fs-on-backup": ("freeze-fs", None), "guest-fsfreeze": ("freeze-fs", None)},
)


def has_agent(config: Mapping[str, object]) -> bool:
    """Whether the VM's configuration promises a guest agent."""
    return AGENT.parse(str(config.get("agent", "0"))).get("enabled", "0") not in FALSE_WORDS


MOUNT = Format(
    (
        Param("volume", check=volume),
        flag("acl"),
        flag("backup"),
        maybe("idmap"),
        flag("keepattrs"),
        maybe("mountoptions"),
        maybe("mp"),
        flag("quota"),
        flag("replicate"),
        flag("ro"),
        flag("shared"),
        maybe("size", check=disk_size),
    ),
    bare="volume",
)
CT_NET = Format(
    (
        Param("name", pattern=r"[-_.\w\d]+"),
        maybe("bridge", pattern=r"[-_.\w\d]+"),
        flag("firewall"),
        maybe("gw"),
        maybe("gw6"),
        flag("host-managed"),
        maybe("hwaddr", pattern=r"(?i)([0-9a-f]{2}:){5}[0-9a-f]{2}"),
        maybe("ip", pattern=r"dhcp|manual|\d+\.\d+\.\d+\.\d+/\d+"),
        maybe("ip6", pattern=r"dhcp|auto|manual|[0-9a-fA-F:.]+/\d+"),
        flag("link_down"),
        maybe("mtu", Type.INTEGER, minimum=64, maximum=65535),
        maybe("rate", Type.NUMBER),
        maybe("tag", Type.INTEGER, minimum=1, maximum=4094),
        maybe("trunks"),
        maybe("type", enum=("veth",)),
    )
)
