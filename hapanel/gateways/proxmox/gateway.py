"""The cluster gateway: every question and every change, through whichever address answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote

from hapanel.gateways.proxmox import decode_cluster as cluster
from hapanel.gateways.proxmox import decode_datacenter as datacenter
from hapanel.gateways.proxmox import decode_guest as guest
from hapanel.gateways.proxmox import decode_ha as ha
from hapanel.gateways.proxmox import decode_network as network
from hapanel.gateways.proxmox import decode_tasks as tasks
from hapanel.gateways.proxmox import encode_ha
from hapanel.gateways.proxmox.guest_acts import ProxmoxGuestActs
from hapanel.gateways.proxmox.patience import Timeouts
from hapanel.gateways.proxmox.switchboard import Switchboard
from hapanel.gateways.proxmox.trust import base_url
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
from hapanel.ports.endpoint import Endpoint
from hapanel.ports.errors import BadRequest, ServerFault
from hapanel.ports.ha_changes import ResourceSettings, RuleSettings
from hapanel.ports.node_addresses import NodeAddresses

T = TypeVar("T")


class ProxmoxGateway(ProxmoxGuestActs):
    """One Proxmox VE cluster; fulfils `hapanel.ports.cluster_gateway.ClusterGateway`.

    Nothing is sent before the first call. clock: seconds that only ever grow, for the pauses
    between attempts at a dead address. May be shared by threads.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        timeouts: Timeouts | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._board = Switchboard(endpoint, timeouts or Timeouts(), clock)

    @property
    def answered_by(self) -> str | None:
        """The base URL that gave the last good answer about the whole cluster."""
        return self._board.answered_by

    @property
    def calls(self) -> int:
        """How many requests were sent upstream so far, sign-ins included."""
        return self._board.traffic.calls

    @property
    def retries(self) -> int:
        """How many of them were sent again, to the same address or to the next."""
        return self._board.traffic.retries

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return self._board.traffic.connections

    @property
    def clock_offset(self) -> float | None:
        """Seconds by which the clock of the node that answered last is ahead of ours, good to one
        second; None before its first answer."""
        return self._board.clock_offset

    def prefer(self, address: str | None) -> None:
        """Ask this address before the others from now on; None: in the recorded order again."""
        self._board.prefer(address)

    def view_from(self, address: str) -> tuple[Membership, HaStatus]:
        """The members and the HA manager's status as this address alone tells them: two calls.

        Raises ValueError when it is none of the endpoint's, and a ClusterError.
        """
        members = self._board.look_from(address, "cluster/status", cluster.membership)
        if members.local_node is not None:
            self._board.belongs_to(base_url(address), members.local_node)
        return members, self._board.look_from(address, "cluster/ha/status/current", ha.ha_status)

    def addresses(self) -> tuple[AddressHealth, ...]:
        """How each address fared lately, in the order of preference."""
        return self._board.health()

    def close(self) -> None:
        """Give all connections back."""
        self._board.close()

    # The cluster, as the answering node sees it

    def version(self) -> str:
        """Proxmox VE's version, such as 9.2.11."""
        return self._look("version", cluster.version)

    def membership(self) -> Membership:
        """/cluster/status. Remembers which node it is that answers at the address."""
        found = self._look("cluster/status", cluster.membership)
        if found.local_node is not None and self.answered_by is not None:
            self._board.belongs_to(self.answered_by, found.local_node)
        return found

    def resources(self, known_digest: bytes | None = None) -> ResourcesAnswer:
        """/cluster/resources; not decoded when the body is that of `known_digest`."""
        return self._look(
            "cluster/resources", partial(cluster.resources_answer, known_digest=known_digest)
        )

    def ha_status(self) -> HaStatus:
        """/cluster/ha/status/current."""
        return self._look("cluster/ha/status/current", ha.ha_status)

    def ha_services(self) -> tuple[HaService, ...]:
        """/cluster/ha/resources: the configured HA resources."""
        return self._look("cluster/ha/resources", ha.ha_services)

    def ha_rules(self) -> tuple[HaRule, ...]:
        """/cluster/ha/rules; empty before PVE 9, which has none."""
        try:
            return self._look("cluster/ha/rules", ha.ha_rules)
        except ServerFault as fault:
            if fault.status == 501:
                return ()
            raise

    def ha_groups(self) -> tuple[HaGroup, ...]:
        """/cluster/ha/groups; empty since they became rules, of which PVE 9 tells by an error."""
        try:
            return self._look("cluster/ha/groups", datacenter.ha_groups)
        except ServerFault as fault:
            if "migrated to rules" in fault.reason or fault.status == 501:
                return ()
            raise

    def datacenter_options(self) -> DatacenterOptions | None:
        """/cluster/options; None when the token may not see them."""
        return self._look("cluster/options", datacenter.datacenter_options)

    def votes(self) -> tuple[NodeVotes, ...]:
        """/cluster/config/nodes."""
        return self._look("cluster/config/nodes", cluster.votes)

    def qdevice(self) -> QDevice:
        """/cluster/config/qdevice."""
        return self._look("cluster/config/qdevice", cluster.qdevice)

    def node_fingerprints(self) -> Mapping[str, str]:
        """/cluster/config/join: what each node proves itself with; 424 outside of a cluster."""
        try:
            return self._look("cluster/config/join", cluster.node_fingerprints)
        except ServerFault as fault:
            if fault.status == 424:
                return {}
            raise

    def storages(self) -> tuple[StorageConfig, ...]:
        """/storage."""
        return self._look("storage", cluster.storages)

    def volume_groups(self, node: str) -> tuple[VolumeGroup, ...]:
        """/nodes/{node}/disks/lvm."""
        return self._ask(node, "disks/lvm", cluster.volume_groups)

    def node_addresses(self, node: str) -> NodeAddresses:
        """/nodes/{node}/network, with what SDN makes; releases that do not know that word for it
        are asked without."""
        try:
            params = {"type": "include_sdn"}
            return self._ask(node, "network", network.node_addresses, params)
        except BadRequest:
            return self._ask(node, "network", network.node_addresses)

    def permissions(self) -> Mapping[str, Mapping[str, bool]]:
        """Own rights: path, privilege, whether it propagates."""
        return self._look("access/permissions", cluster.permissions)

    # Tasks

    def tasks(self) -> tuple[Task, ...]:
        """/cluster/tasks: running ones and the last finished ones of each node."""
        return self._look("cluster/tasks", tasks.tasks)

    def node_tasks(
        self, node: str, *, vmid: int, task_type: str, since: datetime
    ) -> tuple[Task, ...]:
        """Tasks of one node, running and finished, that match; newest first."""
        params = {
            "source": "all",
            "vmid": vmid,
            "typefilter": task_type,
            "since": int(since.timestamp()),
        }
        found = self._ask(node, "tasks", tasks.tasks, params)
        return tuple(sorted(found, key=lambda task: task.upid.started_at, reverse=True))

    def task_status(self, upid: Upid) -> Task:
        """Whether the task runs, and how it ended."""
        decode = partial(tasks.task_status, upid=upid)
        return self._ask(upid.node, f"tasks/{_part(upid.raw)}/status", decode)

    def task_log(self, upid: Upid, start: int = 0) -> TaskLog:
        """All lines after the first `start` ones."""
        params = {"start": start, "limit": 0}
        return self._ask(upid.node, f"tasks/{_part(upid.raw)}/log", tasks.task_log, params)

    def stop_task(self, upid: Upid) -> None:
        """Ask the task to end: SIGTERM, and SIGKILL after 5 s. Says nothing about its end."""
        self._board.tell(
            "DELETE", f"nodes/{_part(upid.node)}/tasks/{_part(upid.raw)}", {}, node=upid.node
        )

    # Guests

    def guest_config(self, node: str, guest_type: GuestType, vmid: int) -> GuestConfig:
        """.../config."""
        decode = partial(guest.guest_config, guest_type=guest_type)
        return self._ask(node, f"{guest_type.value}/{vmid:d}/config", decode)

    def guest_lock(self, node: str, guest_type: GuestType, vmid: int) -> str | None:
        """The lock in .../status/current. Raises NoSuchGuest when it is not on that node."""
        return self._ask(node, f"{guest_type.value}/{vmid:d}/status/current", guest.guest_lock)

    def migrate_preconditions(
        self, node: str, guest_type: GuestType, vmid: int
    ) -> MigratePreconditions | None:
        """GET .../migrate; None for containers before PVE 9."""
        path = f"{guest_type.value}/{vmid:d}/migrate"
        try:
            return self._ask(node, path, guest.migrate_preconditions)
        except ServerFault as fault:
            if fault.status == 501:
                return None
            raise

    def migrate(self, node: str, guest_type: GuestType, vmid: int, options: MigrateOptions) -> Upid:
        """POST .../migrate, once. The task that answers is hamigrate when HA manages the guest."""
        path = f"nodes/{_part(node)}/{guest_type.value}/{vmid:d}/migrate"
        body = guest.migrate_parameters(guest_type, options)
        answer, address = self._board.tell("POST", path, body, node=node)
        return tasks.upid_of(answer, address=address)

    # The HA configuration. Each of these is sent once; what Proxmox refuses keeps its words.

    def add_ha_resource(self, sid: str, settings: ResourceSettings) -> None:
        """POST /cluster/ha/resources."""
        self._tell("POST", "resources", encode_ha.new_resource(sid, settings))

    def change_ha_resource(self, sid: str, settings: ResourceSettings, digest: str | None) -> None:
        """PUT /cluster/ha/resources/{sid}."""
        body = encode_ha.changed_resource(settings, digest)
        self._tell("PUT", f"resources/{_part(sid)}", body)

    def remove_ha_resource(self, sid: str) -> None:
        """DELETE /cluster/ha/resources/{sid}. `purge` is left to its default, since it does not
        exist before PVE 9.1."""
        self._tell("DELETE", f"resources/{_part(sid)}", {})

    def add_ha_rule(self, rule: str, settings: RuleSettings) -> None:
        """POST /cluster/ha/rules."""
        self._tell("POST", "rules", encode_ha.new_rule(rule, settings))

    def change_ha_rule(self, rule: str, settings: RuleSettings, digest: str | None) -> None:
        """PUT /cluster/ha/rules/{rule}."""
        self._tell("PUT", f"rules/{_part(rule)}", encode_ha.changed_rule(settings, digest))

    def remove_ha_rule(self, rule: str) -> None:
        """DELETE /cluster/ha/rules/{rule}; one that is not there is no fault."""
        self._tell("DELETE", f"rules/{_part(rule)}", {})

    def disarm_ha(self, resource_mode: str) -> None:
        """POST /cluster/ha/status/disarm-ha."""
        self._tell("POST", "status/disarm-ha", {"resource-mode": resource_mode})

    def arm_ha(self) -> None:
        """POST /cluster/ha/status/arm-ha."""
        self._tell("POST", "status/arm-ha", {})

    def _tell(self, method: str, path: str, body: Mapping[str, Any]) -> None:
        self._board.tell(method, f"cluster/ha/{path}", body)

    def _look(self, path: str, decode: Callable[[bytes], T]) -> T:
        return self._board.look(path, decode)

    def _ask(
        self,
        node: str,
        path: str,
        decode: Callable[[bytes], T],
        params: Mapping[str, Any] | None = None,
    ) -> T:
        return self._board.ask(node, f"nodes/{_part(node)}/{path}", decode, params or {})


def _part(text: str) -> str:
    """One part of a path. The ! of a token's tasks has to be encoded, colons may stay."""
    return quote(text, safe=":@")
