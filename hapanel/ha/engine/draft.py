"""A world while it is being moved: the same fields, open for change, and the events so far.

Only the engine holds one. `Draft(world, now)` copies what can change, `freeze` closes it again;
the values inside (services, daemons, machines) stay immutable and are replaced whole.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from hapanel.ha.engine import membership
from hapanel.ha.engine.events import Event
from hapanel.ha.engine.words import ServiceState
from hapanel.ha.engine.world import Crm, Lrm, Machine, Members, Service, World


class Draft:
    """A world in motion. `now` is the moment at which things happen."""

    def __init__(self, world: World, now: float) -> None:
        self.now = now
        self.events: list[Event] = []
        self._world = world
        self.profile = world.profile
        self.round_at = world.round_at
        self.options = world.options
        self.machines = dict(world.machines)
        self.qdevice = world.qdevice
        self.told_members = world.members
        self.guests = dict(world.guests)
        self.bystanders = world.bystanders
        self.rules = world.rules
        self.groups = dict(world.groups)
        self.running = dict(world.running)
        self.tries = dict(world.tries)
        self.crms = dict(world.crms)
        self.lrms = dict(world.lrms)
        self.locks = dict(world.locks)
        self.services = dict(world.services)
        self.node_states = dict(world.node_states)
        self.maintenance_requests = world.maintenance_requests
        self.disarm = world.disarm
        self.master = world.master
        self.status_at = world.status_at
        self.lrm_status = dict(world.lrm_status)
        self.commands = list(world.commands)
        self.last_uid = world.last_uid
        self._members: Members | None = None
        self._members_at = now
        self._on_node: dict[str, set[str]] | None = None
        self._to_be_fenced: set[str] | None = None

    def freeze(self) -> World:
        """The world as it is now."""
        return msgspec.structs.replace(
            self._world,
            options=self.options,
            now=self.now,
            round_at=self.round_at,
            machines=self.machines,
            qdevice=self.qdevice,
            members=self.told_members,
            guests=self.guests,
            bystanders=self.bystanders,
            rules=self.rules,
            groups=self.groups,
            running=self.running,
            tries=self.tries,
            crms=self.crms,
            lrms=self.lrms,
            locks=self.locks,
            services=self.services,
            node_states=self.node_states,
            maintenance_requests=self.maintenance_requests,
            disarm=self.disarm,
            master=self.master,
            status_at=self.status_at,
            lrm_status=self.lrm_status,
            commands=tuple(self.commands),
            last_uid=self.last_uid,
        )

    def emit(self, event: Event) -> None:
        """Note that something happened."""
        self.events.append(event)

    def new_uid(self) -> int:
        """A uid that no service has had."""
        self.last_uid += 1
        return self.last_uid

    # hardware

    def put_machine(self, machine: Machine) -> None:
        """Set a node's hardware."""
        self.machines[machine.name] = machine
        self._members = None

    def members(self) -> Members:
        """Who is in the quorate partition now."""
        if self.told_members is not None:
            return self.told_members
        if self._members is None or (self._members_at != self.now and self.profile.detection):
            self._members = membership.members(
                self.profile, self.machines.values(), self.qdevice, self.now
            )
            self._members_at = self.now
        return self._members

    def set_qdevice_reachable(self, is_reachable: bool) -> None:
        """The third vote comes or goes."""
        if self.qdevice:
            self.qdevice = msgspec.structs.replace(self.qdevice, is_reachable=is_reachable)
            self._members = None

    def is_quorate_on(self, node: str) -> bool:
        """Whether `node` belongs to a quorate partition."""
        return node in self.members().online

    # guests

    def is_running(self, node: str, sid: str) -> bool:
        """Whether the guest runs on that node."""
        return sid in self.running.get(node, ())

    def set_running(self, node: str, sid: str, runs: bool) -> None:
        """Note that a guest runs on a node or does not any more."""
        here = self.running.get(node, frozenset())
        self.running[node] = here | {sid} if runs else here - {sid}

    # services

    def put_service(self, sid: str, service: Service) -> None:
        """Set a service's entry in the manager status."""
        old = self.services.get(sid)
        if self._on_node is not None:
            self._unindex(sid, old)
            self._index(self._on_node, sid, service)
        self.services[sid] = service
        self._note_fence(old, service)

    def drop_service(self, sid: str) -> None:
        """Remove a service from the manager status."""
        if self._on_node is not None:
            self._unindex(sid, self.services.get(sid))
        self._note_fence(self.services.pop(sid), None)

    def _note_fence(self, *services: Service | None) -> None:
        """A service came into fence or left it: the nodes to be fenced are others now."""
        if any(each is not None and each.state is ServiceState.FENCE for each in services):
            self._to_be_fenced = None

    def is_to_be_fenced(self, node: str) -> bool:
        """Whether a service on `node` waits for its fence."""
        if self._to_be_fenced is None:
            waiting = (s for s in self.services.values() if s.state is ServiceState.FENCE)
            self._to_be_fenced = {service.node for service in waiting}
        return node in self._to_be_fenced

    def services_of(self, node: str) -> Iterator[tuple[str, Service]]:
        """The services that are on `node` or on their way to it."""
        if self._on_node is None:
            self._on_node = {}
            for sid, service in self.services.items():
                self._index(self._on_node, sid, service)
        for sid in self._on_node.get(node, ()):
            yield sid, self.services[sid]

    @staticmethod
    def _index(index: dict[str, set[str]], sid: str, service: Service) -> None:
        index.setdefault(service.node, set()).add(sid)
        if service.target is not None:
            index.setdefault(service.target, set()).add(sid)

    def _unindex(self, sid: str, service: Service | None) -> None:
        if service is not None and self._on_node is not None:
            self._on_node[service.node].discard(sid)
            if service.target is not None:
                self._on_node[service.target].discard(sid)

    # daemons

    def put_crm(self, node: str, crm: Crm | None) -> None:
        """Set a node's CRM, None when it is not running."""
        if crm is None:
            self.crms.pop(node, None)
        else:
            self.crms[node] = crm

    def put_lrm(self, node: str, lrm: Lrm | None) -> None:
        """Set a node's LRM, None when it is not running."""
        if lrm is None:
            self.lrms.pop(node, None)
        else:
            self.lrms[node] = lrm
