"""Thirty crashes of the lab at random moments, each foretold from its API's answers of before.

The lab's HA and the forecast are one engine, but the forecast sees only what an API tells: not
where the daemons are in their rounds. Prints how many downtimes lay inside the window.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import cast

import pytest

from hapanel.gateways.proxmox import decode_cluster, decode_ha
from hapanel.observe.round import observe
from hapanel.operations.forecasts import forecast
from hapanel.ports.cluster import (
    HaService,
    HaStatus,
    Membership,
    NodeVotes,
    QDevice,
    ResourcesAnswer,
)
from hapanel.ports.cluster_gateway import ClusterGateway
from nodes.models import Cluster
from tests.app.cluster_double import ClusterDouble
from tests.pure.lab.asking import Client
from tests.pure.lab.stories import Story
from tests.pure.lab.virtual_time import play

pytestmark = pytest.mark.django_db(transaction=True)

CRASHES = 30
WIDEST_SECONDS = 45.0
ASKED = ("/cluster/resources", "/cluster/status", "/cluster/ha/status/current")
VOTING = QDevice(configured=True, connected=True, votes=1, algorithm="ffsplit", casts_vote=True)


@dataclass(frozen=True)
class Crash:
    """Whose CRM led, what slave's API told before master died, and each guest's downtime in s."""

    seat: str
    bodies: dict[str, bytes]
    downtimes: dict[int, float]


def crash(seed: int) -> Crash:
    """master dies with both guests, with the manager's seat in every other crash."""
    seat = ("master", "slave")[seed % 2]

    async def story() -> Crash:
        tale = Story("clusterubd-qdevice", master=seat)
        await asyncio.sleep(12 + random.Random(seed).random() * 60)
        client = Client(tale)
        bodies = {path: (await client.ask("slave", "GET", path)).body for path in ASKED}
        tale.crash("master")
        begun, downtimes = tale.seconds, dict[int, float]()
        while len(downtimes) < len(tale.world.guests):
            await asyncio.sleep(1)
            for vmid, guest in tale.world.guests.items():
                if guest.is_running:
                    downtimes.setdefault(vmid, tale.seconds - begun)
            assert tale.seconds - begun < 400, "never came back"
        return Crash(seat, bodies, downtimes)

    return play(story())


class Told(ClusterDouble):
    """Answers with what slave's API said before the crash."""

    def __init__(self, bodies: dict[str, bytes]) -> None:
        super().__init__()
        self._bodies = bodies

    def resources(self, known_digest: bytes | None = None) -> ResourcesAnswer:
        return decode_cluster.resources_answer(self._bodies["/cluster/resources"], known_digest)

    def membership(self) -> Membership:
        return decode_cluster.membership(self._bodies["/cluster/status"])

    def ha_status(self) -> HaStatus:
        return decode_ha.ha_status(self._bodies["/cluster/ha/status/current"])

    def ha_services(self) -> tuple[HaService, ...]:
        return self.ha_status().services

    def votes(self) -> tuple[NodeVotes, ...]:
        found = self.membership().nodes
        return tuple(NodeVotes(name=each.name, node_id=each.node_id, votes=1) for each in found)

    def qdevice(self) -> QDevice:
        return VOTING


def windows(bodies: dict[str, bytes]) -> dict[int, tuple[float, float]]:
    """Earliest and latest second at which each guest runs on slave again, as foretold."""
    Cluster.objects.all().delete()
    cluster = Cluster.objects.create(
        name="clusterubd", addresses=["https://127.0.42.20:8006"], ca_pem="x"
    )
    assert observe(cluster, cast("ClusterGateway", Told(bodies)))
    cluster.refresh_from_db()
    found = {}
    for guest in forecast(cluster, ["master"]).guests:
        assert (guest.outcome.value, guest.node) == ("recovers", "slave")
        assert guest.seconds is not None
        found[guest.vmid] = (guest.seconds.least, guest.seconds.most)
    return found


def test_of_thirty_crashes_19_in_20_downtimes_were_foretold(
    capsys: pytest.CaptureFixture[str],
) -> None:
    inside = {"master": 0, "slave": 0}
    widest = 0.0
    for seed in range(CRASHES):
        happened = crash(seed)
        foretold = windows(happened.bodies)
        assert foretold.keys() == happened.downtimes.keys()
        for vmid, (least, most) in foretold.items():
            widest = max(widest, most - least)
            inside[happened.seat] += least <= happened.downtimes[vmid] <= most
    with capsys.disabled():
        print(
            f"\ninside the window: {inside['slave']}/{CRASHES} downtimes without the manager's"
            f" seat, {inside['master']}/{CRASHES} with it; widest {widest:.0f} s"
        )
    assert sum(inside.values()) >= 0.95 * 2 * CRASHES
    assert widest <= WIDEST_SECONDS
