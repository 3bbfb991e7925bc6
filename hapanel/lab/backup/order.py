"""What a backup job was asked for, and what it may ask itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hapanel.lab.backup.retention import Keep
from hapanel.lab.names import Kind
from hapanel.lab.world import Guest

DEFAULT_STORAGE = "local"
SNAPSHOT, SUSPEND, STOP = MODES = ("snapshot", "suspend", "stop")
# What `compress` says: the ending of the file, and how much smaller zeros and text become.
COMPRESSORS = {
    "0": ("", 1.0), "1": (".lzo", 0.55), "lzo": (".lzo", 0.55), "gzip": (".gz", 0.44),
    "zstd": (".zst", 0.45),
}  # fmt: skip


@dataclass(frozen=True)
class DumpOrder:
    """`skipped` are guests of other nodes, `everyone` leaves out whom the caller may not back up.
    `stop_wait` is in minutes, `bwlimit` in KiB a second. `places` are directories and files of the
    node that were named (`dumpdir`, `tmpdir`, `script`): the lab's nodes have none.
    """

    command: str
    vmids: tuple[int, ...]
    skipped: tuple[int, ...]
    storage: str | None = None
    mode: str = SNAPSHOT
    compress: str = "0"
    everyone: bool = False
    remove: bool = True
    keep: Keep | None = None
    notes: str = ""
    protected: bool = False
    bwlimit: int = 0
    ionice: int = 7
    stop_wait: int = 10
    places: Mapping[str, str] = field(default_factory=dict)

    def format(self, kind: Kind) -> str:
        """`vma.zst`, `tar`, ..."""
        return ("vma" if kind is Kind.QEMU else "tar") + COMPRESSORS[self.compress][0]

    @property
    def ratio(self) -> float:
        """Bytes of archive for a byte of data."""
        return COMPRESSORS[self.compress][1]


@dataclass(frozen=True)
class Rules:
    """`may_back_up(vmid)`: whether the caller may; `is_kept_running(guest)`: whether HA wants it
    so; `need_writable(guest)` raises TaskFailed without quorum.
    """

    may_back_up: Callable[[int], bool]
    is_kept_running: Callable[[Guest], bool]
    need_writable: Callable[[Guest], None]
