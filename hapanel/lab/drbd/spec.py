"""What a scenario says of its DRBD resources."""

from enum import StrEnum

import msgspec


class Version(StrEnum):
    """Which DRBD the nodes run."""

    V84 = "8.4"
    V9 = "9"


class VolumeSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A volume: /dev/drbd<minor> on `disk`; `size_kib` is what DRBD offers."""

    minor: int
    disk: str
    size_kib: int


class ResourceSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A resource of two or more nodes. `net`, `disk`, `startup` and `options` are its sections
    in drbd.conf; `group` is the LVM volume group that lies on its first volume.
    """

    name: str
    nodes: list[str]
    volumes: list[VolumeSpec]
    group: str | None = None
    port: int = 7788
    net: dict[str, str] = {}
    disk: dict[str, str] = {}
    startup: dict[str, str] = {}
    options: dict[str, str] = {}

    @property
    def may_have_two_primaries(self) -> bool:
        """True when the configuration allows two Primaries."""
        return self.net.get("allow-two-primaries") == "yes"

    @property
    def is_primary_from_start(self) -> bool:
        """True when 8.4's init script makes both nodes Primary."""
        return self.startup.get("become-primary-on") == "both"


class DrbdSpec(msgspec.Struct, forbid_unknown_fields=True):
    """All DRBD of a scenario."""

    version: Version
    resources: list[ResourceSpec]


def bytes_of(word: str) -> float:
    """`4M`, `400k` or a number of KiB, as drbd.conf writes rates; bytes."""
    units = {"s": 0.5, "k": 1.0, "m": 1024.0, "g": 1024.0 * 1024}
    unit = word[-1:].lower()
    return float(word[:-1]) * units[unit] * 1024 if unit in units else float(word) * 1024
