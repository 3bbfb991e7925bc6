"""What can be asked for, who asks, and what the answer of a preflight looks like.

These are the words between the people's rooms (pages, API, commands) and this one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from hapanel.accounts.models import User
from hapanel.ha.migration_facts import MigrationMode
from hapanel.kernel.refusal import Refusal
from hapanel.ports.node_shell import DEFAULT_PORT
from nodes.models import Cluster

__all__ = [
    "Asker",
    "ClusterChange",
    "MigrationMode",
    "MigrationPlan",
    "MigrationWish",
    "NewCluster",
    "Resolution",
    "SshWish",
    "TargetChoice",
    "Via",
]


class Via(StrEnum):
    """The door through which somebody came."""

    PAGE = "page"
    API = "api"
    COMMAND = "command"
    SCHEDULE = "schedule"  # nobody: its time had come


@dataclass(frozen=True)
class Asker:
    """Who asks, and from where. `user` is None for the command line and for a schedule."""

    name: str
    via: Via
    user: User | None = None
    address: str = ""


@dataclass(frozen=True)
class MigrationWish:
    """Move guest `vmid` to node `target`. `mode` None: what fits the guest.

    bandwidth_limit is in KiB/s as Proxmox takes it.
    """

    cluster: Cluster
    vmid: int
    target: str
    mode: MigrationMode | None = None
    with_local_disks: bool = False
    target_storage: str = ""
    bandwidth_limit: int | None = None
    not_before: datetime | None = None


@dataclass(frozen=True)
class MigrationPlan:
    """What would happen, judged from records. A plan with refusals cannot be carried out.

    `warnings` have the shape of refusals but do not hinder. `passed` are the codes of the checks
    that went well. `forecast_seconds` is None when nothing is known to forecast from;
    `forecast_because` says where the figure comes from (a template and its params like a Refusal).
    """

    mode: MigrationMode
    source: str
    target: str
    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[Refusal, ...] = ()
    passed: tuple[str, ...] = ()
    forecast_seconds: float | None = None
    forecast_because: Refusal | None = None
    expected_downtime_ms: int | None = None
    judged_from: datetime | None = None  # the age of the records behind the plan

    @property
    def is_possible(self) -> bool:
        return not self.refusals


@dataclass(frozen=True)
class TargetChoice:
    """One node as a target in the migration dialog, best first."""

    node: str
    plan: MigrationPlan
    free_memory: int | None = None  # bytes, after the guest's arrival
    last_seconds: float | None = None  # what the last migration of this guest to it took
    reasons: tuple[Refusal, ...] = field(default=())  # why it stands where it stands


@dataclass(frozen=True)
class SshWish:
    """How the nodes shall be reached over ssh. An empty key: the recorded one goes on.

    `host_keys` are the fingerprints (SHA256:...) that a person confirmed.
    """

    user: str = ""
    private_key: str = field(default="", repr=False)
    port: int = DEFAULT_PORT
    host_keys: tuple[str, ...] = ()
    is_on: bool = True


@dataclass(frozen=True)
class NewCluster:
    """A cluster to be tried and recorded. Without `fingerprint` and `ca_pem` nothing is sent."""

    name: str
    addresses: tuple[str, ...]
    token_id: str
    token_secret: str = field(repr=False)
    ca_pem: str = ""
    fingerprint: str = ""
    time_scale: float = 1.0
    ssh: SshWish | None = None


@dataclass(frozen=True)
class ClusterChange:
    """Another way to reach a recorded cluster; what is empty stays as it is."""

    addresses: tuple[str, ...] = ()
    token_id: str = ""
    token_secret: str = field(default="", repr=False)
    ca_pem: str = ""
    fingerprint: str = ""


class Resolution(StrEnum):
    """How a person settles an operation that needs attention."""

    FOLLOW = "follow"  # "it is running: follow this task"
    NOTHING_HAPPENED = "nothing_happened"  # "it never started: close it as failed"
