"""What the HA stack remembers: configured resources, the manager's and the LRMs' states."""

import base64
import secrets
from dataclasses import dataclass, field
from enum import StrEnum

from hapanel.lab.ha.rules import Rules
from hapanel.lab.tasks import Task

OLD_SECONDS = 30.0


class CrmState(StrEnum):
    """Service states as the manager writes them."""

    STARTED = "started"
    STOPPED = "stopped"
    REQUEST_STOP = "request_stop"
    MIGRATE = "migrate"
    FENCE = "fence"
    RECOVERY = "recovery"
    ERROR = "error"
    FREEZE = "freeze"


class Request(StrEnum):
    """Requested states of a resource; `enabled` is an old word for started."""

    STARTED = "started"
    STOPPED = "stopped"
    DISABLED = "disabled"
    IGNORED = "ignored"


@dataclass
class Resource:
    """One entry of the HA configuration."""

    sid: str
    state: Request = Request.STARTED
    max_restart: int | None = None
    max_relocate: int | None = None
    failback: bool | None = None
    comment: str | None = None

    @property
    def vmid(self) -> int:
        """The guest's number."""
        return int(self.sid.partition(":")[2])

    @property
    def type(self) -> str:
        """`vm` or `ct`."""
        return self.sid.partition(":")[0]


@dataclass
class Service:
    """What the manager knows of a resource. `runs` is set one round after the LRM said so."""

    sid: str
    node: str
    state: CrmState
    uid: str = field(default_factory=lambda: fresh_uid())
    target: str | None = None
    runs: bool = False
    reported: int | None = None
    failed_starts: int = 0

    def change(self, state: CrmState, target: str | None = None) -> None:
        """A new state waits for a new result."""
        self.state, self.target = state, target
        self.runs, self.reported = False, None
        self.uid = fresh_uid()


def fresh_uid() -> str:
    """Sixteen random bytes in base64 without padding, new with each state."""
    return base64.b64encode(secrets.token_bytes(16)).decode().rstrip("=")


@dataclass
class Lock:
    """A lock of pmxcfs: who holds it and when it was last renewed (epoch seconds)."""

    holder: str | None = None
    renewed_at: float = 0.0


@dataclass
class Lrm:
    """The local resource manager of one node."""

    node: str
    timestamp: float = 0.0
    state: str = "wait_for_agent_lock"
    mode: str = "active"
    lock: Lock = field(default_factory=Lock)
    results: dict[str, dict[str, object]] = field(default_factory=dict)
    workers: dict[str, Task] = field(default_factory=dict)

    def report(self, service: Service, exit_code: int) -> None:
        """The result of what was wanted of a service; it replaces the one before."""
        service.reported = exit_code
        kept = {uid: r for uid, r in self.results.items() if r["sid"] != service.sid}
        result: dict[str, object] = {
            "sid": service.sid,
            "state": service.state.value,
            "exit_code": exit_code,
        }
        self.results = {**kept, service.uid: result}


@dataclass
class HaState:
    """The HA stack's files in pmxcfs: one copy, since only a quorate side can write."""

    lrms: dict[str, Lrm]
    resources: dict[str, Resource] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    node_status: dict[str, str] = field(default_factory=dict)
    unknown_since: dict[str, float] = field(default_factory=dict)
    maintenance: set[str] = field(default_factory=set)
    manager_lock: Lock = field(default_factory=Lock)
    timestamp: float = 0.0
    commands: list[tuple[str, str]] = field(default_factory=list)
    rules: Rules = field(default_factory=Rules)
    wanted_disarmed: str | None = None
    disarmed: str | None = None

    @property
    def master(self) -> str | None:
        """The node whose CRM is (or was last) the manager."""
        return self.manager_lock.holder

    def services_on(self, node: str) -> list[Service]:
        """Services the manager has put on a node."""
        return [service for service in self.services.values() if service.node == node]
