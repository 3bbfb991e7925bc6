"""The form in which cases are recorded, and reading it. Of `expected` only `duration` is read."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from hapanel.ha.engine.words import (
    BalanceMethod,
    DisarmMode,
    DisarmState,
    NodeState,
    Scheduler,
    ServiceState,
    ShutdownPolicy,
)
from hapanel.ha.engine.world import Load

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
    cmd: tuple[Literal["migrate", "relocate", "stop"], str] | None = None


class NodeRequestForm(msgspec.Struct, frozen=True):
    """What was asked of a node."""

    maintenance: Flag = 0


class DisarmForm(msgspec.Struct, frozen=True):
    """HA is switched off at the start."""

    mode: DisarmMode
    state: DisarmState = DisarmState.DISARMED


class ManagerForm(msgspec.Struct, frozen=True):
    """The manager status at the start."""

    master_node: str | None = None
    node_request: dict[str, NodeRequestForm] = {}
    disarm: DisarmForm | None = None
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
