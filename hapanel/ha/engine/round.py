"""What the master holds in its hands during one round, and the few ways to change a service."""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum
from types import MappingProxyType

from msgspec.structs import replace

from hapanel.ha.engine.affinity import CompiledRules, compile_rules
from hapanel.ha.engine.draft import Draft
from hapanel.ha.engine.events import (
    NoPlace,
    PlaceChosen,
    RuleDropped,
    ServiceChanged,
)
from hapanel.ha.engine.node_states import NodeView
from hapanel.ha.engine.placement import Preference, Scene, explain, select
from hapanel.ha.engine.reasons import Why
from hapanel.ha.engine.rules import Rule
from hapanel.ha.engine.usage import BasicUsage, SizedUsage, Usage
from hapanel.ha.engine.words import JobResult, LrmMode, Requested, Scheduler, ServiceState
from hapanel.ha.engine.world import Guest, Memory, Service


class Round:
    """One round of the master on `node`.

    modes, results: what the LRMs told. guests: the configuration, with the failback that groups
    ask for.
    """

    def __init__(self, draft: Draft, node: str, memory: Memory) -> None:
        self.draft = draft
        self.node = node
        self.memory = memory
        self.nodes = NodeView(draft, node, memory.last_seen)
        self.results: dict[int, JobResult] = {}
        self.modes: dict[str, LrmMode] = {}
        for name in draft.node_states:
            status = draft.lrm_status.get(name)
            self.modes[name] = status.mode if status else LrmMode.ACTIVE
            self.results.update(status.results if status else {})
        self.guests: Mapping[str, Guest] = draft.guests
        self.scene = Scene(
            online=frozenset(),
            rules=memory.rules or compile_rules((), ()),
            services=MappingProxyType(draft.services),
            usage=BasicUsage(frozenset()),
        )

    # configuration

    def read_guests(self) -> None:
        """Take in the configuration; a group's nofailback replaces the guest's own word."""
        groups = self.draft.groups
        if not groups:
            self.guests = self.draft.guests
            return
        self.guests = {
            sid: replace(guest, failback=not groups[guest.group].nofailback)
            if guest.group in groups
            else guest
            for sid, guest in self.draft.guests.items()
        }

    def compile(self) -> None:
        """Make rules and groups ready, when anything of them changed."""
        known = tuple(sorted(self.draft.node_states))
        rules = self.draft.rules + group_rules(self.draft)
        if self.memory.rules is None or self.memory.rules_from != (rules, known):
            compiled = compile_rules(rules, known)
            for rule, reasons in compiled.dropped.items():
                for reason in reasons:
                    self.draft.emit(RuleDropped(at=self.draft.now, rule=rule, reason=reason))
            self.memory = replace(self.memory, rules=compiled, rules_from=(rules, known))
        self.scene = replace(self.scene, rules=self._compiled)

    @property
    def _compiled(self) -> CompiledRules:
        return self.memory.rules or compile_rules((), ())

    def count_usage(self) -> None:
        """Start the counters anew from all services and the running guests outside HA."""
        online = self.nodes.online()
        usage: Usage
        if self.draft.options.scheduler is Scheduler.BASIC:
            usage = BasicUsage(online, self._count_all)
        else:
            usage = _sized_usage(self.draft, online)
            self._count_all(usage)
        self.scene = replace(self.scene, online=online, usage=usage)

    def _count_all(self, usage: Usage) -> None:
        for sid, service in self.draft.services.items():
            usage.add(sid, self._as_told(service))
        running = self.draft.running
        for name, each in self.draft.bystanders.items():
            if name in running.get(each.node, ()):
                usage.add_bystander(name, each.node, each.load)
        for sid, guest in self.draft.guests.items():
            if sid not in self.draft.services and self.draft.is_running(guest.node, sid):
                usage.add_bystander(sid, guest.node, guest.load)

    def _as_told(self, service: Service) -> Service:
        """The service as its LRM's last word makes it: a guest that started is measured already."""
        if service.is_running or service.state is not ServiceState.STARTED:
            return service
        if self.results.get(service.uid) is JobResult.OK:
            return replace(service, is_running=True)
        return service

    # services

    def requested(self, sid: str) -> Requested:
        """What the configuration asks for; a service without one is as good as disabled."""
        guest = self.guests.get(sid)
        return guest.requested if guest else Requested.DISABLED

    def awake_state(self, sid: str) -> ServiceState:
        """The state that leads a service to what is asked for."""
        if self.requested(sid) is Requested.STARTED:
            return ServiceState.STARTED
        return ServiceState.REQUEST_STOP

    def put(self, sid: str, service: Service) -> None:
        """Note something on a service that does not change its state."""
        self.draft.put_service(sid, service)

    def change(
        self,
        sid: str,
        state: ServiceState,
        *,
        node: str | None = None,
        target: str | None = None,
        timeout: int | None = None,
        by_disarm: bool = False,
    ) -> None:
        """Change a service's state. Orders and the mark of running do not survive it."""
        old = self.draft.services[sid]
        new = Service(
            state=state,
            node=node or old.node,
            uid=self.draft.new_uid(),
            target=target,
            timeout=timeout,
            failed_nodes=old.failed_nodes,
            maintenance_node=old.maintenance_node,
        )
        self.draft.put_service(sid, new)
        self.scene.usage.remove(sid)
        self.scene.usage.add(sid, new)
        self._note_change(sid, old, new, by_disarm=by_disarm)

    def _note_change(self, sid: str, old: Service, new: Service, *, by_disarm: bool) -> None:
        self.draft.emit(
            ServiceChanged(
                at=self.draft.now,
                sid=sid,
                old=old.state,
                new=new.state,
                origin=old.node,
                node=new.node,
                target=new.target,
                timeout=new.timeout,
                by_disarm=by_disarm,
            )
        )

    def select(self, sid: str, preference: Preference) -> str | None:
        """The node on which a service shall run."""
        service = self.draft.services[sid]
        return select(self.scene, sid, service, self.guests[sid], preference)

    def note_choice(self, sid: str, node: str | None, why: Why) -> None:
        """Say where a service goes, or that nothing was found, and why not elsewhere."""
        service = self.draft.services[sid]
        known = self.draft.node_states
        ruled_out = explain(self.scene, sid, service, known, node)
        at, origin = self.draft.now, service.node
        if node is None:
            self.draft.emit(NoPlace(at=at, sid=sid, origin=origin, why=why, ruled_out=ruled_out))
        else:
            self.draft.emit(
                PlaceChosen(at=at, sid=sid, origin=origin, node=node, why=why, ruled_out=ruled_out)
            )

    def close(self) -> Memory:
        """What the master remembers until the next round."""
        return replace(self.memory, last_seen=self.nodes.last_seen)


def group_rules(draft: Draft) -> tuple[Rule, ...]:
    """The node affinity rules that HA groups amount to."""
    members: dict[str, set[str]] = {}
    for guest in draft.guests.values():
        if guest.group in draft.groups:
            members.setdefault(guest.group, set()).add(guest.sid)
    return tuple(
        draft.groups[name].as_rule(name, frozenset(sids)) for name, sids in sorted(members.items())
    )


def _sized_usage(draft: Draft, online: frozenset[str]) -> SizedUsage:
    loads = {sid: guest.load for sid, guest in draft.guests.items()}
    measured = _measured(draft) if draft.options.scheduler is Scheduler.DYNAMIC else None
    return SizedUsage(draft.machines, online, loads, measured)


def _measured(draft: Draft) -> dict[str, tuple[float, float]]:
    """What the running guests of each node use together."""
    found = {}
    for node, running in draft.running.items():
        loads = [
            each.load
            for name in running
            if (each := draft.guests.get(name) or draft.bystanders.get(name))
        ]
        found[node] = (fsum(load.cpu for load in loads), float(sum(load.mem for load in loads)))
    return found
