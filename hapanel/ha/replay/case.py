"""The form of a recorded case, and the world that it begins with.

Of `expected` only `duration` is read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from hapanel.ha.engine.options import AutoRebalance, Options
from hapanel.ha.engine.profile import REGRESSION
from hapanel.ha.engine.rules import Group, NodeAffinity, ResourceAffinity, Rule
from hapanel.ha.engine.words import (
    BalanceMethod,
    NodeState,
    Requested,
    Scheduler,
    ServiceState,
    ShutdownPolicy,
)
from hapanel.ha.engine.world import Faults, Guest, Load, Machine, Service, World

Flag: TypeAlias = int
Switch: TypeAlias = Literal["on", "off"]
# What the simulator gives a node that says nothing of itself.
_DEFAULT_VERSION = "9.0.0~2"


class CaseError(Exception):
    """A case is not what it says. `place` is a path into the file."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(f"{place}: {message}")
        self.place = place


class HardwareForm(msgspec.Struct, frozen=True):
    """One node at the start."""

    power: Switch
    network: Switch
    maxcpu: float | None = None
    maxmem: int | None = None
    version: str = msgspec.field(name="pve-manager-version", default=_DEFAULT_VERSION)


class ServiceForm(msgspec.Struct, frozen=True):
    """One HA resource."""

    node: str
    state: Literal["started", "enabled", "stopped", "disabled", "ignored"]
    group: str | None = None
    failback: Flag = 1
    max_restart: int = 1
    max_relocate: int = 1
    lock: str | None = None


class GroupForm(msgspec.Struct, frozen=True):
    """One HA group."""

    nodes: dict[str, int]
    restricted: bool | Flag = False
    nofailback: bool | Flag = False


class NodeAffinityForm(msgspec.Struct, frozen=True, tag="node-affinity"):
    """A rule about nodes."""

    id: str
    resources: list[str]
    nodes: dict[str, int]
    disabled: bool = False
    strict: bool = False


class ResourceAffinityForm(msgspec.Struct, frozen=True, tag="resource-affinity"):
    """A rule about company."""

    id: str
    resources: list[str]
    affinity: Literal["positive", "negative"]
    disabled: bool = False


class CrsForm(msgspec.Struct, frozen=True, rename="kebab"):
    """datacenter.crs."""

    ha: Scheduler = Scheduler.BASIC
    ha_rebalance_on_start: Flag = 0
    ha_auto_rebalance: Flag = 0
    ha_auto_rebalance_method: BalanceMethod = BalanceMethod.BRUTEFORCE
    ha_auto_rebalance_threshold: float | None = None
    ha_auto_rebalance_margin: float | None = None
    ha_auto_rebalance_hold_duration: int | None = None


class HaForm(msgspec.Struct, frozen=True):
    """datacenter.ha."""

    shutdown_policy: ShutdownPolicy = ShutdownPolicy.CONDITIONAL


class DatacenterForm(msgspec.Struct, frozen=True):
    """Datacenter options."""

    crs: CrsForm = CrsForm()
    ha: HaForm = HaForm()


class AssignedForm(msgspec.Struct, frozen=True):
    """What a guest is assigned."""

    maxcpu: float = Load().maxcpu
    maxmem: int = Load().maxmem


class UsedForm(msgspec.Struct, frozen=True):
    """What a guest uses."""

    cpu: float = Load().cpu
    mem: float = Load().mem


class StatusForm(msgspec.Struct, frozen=True):
    """One service in the manager status at the start."""

    state: ServiceState
    node: str
    target: str | None = None
    running: Flag = 0
    failed_nodes: list[str] | None = None
    maintenance_node: str | None = None


class ManagerForm(msgspec.Struct, frozen=True):
    """The manager status at the start."""

    master_node: str | None = None
    node_status: dict[str, NodeState] = {}
    service_status: dict[str, StatusForm] = {}


class ExpectedForm(msgspec.Struct, frozen=True):
    """All that is read of what was recorded."""

    duration: float


class CaseForm(msgspec.Struct, frozen=True):
    """A case as it lies in the file."""

    nodes: list[str]
    hardware_status: dict[str, HardwareForm]
    services: dict[str, ServiceForm]
    commands: list[list[str]]
    expected: ExpectedForm
    name: str = ""
    groups: dict[str, GroupForm] = {}
    rules: list[NodeAffinityForm | ResourceAffinityForm] = []
    datacenter: DatacenterForm = DatacenterForm()
    static_service_stats: dict[str, AssignedForm] | None = None
    dynamic_service_stats: dict[str, UsedForm] | None = None
    initial_manager_status: ManagerForm = ManagerForm()
    initial_service_status: dict[str, dict[str, Flag]] = {}


