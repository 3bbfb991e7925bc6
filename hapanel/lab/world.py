"""The world the lab simulates: nodes, guests, storages, links and who sees whom.

Nothing here knows of HTTP or of PVE's answer forms (hapanel.lab.api does), nor of sockets
(hapanel.lab.net). Changes are plain method calls; what takes time are tasks.
"""

import hashlib
import random
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hapanel.lab.auth.accounts import Accounts
from hapanel.lab.backup.archives import Archives
from hapanel.lab.clock import Clock
from hapanel.lab.clusterlog import ClusterLog
from hapanel.lab.crews import Crews
from hapanel.lab.errors import died
from hapanel.lab.guests.configured import Configured, Snapshot, digest_of
from hapanel.lab.links import Links
from hapanel.lab.metrics import GuestGauges, GuestReport, NodeReport, Wave
from hapanel.lab.names import Kind, RunState
from hapanel.lab.node_files import NodeFiles
from hapanel.lab.services import FILE_SYSTEM, Services
from hapanel.lab.tasks import TaskBook

_OWN_MAC = re.compile(r"(?<=BC:24:11:)[0-9A-Fa-f:]{8}")


class Power(StrEnum):
    """Whether a machine is there."""

    ON = "on"
    OFF = "off"
    BOOTING = "booting"


@dataclass(eq=False)
class Node:
    """One machine."""

    name: str
    node_id: int
    ip: str
    cores: int
    memory: int
    disk: int
    booted_at: float
    votes: int = 1
    power: Power = Power.ON
    fingerprint: str = ""
    certificates: dict[str, str] = field(default_factory=dict)
    report: NodeReport | None = None
    services: Services = field(default_factory=Services)
    files: NodeFiles = field(default_factory=NodeFiles)

    @property
    def has_file_system(self) -> bool:
        """True while its pmxcfs runs: without it nobody there may do anything."""
        return self.is_on and self.services.runs(FILE_SYSTEM)

    @property
    def is_on(self) -> bool:
        """True while the machine answers."""
        return self.power is Power.ON


@dataclass
class Outage:
    """A time in which a guest's service gave no answer, in epoch seconds."""

    start: float
    because: str
    end: float | None = None


@dataclass
class Serves:
    """The web service inside a guest."""

    name: str
    address: str
    boot_seconds: float
    is_enabled: bool = True
    ready_at: float = 0.0
    outages: list[Outage] = field(default_factory=list)


@dataclass
class Busyness:
    """How a guest uses its machine; the migration is computed from it."""

    dirty_bytes: float
    working_set: int
    resident: float
    forced_downtime_ms: int | None = None
    fail_next_migration: str | None = None


@dataclass(eq=False)
class Guest(Configured):
    """A virtual machine or a container. `node` is where its configuration file lies.

    `pending` and `pending_deletes` wait for the next start. `host_cores` is what a container
    without a limit of its own may use. A guest without `has_system` has nothing to boot from, so
    nobody in it hears the power button. `holder` is whoever has the configuration file's lock.
    `moving_to` is where a live migration has opened its disks as well.
    """

    vmid: int
    kind: Kind
    node: str
    config: dict[str, object]
    busy: Busyness
    host_cores: int = 1
    has_system: bool = True
    pending: dict[str, object] = field(default_factory=dict)
    pending_deletes: set[str] = field(default_factory=set)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    parent: str | None = None
    holder: object = None
    is_charted: bool = False
    state: RunState = RunState.STOPPED
    runs_on: str | None = None
    moving_to: str | None = None
    started_at: float = 0.0
    pid: int = 0
    lock: str | None = None
    serves: Serves | None = None
    report: GuestReport | None = None

    @property
    def id(self) -> str:
        """`qemu/100`, as in /cluster/resources."""
        return f"{self.kind}/{self.vmid}"

    @property
    def sid(self) -> str:
        """`vm:100`, as the HA manager says."""
        return f"{self.kind.sid_type}:{self.vmid}"

    @property
    def is_running(self) -> bool:
        """True when its process exists, paused or not."""
        return self.state is not RunState.STOPPED

    def digest(self) -> str:
        """SHA-1 of the configuration, as PVE hands out against lost updates."""
        deletes = sorted(self.pending_deletes)
        rest = (sorted(self.pending.items()), deletes, self.parent, list(self.snapshots.values()))
        return digest_of(sorted(self.config.items()), self.lock, *rest)


@dataclass(frozen=True)
class Storage:
    """An entry of storage.cfg; `options` are those that say nothing to the lab itself."""

    storage: str
    type: str
    content: str
    shared: bool
    total: int
    used: int
    nodes: tuple[str, ...] = ()
    vgname: str | None = None
    device: str | None = None
    path: str | None = None
    is_disabled: bool = False
    options: Mapping[str, str | int] = field(default_factory=dict)
    templates: tuple[str, ...] = ()

    def is_on(self, node: str) -> bool:
        """True when the entry is meant for that node."""
        return not self.nodes or node in self.nodes


GroupDoor = Callable[[str, str, int], None]


