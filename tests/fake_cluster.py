"""A Proxmox cluster in memory, as far as operations ask it; its time is the test's clock.

It keeps the promises of the port and, like the real one, knows nothing of who asks: a request that
arrived is carried out, whether or not its answer does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from hapanel.kernel.clock import VirtualClock
from hapanel.kernel.names import GuestType, Upid, vmid_of
from hapanel.ports.cluster import (
    AddressHealth,
    GuestConfig,
    GuestDisk,
    GuestState,
    HaRule,
    HaService,
    HaStatus,
    LogLine,
    LrmState,
    Membership,
    MigrateOptions,
    MigratePreconditions,
    NodeState,
    NodeVotes,
    QDevice,
    Resources,
    ResourcesAnswer,
    StorageConfig,
    StorageState,
    Task,
    TaskLog,
    VolumeGroup,
)
from hapanel.ports.cluster_gateway import ClusterGateway
from hapanel.ports.datacenter import DatacenterOptions, HaGroup
from hapanel.ports.endpoint import Endpoint, SeenCertificate
from hapanel.ports.errors import ClusterError, PermissionMissing, ServerFault, Unreachable
from hapanel.ports.ha_changes import ResourceSettings, RuleSettings
from hapanel.ports.lab import LabControl
from hapanel.ports.node_addresses import NodeAddresses
from hapanel.ports.node_hands import NodeHands
from hapanel.ports.node_shell import HostKey, NodeDoor, SshLogin
from hapanel.ports.ssh_errors import (
    HostKeyChanged,
    HostKeyUnknown,
)
from nodes.models import Cluster
from tests.fake_guest_acts import FakeGuestActs

GIB = 1024**3
OURS = "panel@pve!ops"


@dataclass
class FakeTask:
    """A task with its whole future: when it ends, how, and what it will have said by when."""

    upid: Upid
    ends: datetime
    exit_status: str
    says: list[tuple[float, str]] = field(default_factory=list)
    on_end: Callable[[], None] | None = None
    is_listed: bool = True


class FakeCluster(FakeGuestActs):
    """Two nodes, master and slave; guest 100 is a machine, 101 a container, both on master."""

    def __init__(self, clock: VirtualClock, *, ha: bool = False) -> None:
        super().__init__()
        self.clock = clock
        self.ha = ha
        self.nodes = {100: "master", 101: "master"}
        self.names = {100: "siakad", 101: "elearning"}
        self.locks: dict[int, str] = {}
        self.ha_states = {100: "started", 101: "started"} if ha else {}
        self.posts: list[tuple[str, int, MigrateOptions]] = []
        self.stops: list[str] = []
        self.tasks_: list[FakeTask] = []
        self.quorate = True
        self.offline: set[str] = set()
        self.calls = self.retries = self.connections = 0
        self.clock_offset: float | None = 0.0
        self.answered_by = "https://127.0.42.20:8006"
        # What goes wrong: called with the method's name before and after each call.
        self.before: Callable[[str], None] = lambda name: None
        self.after: Callable[[str], None] = lambda name: None
        self.exit_status = "OK"
        self.failure_lines: list[str] = []
        self.duration = 6.0
        self.ha_takes = True
        # What is configured, and whether the HA manager works at its queue.
        self.ha_config: dict[str, HaService] = {}
        self.ha_rules_: dict[str, HaRule] = {}
        self.armed: str | None = None
        self.configs: dict[int, GuestConfig] = {}
        self.storages_: tuple[StorageConfig, ...] = ()
        self.writes: list[tuple[str, str]] = []
        self.obeys = True
        self.manager_state: str | None = "active"
        self.not_allowed: dict[str, tuple[str, ...]] = {}
        self._pid = 100

    # What happens in it

    def tick(self) -> None:
        """Let everything happen that is due by now."""
        for task in self.tasks_:
            if task.on_end is not None and task.ends <= self.clock.now():
                act, task.on_end = task.on_end, None
                act()

    def start(
        self,
        task_type: str,
        vmid: int,
        *,
        user: str = OURS,
        seconds: float = 6.0,
        says: list[tuple[float, str]] | None = None,
        exit_status: str = "OK",
        node: str = "master",
        on_end: Callable[[], None] | None = None,
        after: float = 0.0,
    ) -> FakeTask:
        self._pid += 1
        began = self.clock.now() + timedelta(seconds=after)
        stamp = f"{int(began.timestamp()):08X}"
        raw = f"UPID:{node}:{self._pid:08X}:00C4D5E6:{stamp}:{task_type}:{vmid}:{user}:"
        task = FakeTask(
            Upid.parse(raw), began + timedelta(seconds=seconds), exit_status, says or [], on_end
        )
        self.tasks_.append(task)
        return task

    def _start_move(self, vmid: int, target: str, *, user: str, after: float = 0.0) -> FakeTask:
        kind = "qmigrate" if vmid == 100 else "vzmigrate"
        ok = self.exit_status == "OK"

        def arrive() -> None:
            self.locks.pop(vmid, None)
            if ok:
                self.nodes[vmid] = target
            if vmid in self.ha_states:
                self.ha_states[vmid] = "starting" if ok else "started"
                self.start("settle", vmid, user="root@pam", seconds=10, on_end=self._settle(vmid))

        self.locks[vmid] = "migrate"
        return self.start(
            kind,
            vmid,
            user=user,
            seconds=self.duration,
            says=move_log(vmid, target, self.duration, self.failure_lines),
            exit_status=self.exit_status,
            on_end=arrive,
            after=after,
        )

    def _settle(self, vmid: int) -> Callable[[], None]:
        def settle() -> None:
            self.ha_states[vmid] = "started"

        return settle

    def _start_ha(self, vmid: int, target: str) -> FakeTask:
        def take() -> None:
            if self.statuses.get(vmid) == "stopped":
                self.nodes[vmid] = target  # what does not run is just put elsewhere
            elif self.ha_takes:
                self.ha_states[vmid] = "migrate"
                self.start(
                    "lrm",
                    vmid,
                    user="root@pam",
                    seconds=5,
                    on_end=lambda: void(self._start_move(vmid, target, user="root@pam")),
                )

        self.start("crm", vmid, user="root@pam", seconds=6, on_end=take)
        line = f"Requesting HA migration for VM {vmid} to node {target}"
        return self.start("hamigrate", vmid, seconds=1, says=[(0, line), (1, "TASK OK")])

    # The port

    def migrate(self, node: str, guest_type: GuestType, vmid: int, options: MigrateOptions) -> Upid:
        self._enter("migrate")
        self.posts.append((node, vmid, options))
        if vmid in self.ha_states:
            task = self._start_ha(vmid, options.target)
        else:
            task = self._start_move(vmid, options.target, user=OURS)
        self._leave("migrate")
        return task.upid

    def stop_task(self, upid: Upid) -> None:
        self._enter("stop_task")
        self.stops.append(upid.raw)
        for task in self.tasks_:
            if task.upid == upid and task.ends > self.clock.now():
                task.ends = self.clock.now()
                task.exit_status = "migration aborted"
                task.on_end = None
                self.locks.pop(int(upid.id), None)
        self._leave("stop_task")

    def resources(self, known_digest: bytes | None = None) -> ResourcesAnswer:
        self._enter("resources")
        answer = ResourcesAnswer(
            digest=b"d",
            resources=Resources(
                nodes=tuple(self._node(name) for name in ("master", "slave")),
                guests=tuple(self._guest(vmid) for vmid in self.nodes),
                storages=tuple(
                    StorageState(
                        storage="drbd-lvm",
                        node=node,
                        type="lvm",
                        status="available",
                        shared=True,
                        content="images,rootdir",
                    )
                    for node in ("master", "slave")
                ),
            ),
        )
        self._leave("resources")
        return answer

    def ha_status(self) -> HaStatus:
        self._enter("ha_status")
        return HaStatus(
            quorate=self.quorate,
            quorum_text="OK" if self.quorate else "No quorum on node 'master'!",
            manager_node="master",
            manager_state=self.manager_state,
            armed_state=self.armed,
            lrms=tuple(
                LrmState(node=node, state="active", dead=False, text="")
                for node in ("master", "slave")
            ),
            services=tuple(
                HaService(sid=sid_of(vmid), node=self.nodes[vmid], state=state)
                for vmid, state in self.ha_states.items()
            ),
        )

    def guest_config(self, node: str, guest_type: GuestType, vmid: int) -> GuestConfig:
        self._enter("guest_config")
        if vmid in self.configs:
            return self.configs[vmid]
        volume = f"drbd-lvm:vm-{vmid}-disk-0"
        return GuestConfig(disks=(GuestDisk(key="scsi0", volume=volume, storage="drbd-lvm"),))

    def migrate_preconditions(
        self, node: str, guest_type: GuestType, vmid: int
    ) -> MigratePreconditions | None:
        self._enter("migrate_preconditions")
        return MigratePreconditions(
            running=True, allowed_nodes=("slave",), not_allowed=self.not_allowed
        )

    def guest_lock(self, node: str, guest_type: GuestType, vmid: int) -> str | None:
        self._enter("guest_lock")
        return self.locks.get(vmid)

    def tasks(self) -> tuple[Task, ...]:
        self._enter("tasks")
        return tuple(self._task(task) for task in self._listed())

    def node_tasks(
        self, node: str, *, vmid: int, task_type: str, since: datetime
    ) -> tuple[Task, ...]:
        self._enter("node_tasks")
        return tuple(
            self._task(task)
            for task in self._listed()
            if task.upid.node == node
            and task.upid.id == str(vmid)
            and task.upid.type == task_type
            and task.upid.started_at >= since.replace(microsecond=0)
        )

    def task_status(self, upid: Upid) -> Task:
        self._enter("task_status")
        return self._task(self._find(upid))

    def task_log(self, upid: Upid, start: int = 0) -> TaskLog:
        self._enter("task_log")
        task = self._find(upid)
        elapsed = (self.clock.now() - task.upid.started_at).total_seconds()
        texts = [text for at, text in task.says if at <= elapsed]
        lines = [LogLine(n=n, text=text) for n, text in enumerate(texts, start=1)]
        return TaskLog(lines=tuple(lines[start:]), total=len(lines))

    def version(self) -> str:
        self._enter("version")
        return "9.2.11"

    def membership(self) -> Membership:
        self._enter("membership")
        nodes = tuple(self._node(name) for name in ("master", "slave"))
        return Membership(
            cluster_name="clusterubd",
            quorate=self.quorate,
            version=2,
            nodes=nodes,
            local_node="master",
        )

    def permissions(self) -> Mapping[str, Mapping[str, bool]]:
        self._enter("permissions")
        return self.rights

    rights: Mapping[str, Mapping[str, bool]] = {}

    def node_fingerprints(self) -> Mapping[str, str]:
        self._enter("node_fingerprints")
        return {"master": "AA:" * 31 + "AA", "slave": "BB:" * 31 + "BB"}

    def ha_services(self) -> tuple[HaService, ...]:
        self._enter("ha_services")
        return tuple(self.ha_config.values())

    def ha_groups(self) -> tuple[HaGroup, ...]:
        return ()

    def datacenter_options(self) -> DatacenterOptions | None:
        return DatacenterOptions()

    def ha_rules(self) -> tuple[HaRule, ...]:
        self._enter("ha_rules")
        return tuple(self.ha_rules_.values())

    def add_ha_resource(self, sid: str, settings: ResourceSettings) -> None:
        with self._writing("add_ha_resource", sid):
            self.ha_config[sid] = HaService(
                sid=sid, node=None, **({"state": "started"} | _told(settings))
            )

    def change_ha_resource(self, sid: str, settings: ResourceSettings, digest: str | None) -> None:
        with self._writing("change_ha_resource", sid):
            if digest != self.ha_config[sid].digest:
                raise ServerFault("detected modified configuration", status=500)
            self.ha_config[sid] = replace(self.ha_config[sid], **_told(settings))
            self.ha_obeys(vmid_of(sid) or 0, settings.state)

    def remove_ha_resource(self, sid: str) -> None:
        with self._writing("remove_ha_resource", sid):
            self.ha_config.pop(sid, None)

    def add_ha_rule(self, rule: str, settings: RuleSettings) -> None:
        with self._writing("add_ha_rule", rule):
            self.ha_rules_[rule] = HaRule(rule=rule, **_told(settings))

    def change_ha_rule(self, rule: str, settings: RuleSettings, digest: str | None) -> None:
        with self._writing("change_ha_rule", rule):
            self.ha_rules_[rule] = replace(self.ha_rules_[rule], **_told(settings))

    def remove_ha_rule(self, rule: str) -> None:
        with self._writing("remove_ha_rule", rule):
            self.ha_rules_.pop(rule, None)

    def disarm_ha(self, resource_mode: str) -> None:
        with self._writing("disarm_ha", resource_mode):
            self._queue("disarming", "disarmed")

    def arm_ha(self) -> None:
        with self._writing("arm_ha", ""):
            self._queue("armed")

    def _queue(self, *states: str) -> None:
        """The HA manager goes through these states, one each ten seconds, if it is at work."""
        for n, state in enumerate(states, start=1):
            if self.obeys:
                self.start("crm", 0, user="root@pam", seconds=10 * n, on_end=self._become(state))

    def _become(self, armed: str) -> Callable[[], None]:
        def become() -> None:
            self.armed = armed

        return become

    @contextmanager
    def _writing(self, name: str, key: str) -> Iterator[None]:
        self._enter(name)
        self.writes.append((name, key))
        yield
        self._leave(name)

    def votes(self) -> tuple[NodeVotes, ...]:
        return ()

    def qdevice(self) -> QDevice:
        return QDevice(configured=False)

    def storages(self) -> tuple[StorageConfig, ...]:
        return self.storages_

    def volume_groups(self, node: str) -> tuple[VolumeGroup, ...]:
        return ()

    def node_addresses(self, node: str) -> NodeAddresses:
        return NodeAddresses()

    def addresses(self) -> tuple[AddressHealth, ...]:
        return ()

    def prefer(self, address: str | None) -> None:
        """There is one address only."""

    def view_from(self, address: str) -> tuple[Membership, HaStatus]:
        return self.membership(), self.ha_status()

    def close(self) -> None:
        """Nothing is kept open."""

    def _enter(self, name: str) -> None:
        self.calls += 1
        self.tick()
        self.before(name)

    def _leave(self, name: str) -> None:
        self.after(name)

    def _listed(self) -> list[FakeTask]:
        now = self.clock.now()
        return [t for t in self.tasks_ if t.is_listed and t.upid.started_at <= now]

    def _find(self, upid: Upid) -> FakeTask:
        return next(task for task in self.tasks_ if task.upid == upid)

    def _task(self, task: FakeTask) -> Task:
        if task.ends > self.clock.now():
            return Task(upid=task.upid, running=True)
        return Task(upid=task.upid, running=False, ended_at=task.ends, exit_status=task.exit_status)

    def _node(self, name: str) -> NodeState:
        return NodeState(
            name=name,
            online=name not in self.offline,
            status="offline" if name in self.offline else "online",
            ip="127.0.42.20" if name == "master" else "127.0.42.21",
            mem=8 * GIB,
            maxmem=64 * GIB,
        )

    def _guest(self, vmid: int) -> GuestState:
        state = self.ha_states.get(vmid)
        return GuestState(
            vmid=vmid,
            type=GuestType.QEMU if vmid == 100 else GuestType.LXC,
            node=self.nodes[vmid],
            status=self.statuses.get(vmid, "running"),
            name=self.names[vmid],
            hastate="started" if state == "starting" else state,
            lock=self.locks.get(vmid),
            mem=2 * GIB,
            maxmem=4 * GIB,
        )


def _told(settings: ResourceSettings | RuleSettings) -> dict[str, Any]:
    told = {name: getattr(settings, name) for name in settings.__struct_fields__}
    return {name: value for name, value in told.items() if value is not None}


def void(_value: object) -> None:
    """A call whose value nobody wants."""


def sid_of(vmid: int) -> str:
    return f"{'vm' if vmid == 100 else 'ct'}:{vmid}"


def move_log(vmid: int, target: str, seconds: float, failure: list[str]) -> list[tuple[float, str]]:
    """What a migration says, in the shape of task-logs.md §5.1."""
    stamp = "2026-11-23 08:00:00 "
    begin = [(0.0, f"{stamp}starting migration of VM {vmid} to node '{target}' (127.0.42.21)")]
    if failure:
        lines = [(seconds, line if line.startswith("TASK") else stamp + line) for line in failure]
        return begin + lines
    half = f"{stamp}migration active, transferred 1.0 GiB of 2.0 GiB VM-state, 112.0 MiB/s"
    return [
        *begin,
        (seconds / 2, half),
        (seconds, f"{stamp}average migration speed: 110.0 MiB/s - downtime 63 ms"),
        (seconds, f"{stamp}migration completed, transferred 2.0 GiB VM-state"),
        (seconds, f"{stamp}migration status: completed"),
        (seconds, f"{stamp}migration finished successfully (duration 00:00:06)"),
        (seconds, "TASK OK"),
    ]


class FakeDoors:
    """Hands out the fake, whoever asks."""

    def __init__(self, cluster: FakeCluster) -> None:
        self.cluster = cluster
        self.endpoints: list[Endpoint] = []
        self.fingerprints = {"https://127.0.42.20:8006": "AA:" * 31 + "AA"}
        self.certificate_error: ClusterError | None = None
        self.matches_ca: bool | None = None
        self.lab: LabControl | None = None
        self.host_keys: dict[str, HostKey] = {}
        self.ssh_errors: dict[str, ClusterError] = {}
        self.ssh_tried: list[tuple[str, str]] = []
        self.nodes: NodeHands | None = None

    def to_lab(self) -> LabControl:
        assert self.lab is not None
        return self.lab

    def to_cluster(self, cluster: Cluster) -> ClusterGateway:
        return self.cluster

    def to_endpoint(self, endpoint: Endpoint) -> ClusterGateway:
        self.endpoints.append(endpoint)
        return self.cluster

    def certificate_of(self, address: str, ca_pem: str | None = None) -> SeenCertificate:
        if self.certificate_error is not None:
            raise self.certificate_error
        if address not in self.fingerprints:
            raise Unreachable("connection refused", address=address)
        return SeenCertificate(
            address=address,
            fingerprint=self.fingerprints[address],
            subject="CN=master",
            issuer="CN=PVE",
            not_after=datetime(2030, 1, 1).astimezone(),
            matches_ca=self.matches_ca if ca_pem else None,
        )

    def to_nodes(self, cluster: Cluster) -> NodeHands:
        assert self.nodes is not None, "no nodes over ssh in this test"
        return self.nodes

    def host_key_of(self, door: NodeDoor) -> HostKey:
        if door.node not in self.host_keys:
            raise Unreachable("connection refused", address=door.host)
        return self.host_keys[door.node]

    def try_ssh(self, login: SshLogin, door: NodeDoor) -> None:
        self.ssh_tried.append((login.user, door.node))
        if door.node in self.ssh_errors:
            raise self.ssh_errors[door.node]
        shown = self.host_key_of(door)
        if door.host_key is None:
            raise HostKeyUnknown(seen=shown.fingerprint, address=door.host)
        if door.host_key != shown:
            pinned = door.host_key.fingerprint
            raise HostKeyChanged(pinned=pinned, seen=shown.fingerprint, address=door.host)


def refuse(name: str, error: ClusterError) -> Callable[[str], None]:
    """A fault for `before` or `after`: this method raises `error`."""

    def act(called: str) -> None:
        if called == name:
            raise error

    return act


NO_SYS_MODIFY = PermissionMissing("Permission check failed (/nodes/master, Sys.Modify)", status=403)