def read_case(path: Path) -> CaseForm:
    """Read one case. Raises CaseError with the place of what is wrong."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=CaseForm, strict=False)
    except OSError as error:
        raise CaseError(str(path), error.strerror or "not readable") from error
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at ")
        raise CaseError(place.strip("`") or "$", message) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CaseError(str(path), f"not JSON: {error}") from error


def as_case(value: object) -> CaseForm:
    """A case out of what a JSON reader made of it. Raises CaseError."""
    try:
        return msgspec.convert(value, CaseForm, strict=False)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at ")
        raise CaseError(place.strip("`") or "$", message) from error


def faults(sid: str) -> Faults:
    """How a guest of the simulator's type `fa` fails, which its digits say.

    The second digit: so many starts fail; the third: so many moves; the fourth: it does not stop;
    the sixth: only on that node. Other guests never fail.
    """
    kind, _, digits = sid.partition(":")
    if kind != "fa" or not digits.isdecimal():
        return Faults()
    _, starts, moves, stop, _, node = (int(each) for each in digits.ljust(6, "0")[:6])
    return Faults(
        starts=starts, moves=moves, cannot_stop=bool(stop), only_on=f"node{node}" if node else None
    )


def requested(word: str) -> Requested:
    """A requested state; `enabled` is the old word for started."""
    return Requested.STARTED if word == "enabled" else Requested(word)


def _guest(case: CaseForm, sid: str, form: ServiceForm) -> Guest:
    if form.node not in case.hardware_status:
        raise CaseError(f"$.services[{sid}].node", f"there is no node {form.node}")
    assigned = (case.static_service_stats or {}).get(sid, AssignedForm())
    used = (case.dynamic_service_stats or {}).get(sid, UsedForm())
    return Guest(
        sid=sid,
        node=form.node,
        requested=requested(form.state),
        group=form.group,
        failback=bool(form.failback),
        max_restart=form.max_restart,
        max_relocate=form.max_relocate,
        lock=form.lock,
        load=Load(maxcpu=assigned.maxcpu, maxmem=assigned.maxmem, cpu=used.cpu, mem=int(used.mem)),
        faults=faults(sid),
    )


def _machine(node: str, number: int, form: HardwareForm) -> Machine:
    usual = Machine(name=node, node_id=number)
    return Machine(
        name=node,
        node_id=number,
        has_power=form.power == "on",
        has_network=form.network == "on",
        maxcpu=form.maxcpu or usual.maxcpu,
        maxmem=form.maxmem or usual.maxmem,
        version=form.version,
    )


def _rule(form: NodeAffinityForm | ResourceAffinityForm) -> Rule:
    resources = frozenset(form.resources)
    if isinstance(form, NodeAffinityForm):
        return NodeAffinity(id=form.id, resources=resources, nodes=form.nodes, strict=form.strict)
    positive = form.affinity == "positive"
    return ResourceAffinity(id=form.id, resources=resources, positive=positive)


def _options(form: DatacenterForm) -> Options:
    crs, usual = form.crs, AutoRebalance()
    threshold, margin = crs.ha_auto_rebalance_threshold, crs.ha_auto_rebalance_margin
    hold = crs.ha_auto_rebalance_hold_duration
    return Options(
        scheduler=crs.ha,
        rebalance_on_start=bool(crs.ha_rebalance_on_start),
        auto_rebalance=AutoRebalance(
            enabled=bool(crs.ha_auto_rebalance),
            method=crs.ha_auto_rebalance_method,
            threshold=usual.threshold if threshold is None else threshold,
            margin=usual.margin if margin is None else margin,
            hold_rounds=usual.hold_rounds if hold is None else hold,
        ),
        shutdown_policy=form.ha.shutdown_policy,
    )


def _services(form: ManagerForm) -> dict[str, Service]:
    return {
        sid: Service(
            state=each.state,
            node=each.node,
            uid=uid,
            target=each.target,
            failed_nodes=tuple(each.failed_nodes or ()),
            maintenance_node=each.maintenance_node,
            is_running=bool(each.running),
        )
        for uid, (sid, each) in enumerate(form.service_status.items(), start=1)
    }


def first_world(case: CaseForm) -> World:
    """The world at the start of a case. Raises CaseError where the case contradicts itself."""
    if set(case.nodes) != set(case.hardware_status):
        raise CaseError("$.hardware_status", "its nodes are not those of $.nodes")
    services = _services(case.initial_manager_status)
    return World(
        profile=REGRESSION,
        options=_options(case.datacenter),
        machines={
            node: _machine(node, number, case.hardware_status[node])
            for number, node in enumerate(sorted(case.nodes), start=1)
        },
        guests={sid: _guest(case, sid, form) for sid, form in case.services.items()},
        rules=tuple(_rule(form) for form in case.rules if not form.disabled),
        groups={
            name: Group(
                nodes=form.nodes,
                restricted=bool(form.restricted),
                nofailback=bool(form.nofailback),
            )
            for name, form in case.groups.items()
        },
        running={
            node: frozenset(sid for sid, runs in guests.items() if runs)
            for node, guests in case.initial_service_status.items()
        },
        services=services,
        node_states=case.initial_manager_status.node_status,
        master=case.initial_manager_status.master_node,
        last_uid=len(services),
    )
