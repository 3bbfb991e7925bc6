"""What the panel asks of a cluster; the snapshots that come back are in `hapanel.ports.cluster`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from hapanel.kernel.names import GuestType, Upid
from hapanel.ports.cluster import (
    AddressHealth,
    GuestConfig,
    HaRule,
    HaService,
    HaStatus,
    Membership,
    MigrateOptions,
    MigratePreconditions,
    NodeVotes,
    QDevice,
    ResourcesAnswer,
    StorageConfig,
    Task,
    TaskLog,
    VolumeGroup,
)
from hapanel.ports.datacenter import DatacenterOptions, HaGroup
from hapanel.ports.guest_acts import GuestActs
from hapanel.ports.ha_changes import ResourceSettings, RuleSettings
from hapanel.ports.node_addresses import NodeAddresses

# How many requests of one process are under way at a cluster at most; Proxmox answers through three
# single-threaded workers a node. Changes do not wait behind reads.
MOST_READS, MOST_WRITES = 4, 2


class ClusterGateway(GuestActs, Protocol):
    """One Proxmox VE cluster through whichever of its addresses answers.

    Every method raises a `hapanel.ports.errors.ClusterError`. Reads may fail over to another
    address and be repeated; writes are sent exactly once.
    """

    @property
    def answered_by(self) -> str | None:
        """The base URL that gave the last good answer about the whole cluster."""
        ...

    @property
    def calls(self) -> int:
        """How many requests were sent upstream so far (for the benchmark and the settings page)."""
        ...

    @property
    def retries(self) -> int:
        """How many of them were sent again, to the same address or to the next."""
        ...

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        ...

    @property
    def clock_offset(self) -> float | None:
        """Seconds by which the clock of the node that answered last is ahead of ours, good to one
        second; None when it told no time."""
        ...

    def addresses(self) -> tuple[AddressHealth, ...]:
        """How each address fared lately, in the order of preference."""
        ...

    def prefer(self, address: str | None) -> None:
        """Ask this address before the others from now on; None: in the recorded order again."""
        ...

    def view_from(self, address: str) -> tuple[Membership, HaStatus]:
        """The members and the HA manager's status as this address alone tells them: two calls."""
        ...

    def version(self) -> str: ...
    def membership(self) -> Membership: ...
    def resources(self, known_digest: bytes | None = None) -> ResourcesAnswer: ...
    def ha_status(self) -> HaStatus: ...
    def ha_services(self) -> tuple[HaService, ...]:
        """/cluster/ha/resources: the configured resources with max_restart, failback, comment."""
        ...

    def ha_rules(self) -> tuple[HaRule, ...]: ...
    def ha_groups(self) -> tuple[HaGroup, ...]:
        """/cluster/ha/groups: those that were not turned into rules yet, usually before PVE 9."""
        ...

    def datacenter_options(self) -> DatacenterOptions | None:
        """/cluster/options; None when the token may not see them."""
        ...

    def votes(self) -> tuple[NodeVotes, ...]: ...
    def qdevice(self) -> QDevice: ...
    def node_fingerprints(self) -> Mapping[str, str]:
        """node -> SHA-256 of the certificate that it shows on port 8006, "AA:BB:..."; empty on a
        node that is in no cluster."""
        ...

    def storages(self) -> tuple[StorageConfig, ...]: ...
    def volume_groups(self, node: str) -> tuple[VolumeGroup, ...]:
        """/nodes/{node}/disks/lvm: looks at the disks themselves, so it is to be asked rarely."""
        ...

    def node_addresses(self, node: str) -> NodeAddresses:
        """/nodes/{node}/network: what the node's interfaces are configured with."""
        ...

    def permissions(self) -> Mapping[str, Mapping[str, bool]]:
        """Own rights: path -> privilege -> whether it propagates."""
        ...

    def tasks(self) -> tuple[Task, ...]:
        """/cluster/tasks: running ones and the last finished ones of each node."""
        ...

    def node_tasks(
        self, node: str, *, vmid: int, task_type: str, since: datetime
    ) -> tuple[Task, ...]:
        """Tasks of one node, running and finished, that match; newest first."""
        ...

    def task_status(self, upid: Upid) -> Task: ...
    def task_log(self, upid: Upid, start: int = 0) -> TaskLog: ...
    def stop_task(self, upid: Upid) -> None: ...
    def guest_config(self, node: str, guest_type: GuestType, vmid: int) -> GuestConfig: ...
    def guest_lock(self, node: str, guest_type: GuestType, vmid: int) -> str | None:
        """The lock in status/current; NoSuchGuest when the guest is not on that node."""
        ...

    def migrate_preconditions(
        self, node: str, guest_type: GuestType, vmid: int
    ) -> MigratePreconditions | None:
        """None where the method does not exist (containers before PVE 9)."""
        ...

    def migrate(
        self, node: str, guest_type: GuestType, vmid: int, options: MigrateOptions
    ) -> Upid: ...

    # Changes of the HA configuration answer when they are written, and without a task. With a
    # digest Proxmox refuses when somebody else has changed the file meanwhile.

    def add_ha_resource(self, sid: str, settings: ResourceSettings) -> None: ...
    def change_ha_resource(
        self, sid: str, settings: ResourceSettings, digest: str | None
    ) -> None: ...
    def remove_ha_resource(self, sid: str) -> None:
        """Its guest runs on. Since PVE 9.1 it also leaves the rules that name it."""
        ...

    def add_ha_rule(self, rule: str, settings: RuleSettings) -> None: ...
    def change_ha_rule(self, rule: str, settings: RuleSettings, digest: str | None) -> None: ...
    def remove_ha_rule(self, rule: str) -> None: ...
    def disarm_ha(self, resource_mode: str) -> None:
        """freeze or ignore (PVE 9.2). Only queued for the HA manager, which obeys when it comes to
        it; its status tells when that was."""
        ...

    def arm_ha(self) -> None:
        """Queued likewise."""
        ...

    def close(self) -> None: ...
