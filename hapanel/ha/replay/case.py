"""The world in which a case begins."""

from __future__ import annotations

from hapanel.ha.engine.options import AutoRebalance, Options
from hapanel.ha.engine.profile import REGRESSION
from hapanel.ha.engine.rules import Group, NodeAffinity, ResourceAffinity, Rule
from hapanel.ha.engine.words import Requested
from hapanel.ha.engine.world import Disarm, Faults, Guest, Load, Machine, Order, Service, World
from hapanel.ha.replay.form import (
    AssignedForm,
    CaseError,
    CaseForm,
    DatacenterForm,
    GroupForm,
    HardwareForm,
    ManagerForm,
    NodeAffinityForm,
    ResourceAffinityForm,
    ServiceForm,
    UsedForm,
)


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


def _group(form: GroupForm) -> Group:
    return Group(
        nodes=form.nodes, restricted=bool(form.restricted), nofailback=bool(form.nofailback)
    )


def _order(verb: str, word: str) -> Order:
    if verb == "stop":
        return Order(verb=verb, timeout=int(word) if word.isdecimal() else 0)
    return Order(verb=verb, target=word)


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
            order=_order(*each.cmd) if each.cmd else None,
        )
        for uid, (sid, each) in enumerate(form.service_status.items(), start=1)
    }


def first_world(case: CaseForm) -> World:
    """The world at the start of a case. Raises CaseError where the case contradicts itself."""
    if set(case.nodes) != set(case.hardware_status):
        raise CaseError("$.hardware_status", "its nodes are not those of $.nodes")
    manager = case.initial_manager_status
    services = _services(manager)
    return World(
        profile=REGRESSION,
        options=_options(case.datacenter),
        machines={
            node: _machine(node, number, case.hardware_status[node])
            for number, node in enumerate(sorted(case.nodes), start=1)
        },
        guests={sid: _guest(case, sid, form) for sid, form in case.services.items()},
        rules=tuple(_rule(form) for form in case.rules if not form.disabled),
        groups={name: _group(form) for name, form in case.groups.items()},
        running={
            node: frozenset(sid for sid, runs in guests.items() if runs)
            for node, guests in case.initial_service_status.items()
        },
        services=services,
        node_states=manager.node_status,
        maintenance_requests=frozenset(
            node for node, asked in manager.node_request.items() if asked.maintenance
        ),
        disarm=Disarm(mode=manager.disarm.mode, state=manager.disarm.state)
        if manager.disarm
        else None,
        master=manager.master_node,
        last_uid=len(services),
    )
