"""From a snapshot to a world of the engine that stands where the cluster stands."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

from hapanel.ha.engine.options import AutoRebalance, Options
from hapanel.ha.engine.rules import Group, NodeAffinity, ResourceAffinity, Rule
from hapanel.ha.engine.words import (
    BalanceMethod,
    Requested,
    Scheduler,
    ServiceState,
    ShutdownPolicy,
)
from hapanel.ha.engine.world import Bystander, Guest, Load, Machine, QDevice, Service, World
from hapanel.ha.forecast.daemons import NOW, Daemons, Phase, is_in_maintenance, node_state
from hapanel.ha.forecast.snapshot import SeenGuest, SeenNode, Snapshot
from hapanel.ha.quorum import qdevice_votes
from hapanel.ports.cluster import HaRule
from hapanel.ports.datacenter import DatacenterOptions, HaGroup

W = TypeVar("W", bound=StrEnum)

# Groups hold in every version that still has them.
_ANY_VERSION = "9.0.0"
# Where a move under way goes to is told nowhere, and a queued service has no state yet.
_AT_REST = frozenset(
    {
        ServiceState.STOPPED,
        ServiceState.STARTED,
        ServiceState.FENCE,
        ServiceState.RECOVERY,
        ServiceState.FREEZE,
        ServiceState.ERROR,
        ServiceState.REQUEST_STOP,
    }
)


class Scenery:
    """What all worlds of one snapshot have in common, so that many of them are cheap."""

    def __init__(self, seen: Snapshot, size: int | None = None) -> None:
        """size: how many nodes the cluster has, when `seen` is only a part of it."""
        self._seen = seen
        self._size = size or len(seen.nodes)
        self._machines = {node.name: _machine(seen, node) for node in seen.nodes}
        self._managed = {guest.sid: guest for guest in seen.guests if guest.managed}
        self._bystanders = {
            g.sid: Bystander(node=g.node, load=_load(g)) for g in seen.guests if g.is_running
        }
        self._running = _running(seen)
        self._groups = {each.group: _group(each) for each in seen.groups or ()}
        self._options = _options(seen.options or DatacenterOptions())
        self._rules = tuple(rule for told in seen.rules if (rule := engine_rule(told)) is not None)

    def world(self, services: Iterable[str], phase: Phase) -> World:
        """The world at `NOW`. services: the sids that the manager moves here; all other guests
        only take room."""
        seen = self._seen
        managed = {sid: self._managed[sid] for sid in sorted(services)}
        placed = {sid: _service(g, uid) for uid, (sid, g) in enumerate(managed.items(), 1)}
        bystanders = dict(self._bystanders)
        for sid in managed:
            bystanders.pop(sid, None)
        parts = Daemons(seen, self._machines, placed, phase)
        return World(
            profile=phase.profile(self._size),
            options=self._options,
            now=NOW,
            machines=self._machines,
            qdevice=_qdevice(seen),
            guests={sid: _guest(g) for sid, g in managed.items()},
            bystanders=bystanders,
            rules=self._rules,
            groups=self._groups,
            running=self._running,
            crms=parts.crms,
            lrms=parts.lrms,
            locks=parts.locks,
            services=placed,
            node_states={n.name: node_state(n) for n in seen.nodes},
            maintenance_requests=frozenset(n.name for n in seen.nodes if is_in_maintenance(n)),
            disarm=parts.disarm,
            master=parts.master,
            status_at=NOW,
            lrm_status=parts.lrm_status,
            last_uid=len(placed),
        )


def _machine(seen: Snapshot, node: SeenNode) -> Machine:
    fallback = max((n.node_id or 0 for n in seen.nodes), default=0)
    position = [n.name for n in seen.nodes].index(node.name)
    return Machine(
        name=node.name,
        node_id=node.node_id if node.node_id is not None else fallback + 1 + position,
        votes=1 if node.votes is None else node.votes,
        has_power=node.is_member,
        has_network=node.is_member,
        since=NOW - node.uptime if node.uptime is not None else 0.0,
        maxcpu=node.maxcpu or 24.0,
        maxmem=node.maxmem or 128 << 30,
        version=seen.pve_version or _ANY_VERSION,
    )


def _qdevice(seen: Snapshot) -> QDevice | None:
    told = seen.qdevice
    if told is None or not told.configured:
        return None
    return QDevice(
        votes=told.votes or qdevice_votes(len(seen.nodes), told.algorithm),
        is_reachable=bool(told.connected) and told.casts_vote is not False,
    )


def _load(guest: SeenGuest) -> Load:
    """What it uses is not known, and taken to be half of what it may use."""
    cpu, mem = guest.maxcpu or 1.0, guest.maxmem or 0
    return Load(maxcpu=cpu, maxmem=mem, cpu=cpu / 2, mem=mem // 2)


def _guest(guest: SeenGuest) -> Guest:
    told = guest.managed
    if told is None:
        raise ValueError(guest.sid)
    return Guest(
        sid=guest.sid,
        node=guest.node,
        requested=_known(Requested, told.request, Requested.STARTED),
        group=told.group or None,
        failback=told.failback,
        max_restart=told.max_restart,
        max_relocate=told.max_relocate,
        load=_load(guest),
    )


def state_of(guest: SeenGuest) -> ServiceState:
    """Where the engine takes the service up: what is under way counts as done or not begun."""
    told = guest.managed
    word = told.state if told else ""
    if word in _AT_REST:
        return ServiceState(word)
    return ServiceState.STARTED if guest.is_running else ServiceState.STOPPED


def _service(guest: SeenGuest, uid: int) -> Service:
    state = state_of(guest)
    node = guest.managed.node if guest.managed and guest.managed.node else guest.node
    runs = state is ServiceState.STARTED
    return Service(state=state, node=node, uid=uid, is_running=runs)


def _running(seen: Snapshot) -> dict[str, frozenset[str]]:
    members = {node.name for node in seen.nodes if node.is_member}
    found: dict[str, set[str]] = {name: set() for name in members}
    for guest in seen.guests:
        if guest.is_running and guest.node in members:
            found[guest.node].add(guest.sid)
    return {name: frozenset(sids) for name, sids in found.items()}


def rules_of(seen: Snapshot) -> tuple[Rule, ...]:
    """The rules of a snapshot in the engine's form, those that groups amount to among them."""
    members: dict[str, set[str]] = {}
    for guest in seen.guests:
        if guest.managed and guest.managed.group:
            members.setdefault(guest.managed.group, set()).add(guest.sid)
    listed = [rule for told in seen.rules if (rule := engine_rule(told)) is not None]
    grouped = [
        _group(each).as_rule(each.group, frozenset(members[each.group]))
        for each in seen.groups or ()
        if each.group in members
    ]
    return (*listed, *grouped)