class World:
    """Everything there is. One per program.

    `use_group(node, group, size)` writes that many bytes on a volume group, beside what guests
    write there; 0 only tries whether the node can read it. It raises ValueError in LVM's words.
    """

    def __init__(self, clock: Clock, cluster_name: str, seed: int = 1) -> None:
        self.clock = clock
        self.cluster_name = cluster_name
        self.random = random.Random(seed)
        self.nodes: dict[str, Node] = {}
        self.guests: dict[int, Guest] = {}
        self.storages: dict[str, Storage] = {}
        self.options: dict[str, str] = {}
        self.links = Links()
        self.tasks = TaskBook(clock)
        self.log = ClusterLog(clock)
        self.accounts = Accounts()
        self.archives = Archives()
        self.use_group: GroupDoor = lambda _node, _group, _size: None
        self.config_version = 2
        self.has_corosync = True
        self.has_storage_config = True
        self.authority_pem = ""
        self._watchers: list[Callable[[], None]] = []
        self._gauges: dict[int, GuestGauges] = {}
        self._crews = Crews(self.nodes.keys(), self.guests)

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.clock.now()

    def config_digest(self) -> str:
        """SHA-1 of corosync.conf."""
        text = f"{self.cluster_name}/{self.config_version}/{sorted(self.nodes)}"
        return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def storage_digest(self) -> str:
        """SHA-1 of storage.cfg; of nothing while there is no such file."""
        entries = self.storages.values() if self.has_storage_config else ()
        text = "\n".join(map(str, entries))
        return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def on_change(self, watcher: Callable[[], None]) -> None:
        """Calls `watcher` after guests started, stopped, paused, moved or machines came or went."""
        self._watchers.append(watcher)

    def changed(self) -> None:
        """Tells those who hold sockets that something may have to open or close."""
        self._crews.forget()
        for watcher in self._watchers:
            watcher()

    def node(self, name: str) -> Node:
        """The node of that name; PVE's lookup error for a stranger."""
        if name not in self.nodes:
            raise died(
                f"hostname lookup '{name}' failed - failed to get address info for: "
                f"{name}: Temporary failure in name resolution"
            )
        return self.nodes[name]

    def guest_on(self, node: str, kind: Kind, vmid: int) -> Guest:
        """The guest whose configuration lies on that node, else PVE's error."""
        guest = self.guests.get(vmid)
        if guest is None or guest.kind is not kind or guest.node != node:
            raise died(
                f"Configuration file 'nodes/{node}/{kind.config_folder}/{vmid}.conf' does not exist"
            )
        return guest

    def guests_of(self, node: str) -> Iterator[Guest]:
        """Guests configured on a node."""
        return iter(self._crews.of(node).configured)

    def start_guest(self, guest: Guest, node: str) -> None:
        """The guest's process comes to life on `node`."""
        guest.state = RunState.RUNNING
        guest.runs_on = node
        guest.started_at = self.now()
        guest.pid = 1000 + self.random.randrange(60000)
        if guest.serves is not None:
            guest.serves.ready_at = self.now() + self.clock.shortened(guest.serves.boot_seconds)
        self.changed()

    def remove_guest(self, guest: Guest) -> None:
        """Its configuration is gone, and what people may do to it."""
        self.guests.pop(guest.vmid, None)
        self.accounts.forget_guest(guest.vmid)
        self.changed()

    def stop_guest(self, guest: Guest) -> None:
        """The guest's process ends."""
        guest.state = RunState.STOPPED
        guest.runs_on = guest.moving_to = None
        guest.pid = 0
        self.changed()

    def reuse_number(self, guest: Guest, name: str) -> None:
        """The guest was removed and a new one made under its number: another name, other cards,
        another identity, started a moment ago if it runs."""
        guest.config["name" if guest.kind is Kind.QEMU else "hostname"] = name
        number = f"{self.random.getrandbits(24):06X}"
        card = ":".join(number[at : at + 2] for at in range(0, 6, 2))
        for key, value in list(guest.config.items()):
            if key.startswith("net"):
                guest.config[key] = _OWN_MAC.sub(card, str(value))
            elif key == "smbios1":
                guest.config[key] = f"uuid={uuid.UUID(int=self.random.getrandbits(128), version=4)}"
        if guest.is_running:
            self.start_guest(guest, guest.runs_on or guest.node)

    def wave(self, what: str, base: float, swing: float = 0.4) -> Wave:
        """A wandering value that belongs to this world."""
        return Wave(f"{self.cluster_name}/{what}", base, swing)

    def measure_guest(self, guest: Guest, at: float | None = None) -> GuestReport:
        """What the guest's node measures of it at that time (now by default)."""
        at = self.now() if at is None else at
        if not guest.is_running or at < guest.started_at:
            return GuestReport(at, RunState.STOPPED.value, 0, 0.0, 0, 0, 0, 0, 0)
        since, paused = guest.started_at, guest.state is RunState.PAUSED
        gauges = self._gauges.get(guest.vmid)
        if gauges is None:
            gauges = self._gauges[guest.vmid] = GuestGauges(f"{self.cluster_name}/{guest.vmid}")
        memory = guest.memory
        return GuestReport(
            at=at,
            status=guest.state.value if guest.kind is Kind.QEMU else RunState.RUNNING.value,
            uptime=max(0, int(at - since)),
            cpu=0.0 if paused else gauges.cpu.at(at),
            mem=min(memory, int(memory * gauges.mem.at(at))),
            netin=int(gauges.netin.sum_between(since, at)),
            netout=int(gauges.netout.sum_between(since, at)),
            diskread=int(gauges.diskread.sum_between(since, at)),
            diskwrite=int(gauges.diskwrite.sum_between(since, at)),
        )

    def measure_node(self, node: Node, at: float | None = None) -> NodeReport:
        """What pvestatd of that node measures at that time (now by default)."""
        at = self.now() if at is None else at
        running = self._crews.of(node.name).running
        load = 0.03 + sum(0.14 * g.cores for g in running) / max(1, node.cores)
        used = 2.4e9 + sum(g.memory * 0.66 for g in running)
        return NodeReport(
            at=at,
            cpu=min(1.0, self.wave(f"{node.name}/cpu", load, 0.6).at(at)),
            mem=min(node.memory, int(self.wave(f"{node.name}/mem", used, 0.03).at(at))),
            disk=int(self.wave(f"{node.name}/disk", node.disk * 0.21, 0.002).at(at)),
            uptime=max(0, int(at - node.booted_at)),
        )
