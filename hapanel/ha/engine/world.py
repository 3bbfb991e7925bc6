"""All that the HA stack of one cluster knows and is, as immutable values.

Two things are apart on purpose: what lies in the cluster file system and everybody reads
(`services`, `node_states`, `lrm_status`, ... ) and what each daemon holds in its own memory and
loses with its node (`Crm`, `Lrm`). Times are seconds of the world's own clock.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from hapanel.ha.engine.affinity import CompiledRules
from hapanel.ha.engine.options import Options
from hapanel.ha.engine.profile import Profile
from hapanel.ha.engine.rules import Group, Rule
from hapanel.ha.engine.words import (
    CrmState,
    DisarmMode,
    DisarmState,
    Halt,
    JobResult,
    LrmMode,
    LrmState,
    NodeState,
    Requested,
    ServiceState,
)


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """A node's hardware and the cluster file system on it.

    since: when it was switched on. lost_at: when it fell silent (power or network), None while
    it is heard. boots_at: when it will be back from a reboot. maxcpu in cores, maxmem in bytes.
    stray_watchdog: a watchdog client that an exited LRM left open, last fed then.
    """

    name: str
    node_id: int
    votes: int = 1
    has_power: bool = False
    has_network: bool = False
    halt: Halt | None = None
    since: float = 0.0
    lost_at: float | None = None
    boots_at: float | None = None
    can_write: bool = True
    can_update: bool = True
    maxcpu: float = 24.0
    maxmem: int = 128 << 30
    version: str = "9.0.0"
    stray_watchdog: float | None = None

    @property
    def is_up(self) -> bool:
        """Whether it runs and is connected."""
        return self.has_power and self.has_network


class QDevice(msgspec.Struct, frozen=True, kw_only=True):
    """The third vote outside the cluster."""

    votes: int = 1
    is_reachable: bool = True


class Members(msgspec.Struct, frozen=True, kw_only=True):
    """A membership. online: the members of the quorate partition, empty without quorum.

    lowest: the member with the lowest node id, whose pmxcfs times the locks.
    """

    online: frozenset[str]
    is_quorate: bool
    lowest: str | None


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What a guest is assigned (maxcpu in cores, 0 for all; maxmem in bytes) and what it uses."""

    maxcpu: float = 4.0
    maxmem: int = 4 << 30
    cpu: float = 2.0
    mem: int = 2 << 30


class Faults(msgspec.Struct, frozen=True, kw_only=True):
    """How a guest misbehaves: so many starts and moves fail in a row before one works.

    only_on: the node where that is so, None for everywhere.
    """

    starts: int = 0
    moves: int = 0
    cannot_stop: bool = False
    only_on: str | None = None


class Guest(msgspec.Struct, frozen=True, kw_only=True):
    """An HA resource as it is configured. `node` is where its configuration file lies.

    lock: the lock in its configuration (`backup`, `migrate`, ...), which keeps it from starting.
    """

    sid: str
    node: str
    requested: Requested = Requested.STARTED
    group: str | None = None
    failback: bool = True
    max_restart: int = 1
    max_relocate: int = 1
    lock: str | None = None
    load: Load = Load()
    faults: Faults = Faults()

    @property
    def kind(self) -> str:
        """`vm`, `ct`, or the simulator's `fa`."""
        return self.sid.partition(":")[0]


class Bystander(msgspec.Struct, frozen=True, kw_only=True):
    """A guest outside HA: it takes room on its node and dies with it."""

    node: str
    load: Load = Load()


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A command that waits on a service: migrate or relocate to `target`, or stop."""

    verb: str
    target: str = ""
    timeout: int = 0


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the manager's service status.

    uid: changes whenever the LRM has to do or check something anew.
    maintenance_node: where it came from when its node went into maintenance.
    """

    state: ServiceState
    node: str
    uid: int
    target: str | None = None
    timeout: int | None = None
    failed_nodes: tuple[str, ...] = ()
    maintenance_node: str | None = None
    is_running: bool = False
    order: Order | None = None


class LrmStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What an LRM last wrote for the master to read. `results` are by uid."""

    state: LrmState
    mode: LrmMode
    results: Mapping[int, JobResult]
    at: float


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What a master knows only as long as it is the master.

    last_seen: when a node was last a member, or was first asked about.
    rules_from: from which rules, groups and nodes `rules` were compiled.
    """

    last_seen: Mapping[str, float] = {}
    group_countdown: int = 3
    imbalanced_rounds: int = 0
    rules: CompiledRules | None = None
    rules_from: object = None


class Crm(msgspec.Struct, frozen=True, kw_only=True):
    """A running CRM daemon. watchdog: when its client was last fed, None without one."""

    state: CrmState = CrmState.WAIT_FOR_QUORUM
    wants_exit: bool = False
    watchdog: float | None = None
    idle_rounds: int = 0
    memory: Memory | None = None
    due: float = 0.0


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What an LRM has to do for a service. Without a uid it is part of the node's shutdown.

    waited: how often it was passed over. ends_at: when it will be done, None until it runs.
    """

    sid: str
    uid: int | None
    state: ServiceState
    target: str | None = None
    timeout: int | None = None
    waited: int = 0
    is_running: bool = False
    ends_at: float | None = None


class Lrm(msgspec.Struct, frozen=True, kw_only=True):
    """A running LRM daemon.

    seen: the services of its node as it read them last.
    retries: failed starts in a row by service. stop_errors: guests that did not stop at shutdown.
    """

    state: LrmState = LrmState.WAIT_FOR_AGENT_LOCK
    mode: LrmMode = LrmMode.ACTIVE
    since: float = 0.0
    wants_exit: bool = False
    comes_back: bool = False
    watchdog: float | None = None
    idle_rounds: int = 0
    stop_errors: int = 0
    jobs: Mapping[str, Job] = {}
    results: Mapping[int, JobResult] = {}
    retries: Mapping[str, int] = {}
    seen: Mapping[str, Service] = {}
    node_state: NodeState = NodeState.UNKNOWN
    due: float = 0.0


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster-wide lock. boot: when the holder's node had been switched on."""

    holder: str
    renewed: float
    boot: float = 0.0
    unlocking: bool = False


class Disarm(msgspec.Struct, frozen=True, kw_only=True):
    """HA is switched off, or on the way there."""

    mode: DisarmMode
    state: DisarmState = DisarmState.DISARMING


class World(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster's HA stack at one moment.

    members: the membership as somebody else tells it; None leaves it to the engine, which derives
    it from machines and QDevice.
    now: up to when it was moved. round_at: when the next round begins (lockstep profiles).
    running: the guests that run, by node, HA or not. tries: how often a misbehaving guest has
    failed, by (sid, verb).
    """

    profile: Profile
    options: Options = Options()
    now: float = 0.0
    round_at: float = 0.0
    machines: Mapping[str, Machine] = {}
    qdevice: QDevice | None = None
    members: Members | None = None
    guests: Mapping[str, Guest] = {}
    bystanders: Mapping[str, Bystander] = {}
    rules: tuple[Rule, ...] = ()
    groups: Mapping[str, Group] = {}
    running: Mapping[str, frozenset[str]] = {}
    tries: Mapping[tuple[str, str], int] = {}
    crms: Mapping[str, Crm] = {}
    lrms: Mapping[str, Lrm] = {}
    locks: Mapping[str, Lock] = {}
    services: Mapping[str, Service] = {}
    node_states: Mapping[str, NodeState] = {}
    maintenance_requests: frozenset[str] = frozenset()
    disarm: Disarm | None = None
    master: str | None = None
    status_at: float = 0.0
    lrm_status: Mapping[str, LrmStatus] = {}
    commands: tuple[str, ...] = ()
    last_uid: int = 0