def engine_rule(told: HaRule) -> Rule | None:
    """The engine's rule, None for one that is disabled or of a kind that nobody knows."""
    if told.disabled:
        return None
    resources = frozenset(told.resources)
    if told.type == "resource-affinity":
        positive = told.affinity == "positive"
        return ResourceAffinity(id=told.rule, resources=resources, positive=positive)
    if told.type == "node-affinity":
        nodes = dict(_with_priority(node) for node in told.nodes)
        return NodeAffinity(id=told.rule, resources=resources, nodes=nodes, strict=told.strict)
    return None


def _group(told: HaGroup) -> Group:
    return Group(
        nodes=dict(_with_priority(node) for node in told.nodes),
        restricted=told.restricted,
        nofailback=told.nofailback,
    )


def _options(told: DatacenterOptions) -> Options:
    """The options in the engine's words; one that it does not know counts as the default."""
    usual = AutoRebalance()
    threshold, margin = told.rebalance_threshold, told.rebalance_margin
    hold = told.rebalance_hold_rounds
    return Options(
        scheduler=_known(Scheduler, told.scheduler, Scheduler.BASIC),
        rebalance_on_start=told.rebalance_on_start,
        auto_rebalance=AutoRebalance(
            enabled=told.auto_rebalance,
            method=_known(BalanceMethod, told.rebalance_method, BalanceMethod.BRUTEFORCE),
            threshold=usual.threshold if threshold is None else threshold,
            margin=usual.margin if margin is None else margin,
            hold_rounds=usual.hold_rounds if hold is None else hold,
        ),
        shutdown_policy=_known(ShutdownPolicy, told.shutdown_policy, ShutdownPolicy.CONDITIONAL),
        max_workers=told.max_workers,
    )


def _known(words: type[W], word: str, otherwise: W) -> W:
    try:
        return words(word)
    except ValueError:
        return otherwise


def _with_priority(told: str) -> tuple[str, int]:
    """`pve1:2` is node pve1 with priority 2; without a number it is 0 (PVE's section config)."""
    name, _, priority = told.partition(":")
    return name, int(priority) if priority.isdecimal() else 0
