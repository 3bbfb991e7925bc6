"""Sizes as configurations write them: `32G`, `1025M`, `0T` (pve-common JSONSchema.pm)."""

import re
from collections.abc import Mapping
from functools import lru_cache

KIB = 1024
MIB = KIB**2
GIB = KIB**3
UNITS = {"": 1, "K": KIB, "M": MIB, "G": GIB, "T": KIB**4}
DISK_KEYS = ("scsi", "virtio", "sata", "ide", "efidisk", "tpmstate", "unused", "rootfs", "mp")
DEFAULT_ROOT_BYTES = 4 * GIB
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([KMGT]?)")
_OPTION = re.compile(r",size=(\d+(?:\.\d+)?[KMGT]?)(?:,|$)")


def parse_size(text: str) -> int | None:
    """Bytes, or None for what is no size."""
    found = _SIZE.fullmatch(text)
    return int(float(found[1]) * UNITS[found[2]]) if found else None


def format_size(size: int) -> str:
    """The largest unit without a remainder; nothing at all is `0T`."""
    units = ["", "K", "M", "G", "T"]
    unit = 0
    while unit < len(units) - 1 and size % KIB == 0:
        size //= KIB
        unit += 1
    return f"{size}{units[unit]}"


@lru_cache(maxsize=16384)
def size_of_disk(value: str) -> int:
    """What the `size=` of a disk's entry says; 0 without one."""
    found = _OPTION.search(value)
    return (parse_size(found[1]) or 0) if found else 0


def is_disk_key(key: str) -> bool:
    """`scsi0`, `unused3`, `rootfs`, `mp1`, ..."""
    return key.rstrip("0123456789") in DISK_KEYS


def is_disk(key: str, value: object) -> bool:
    """An entry that names a volume; drives for CDs do not count."""
    text = str(value)
    return is_disk_key(key) and ":" in text.split(",")[0] and "media=cdrom" not in text


def boot_disk_bytes(config: Mapping[str, object]) -> int:
    """Size of the first disk in the boot order, as `maxdisk` shows it."""
    order = str(config.get("boot", "")).removeprefix("order=").split(";")
    for key in order if "boot" in config else [str(config.get("bootdisk"))]:
        if key in config and is_disk(key, config[key]):
            return size_of_disk(str(config[key]))
    return 0


def root_disk_bytes(config: Mapping[str, object]) -> int:
    """A container's root file system; one of unknown size counts as 4 GiB."""
    return size_of_disk(str(config.get("rootfs", ""))) or DEFAULT_ROOT_BYTES
