"""Backup archives: what each holds, how it is called, and which of them a node finds on a storage.

Names: `local:backup/vzdump-qemu-101-2026_11_30-01_30_00.vma.zst` (pve-manager VZDump.pm).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hapanel.lab.names import Kind

if TYPE_CHECKING:
    from hapanel.lab.world import Busyness, Serves, Storage

FOLDER = "backup/"
NAME = re.compile(
    r"vzdump-(qemu|lxc)-([1-9]\d{2,8})-\d{4}(_\d\d){2}-\d\d(_\d\d){2}"
    r"\.(tgz|((tar|vma)(\.(gz|lzo|zst))?))"
)


@dataclass(eq=False)
class Archive:
    """One guest as it was at `ctime` (epoch seconds). `size` is the file's, `data` what its disks
    held, both in bytes. `disks` are the keys of those that are in it. On a storage that is not
    shared it lies on `node`.
    """

    storage: str
    node: str
    kind: Kind
    vmid: int
    ctime: int
    format: str
    size: int
    data: int
    config: dict[str, object]
    disks: tuple[str, ...]
    busy: "Busyness"
    has_system: bool
    serves: "Serves | None" = None
    notes: str | None = None
    protected: bool = False

    @property
    def file(self) -> str:
        """Its name in the folder."""
        return file_name(self.kind, self.vmid, self.ctime, self.format)

    @property
    def volid(self) -> str:
        """As the API names it."""
        return f"{self.storage}:{FOLDER}{self.file}"


def file_name(kind: Kind, vmid: int, epoch: float, form: str) -> str:
    """`vzdump-lxc-101-2026_11_30-01_30_00.tar.zst`, in the node's local time, here UTC."""
    stamp = datetime.fromtimestamp(int(epoch), UTC).strftime("%Y_%m_%d-%H_%M_%S")
    return f"vzdump-{kind}-{vmid}-{stamp}.{form}"


def dump_folder(storage: "Storage") -> str:
    """Where the storage keeps its archives."""
    return f"{storage.path or '/mnt/pve/' + storage.storage}/dump"


def owner_of(name: str) -> int | None:
    """The guest that a volume's name says it is of; None for what is no archive's name."""
    found = NAME.fullmatch(name.removeprefix(FOLDER)) if name.startswith(FOLDER) else None
    return int(found[2]) if found else None


class Archives:
    """All of the cluster. They lie on disks, so nodes that die keep them."""

    def __init__(self) -> None:
        self._all: list[Archive] = []

    def add(self, archive: Archive) -> None:
        """A file that is complete."""
        self._all.append(archive)

    def remove(self, archive: Archive) -> None:
        """The file is gone."""
        self._all.remove(archive)

    def on(self, storage: "Storage", node: str) -> Iterator[Archive]:
        """Those that a node finds there."""
        for archive in self._all:
            if archive.storage == storage.storage and (storage.shared or archive.node == node):
                yield archive

    def find(self, storage: "Storage", node: str, volid: str) -> Archive | None:
        """The one of that name, as that node sees it."""
        return next((a for a in self.on(storage, node) if a.volid == volid), None)

    def bytes_on(self, storage: "Storage", node: str) -> int:
        """What they take there."""
        return sum(archive.size for archive in self.on(storage, node))
