"""What each type of storage must and may be told, and how a new entry is judged.

Properties: the plugins of pve-storage. Types that the lab can hold are those whose place it knows:
directories on a node's own disk, and volume groups that a scenario has.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from hapanel.lab.errors import died
from hapanel.lab.world import Storage, World

COMMON = ("content", "disable", "nodes", "shared")
ON_FILES = (
    *COMMON, "bwlimit", "content-dirs", "create-base-path", "create-subdirs", "format",
    "is_mountpoint", "max-protected-backups", "mkdir", "preallocation", "prune-backups",
)  # fmt: skip
ON_BLOCKS = (*COMMON, "bwlimit", "saferemove", "saferemove_throughput", "tagged_only")


@dataclass(frozen=True)
class StorageType:
    """Mandatory and optional properties; `content` is what it holds unless told otherwise."""

    mandatory: tuple[str, ...]
    optional: tuple[str, ...]
    content: str
    kinds: tuple[str, ...]
    is_shared: bool = False


FILES = ("backup", "images", "import", "iso", "none", "rootdir", "snippets", "vztmpl")
BLOCKS = ("images", "none", "rootdir")
TYPES: dict[str, StorageType] = {
    "dir": StorageType(("path",), ON_FILES, "images,rootdir,vztmpl,iso,backup,snippets", FILES),
    "nfs": StorageType(
        ("server", "export"), (*ON_FILES, "options", "path"), "images", FILES, is_shared=True
    ),
    "cifs": StorageType(
        ("server", "share"),
        (*ON_FILES, "path", "username", "password", "domain", "smbversion", "subdir", "options"),
        "images",
        FILES,
        is_shared=True,
    ),
    "lvm": StorageType(("vgname",), (*ON_BLOCKS, "base"), "images,rootdir", BLOCKS),
    "lvmthin": StorageType(("vgname", "thinpool"), COMMON, "images,rootdir", BLOCKS),
    "zfspool": StorageType(
        ("pool",), (*COMMON, "blocksize", "sparse", "mountpoint"), "images,rootdir", BLOCKS
    ),
    "pbs": StorageType(
        ("server", "datastore"),
        (*COMMON, "username", "password", "fingerprint", "namespace", "port", "prune-backups",
         "encryption-key", "master-pubkey", "max-protected-backups"),
        "backup",
        ("backup", "none"),
        is_shared=True,
    ),
}  # fmt: skip


def check(type_: str, given: Mapping[str, str]) -> None:
    """Raises 500 for what that type does not know or misses."""
    kind = TYPES[type_]
    for name in sorted(given):
        if name not in (*kind.mandatory, *kind.optional):
            raise died(f"unexpected property '{name}'")
    for name in kind.mandatory:
        if name not in given:
            raise died(f"missing value for required option '{name}'")


def made(world: World, name: str, type_: str, given: Mapping[str, str]) -> Storage:
    """A new entry that can be used. Raises 500 when its place is not there, as activation would."""
    own = {"content", "disable", "nodes", "shared", "vgname", "path"}
    total, used, device = _place(world, name, type_, given)
    return Storage(
        storage=name,
        type=type_,
        content=given.get("content", TYPES[type_].content),
        shared=given.get("shared") == "1" or TYPES[type_].is_shared,
        total=total,
        used=used,
        nodes=tuple(filter(None, given.get("nodes", "").split(","))),
        vgname=given.get("vgname"),
        device=device,
        path=given.get("path"),
        is_disabled=given.get("disable") == "1",
        options={key: value for key, value in given.items() if key not in own},
    )


def _place(
    world: World, name: str, type_: str, given: Mapping[str, str]
) -> tuple[int, int, str | None]:
    """Size, use and device of where the volumes will lie."""
    if type_ == "dir":
        node = next(iter(world.nodes.values()))
        return node.disk, world.measure_node(node).disk, None
    group = given.get("vgname")
    for storage in world.storages.values():
        if type_ == "lvm" and storage.vgname == group:
            return storage.total, storage.used, storage.device
    if given.get("disable") == "1":
        return 0, 0, None
    if type_ in ("lvm", "lvmthin"):
        raise died(f"create storage failed: no such volume group '{group}'")
    raise died(f"create storage failed: storage '{name}' is not online")
