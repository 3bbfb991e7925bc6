"""What one node's kernel knows of one resource: role, disks, generations, its view of peers."""

from dataclasses import dataclass, field
from enum import StrEnum

from hapanel.lab.drbd.spec import ResourceSpec, Version, VolumeSpec

JUST_CREATED = 4


class Disk(StrEnum):
    """Disk states, in the kernel's order: what comes later is better."""

    DISKLESS = "Diskless"
    FAILED = "Failed"
    INCONSISTENT = "Inconsistent"
    OUTDATED = "Outdated"
    UNKNOWN = "DUnknown"
    CONSISTENT = "Consistent"
    UP_TO_DATE = "UpToDate"


class Conn(StrEnum):
    """Connection states that last, and those that pass by in the event stream."""

    STANDALONE = "StandAlone"
    DISCONNECTING = "Disconnecting"
    UNCONNECTED = "Unconnected"
    TEAR_DOWN = "TearDown"
    NETWORK_FAILURE = "NetworkFailure"
    CONNECTING = "Connecting"
    CONNECTED = "Connected"


class Repl(StrEnum):
    """Replication states."""

    OFF = "Off"
    ESTABLISHED = "Established"
    BITMAP_SOURCE = "WFBitMapS"
    BITMAP_TARGET = "WFBitMapT"
    SOURCE = "SyncSource"
    TARGET = "SyncTarget"
    PAUSED_SOURCE = "PausedSyncS"
    PAUSED_TARGET = "PausedSyncT"
    VERIFY_SOURCE = "VerifyS"
    VERIFY_TARGET = "VerifyT"


SYNCING = (Repl.SOURCE, Repl.TARGET, Repl.PAUSED_SOURCE, Repl.PAUSED_TARGET)
PAUSED = (Repl.PAUSED_SOURCE, Repl.PAUSED_TARGET)
VERIFYING = (Repl.VERIFY_SOURCE, Repl.VERIFY_TARGET)


class Role(StrEnum):
    """Roles of a node in a resource."""

    PRIMARY = "Primary"
    SECONDARY = "Secondary"
    UNKNOWN = "Unknown"


@dataclass(eq=False)
class Course:
    """A sync or verify under way, shared by its two ends. KiB and seconds of the real thing.

    `marks` are (second, KiB left) at most every three seconds, for the recent speed.
    """

    total: float
    left: float
    began: float
    rate: float = 0.0
    paused_for: float = 0.0
    marks: list[tuple[float, float]] = field(default_factory=list)

    def speeds(self, now: float) -> tuple[float, float]:
        """KiB a second lately, and since the beginning."""
        return self._since(self.marks[0] if self.marks else None, now), self._since(None, now)

    def _since(self, mark: tuple[float, float] | None, now: float) -> float:
        then, left = mark or (self.began, self.total)
        return max(0.0, left - self.left) / (now - then) if now > then else self.rate


@dataclass(eq=False)
class PeerDevice:
    """One volume as seen across one connection; sizes in KiB. `bitmap` is the generation since
    when out-of-sync is counted, `in_flight` was written since the link carried something last.
    """

    repl: Repl = Repl.OFF
    peer_disk: Disk = Disk.UNKNOWN
    out_of_sync: int = 0
    sent: int = 0
    received: int = 0
    in_flight: int = 0
    bitmap: int = 0
    number: int = 0
    is_paused: bool = False
    peer_is_paused: bool = False
    course: Course | None = None

    @property
    def suspended(self) -> str:
        """`resync-suspended` in the tools' words."""
        flags = ["user"] * self.is_paused + ["peer"] * self.peer_is_paused
        return ",".join(flags) or "no"


@dataclass(eq=False)
class Connection:
    """One node's end of the link to a peer. Deadlines in seconds of the real thing; `is_gone`:
    8.4 has forgotten the connection, as it does once it stands alone.
    """

    peer: str
    devices: list[PeerDevice]
    state: Conn = Conn.STANDALONE
    peer_role: Role = Role.UNKNOWN
    discards: bool = False
    is_gone: bool = False
    lost_at: float | None = None
    retry_at: float | None = None

    @property
    def is_up(self) -> bool:
        """True while connected."""
        return self.state is Conn.CONNECTED


@dataclass(eq=False)
class Volume:
    """One volume here; `hidden` are KiB that differ from the peer's without DRBD's knowing it."""

    spec: VolumeSpec
    disk: Disk = Disk.UP_TO_DATE
    kept_disk: Disk = Disk.UP_TO_DATE
    current: int = JUST_CREATED
    history: list[int] = field(default_factory=lambda: [0, 0])
    read: int = 0
    written: int = 0
    al_writes: int = 0
    bm_writes: int = 0
    has_failed: bool = False
    hidden: int = 0

    @property
    def size(self) -> int:
        """KiB."""
        return self.spec.size_kib

    def remember(self, generation: int) -> None:
        """A generation becomes history."""
        if generation:
            self.history = [generation, self.history[0]]


@dataclass(eq=False)
class Side:
    """One node's part of a resource. Held Primary by somebody's command or by its
    openers, whose values are when they opened it, in epoch seconds.
    `addresses` (`IP:PORT`) are those of all its nodes, in their order.
    """

    node: str
    node_id: int
    spec: ResourceSpec
    version: Version
    volumes: list[Volume]
    connections: dict[str, Connection]
    is_up: bool = True
    is_held: bool = False
    openers: dict[str, float] = field(default_factory=dict)
    last_primary: float | None = None
    was_crashed_primary: bool = False
    wants_primary: bool = False
    addresses: list[str] = field(default_factory=list)

    @property
    def role(self) -> Role:
        """Primary while held so or open."""
        return Role.PRIMARY if self.is_held or self.openers else Role.SECONDARY

    @property
    def is_primary(self) -> bool:
        """True while Primary."""
        return self.role is Role.PRIMARY

    @property
    def has_quorum(self) -> bool:
        """DRBD 9's quorum, where the resource asks for it: a majority of its nodes, without those
        whose copy is known to be old.
        """
        if self.spec.options.get("quorum", "off") == "off":
            return True
        peers = self.connections.values()
        reached = 1 + sum(connection.is_up for connection in peers)
        old = [c for c in peers if not c.is_up and c.devices[0].peer_disk is Disk.OUTDATED]
        return reached * 2 > len(self.spec.nodes) - len(old)

    def best_disk(self, number: int) -> Disk:
        """The best copy of a volume that this node can read, its own or a peer's."""
        peers = [c.devices[number].peer_disk for c in self.connections.values() if c.is_up]
        ranks = list(Disk)
        return max([self.volumes[number].disk, *peers], key=ranks.index)

    def can_read(self) -> bool:
        """True while each volume has an UpToDate copy in reach."""
        return all(self.best_disk(n) is Disk.UP_TO_DATE for n in range(len(self.volumes)))
