"""Worlds for stories in virtual time, without sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hapanel.lab.clock import Clock
from hapanel.lab.cluster import Cluster
from hapanel.lab.ha.stack import HaManager
from hapanel.lab.hardware import Hardware
from hapanel.lab.membership import Membership, QDevice
from hapanel.lab.scenario import Scenario, build, load, rules_of
from hapanel.lab.tasks import Task
from tests.pure.lab.virtual_time import EPOCH


class Story:
    """A scenario that lives, at the real thing's pace unless `speed` says otherwise."""

    def __init__(
        self,
        scenario: str | Scenario = "clusterubd",
        *,
        speed: float = 1,
        master: str | None = None,
    ) -> None:
        spec = load(scenario) if isinstance(scenario, str) else scenario
        self.world = build(spec, Clock(speed, epoch=EPOCH), "127.0.0")
        device = QDevice(spec.qdevice) if spec.qdevice else None
        self.membership = Membership(self.world, device)
        self.hardware = Hardware(self.world, self.membership)
        self.ha = HaManager(self.world, self.membership, self.hardware)
        self.cluster = Cluster(self.world, self.membership, self.ha, self.hardware)
        for rule in rules_of(spec, self.world):
            self.ha.configuration.rules.by_name[rule.name] = rule
        self.ha.adopt((guest.vmid for guest in spec.guests if guest.ha), master)
        self.hardware.run()
        self.ha.run()

    @property
    def seconds(self) -> float:
        """Since the story began."""
        return self.world.now() - EPOCH

    async def until(self, seen: Callable[[], bool], limit: float = 1000) -> float:
        """Waits for something to become true; when that was."""
        while not seen():
            assert self.seconds < limit, "never happened"
            await asyncio.sleep(0.1)
        return self.seconds

    def crash(self, node: str) -> None:
        """Pulls a node's cord."""
        self.hardware.crash(self.world.nodes[node])

    def power_on(self, node: str) -> None:
        """Plugs it in again."""
        self.hardware.power_on(self.world.nodes[node])

    def service(self, sid: str, viewer: str = "slave") -> str:
        """How HA's status words a service."""
        rows = self.cluster.ha_wording.current(viewer)
        return next(str(row["status"]) for row in rows if row.get("sid") == sid)

    def task(self, node: str, type_: str) -> Task:
        """The newest task of that type."""
        return next(task for task in self.world.tasks.of_node(node) if task.type == type_)
