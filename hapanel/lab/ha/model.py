"""What the HA stack remembers: configured resources, the manager's and the LRMs' states."""

import base64
import secrets
from dataclasses import dataclass, field
from enum import StrEnum

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


def fresh_uid() -> str:
    """Sixteen random bytes in base64 without padding, new with each state."""
    return base64.b64encode(secrets.token_bytes(16)).decode().rstrip("=")


@dataclass
class Lrm:
    """The local resource manager of one node."""

    node: str
    timestamp: float = 0.0
    state: str = "wait_for_agent_lock"
    mode: str = "active"
    results: dict[str, dict[str, object]] = field(default_factory=dict)
    workers: dict[str, Task] = field(default_factory=dict)
