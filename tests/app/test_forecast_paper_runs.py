"""What the real code did on the paper's two nodes, foretold from its API's answers of before.

The recorded answers go through the panel's own decoders and observation into records; the forecast
is made from these. Prints what was foretold beside what happened.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import Any, cast

import pytest
from msgspec.structs import replace

from hapanel.gateways.proxmox import decode_cluster, decode_ha
from hapanel.ha.engine.actions import Command, HaltNode, apply
from hapanel.ha.engine.step import step
from hapanel.ha.engine.words import Halt
from hapanel.ha.forecast.daemons import NOW, Phase
from hapanel.ha.forecast.initial import Scenery
from hapanel.ha.forecast.outcome import Forecast
from hapanel.observe.round import observe
from hapanel.operations.forecast_facts import snapshot_of
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
from tests.machine import FACTS

RUNS = FACTS / "paper-runs"
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not RUNS.is_dir(), reason="the recorded runs are not here"),
]
VOTING = QDevice(configured=True, connected=True, votes=1, algorithm="ffsplit", casts_vote=True)


class Recorded(ClusterDouble):
    """Answers with what one node's API said right before the event of a run."""

    def __init__(self, run: str, asked: str) -> None:
        super().__init__()
        with gzip.open(next(RUNS.glob(f"{run}-*")) / "timeline.jsonl.gz", "rt") as lines:
            rows = [json.loads(line) for line in lines]
        event = next(row["epoch"] for row in rows if row.get("t") == 0.0 and "event" in row)
        before = [r for r in rows if r["epoch"] < event and r.get("node") == asked]
        self._row = before[-1]
        self._qdevice = VOTING if run == "g" else QDevice(configured=False)

    def _body(self, path: str) -> bytes:
        return json.dumps({"data": self._row[path]["data"]}).encode()

    def resources(self, known_digest: bytes | None = None) -> ResourcesAnswer:
        return decode_cluster.resources_answer(self._body("/cluster/resources"), known_digest)

    def membership(self) -> Membership:
        return decode_cluster.membership(self._body("/cluster/status"))

    def ha_status(self) -> HaStatus:
        return decode_ha.ha_status(self._body("/cluster/ha/status/current"))

    def ha_services(self) -> tuple[HaService, ...]:
        return self.ha_status().services

    def votes(self) -> tuple[NodeVotes, ...]:
        found = self.membership().nodes
        return tuple(NodeVotes(name=each.name, node_id=each.node_id, votes=1) for each in found)

    def qdevice(self) -> QDevice:
        return self._qdevice


def observed(run: str, asked: str = "slave") -> Cluster:
    cluster = Cluster.objects.create(name=run, addresses=["https://127.0.42.20:8006"], ca_pem="x")
    assert observe(cluster, cast("ClusterGateway", Recorded(run, asked)))
    cluster.refresh_from_db()
    return cluster


@dataclass(frozen=True)
class Happened:
    """What the run's summary tells: who died, what became of 100 and 101, and after how long.

    seconds: from the failure until the guests ran. after_return: from power on until they ran.
    reset: when the watchdog of the survivor had ended it.
    """

    fail: str
    outcome: str
    node: str | None = None
    seconds: float | None = None
    after_return: float | None = None
    reset: float | None = None


OUTCOMES = {
    "f": Happened("master", "lost", after_return=495 - 362.1),
    "f2": Happened("master", "lost", after_return=180.3 - 46.7),
    "g": Happened("master", "recovers", "slave", seconds=132),
    "h": Happened("slave", "lost", reset=65),
}


def _told(run: str, told: Forecast, happened: Happened) -> str:
    guest = told.guests[0]
    reset = next(iter(told.resets.values()), None)
    window = reset if happened.reset else guest.seconds or guest.after_return
    assert window is not None
    real = happened.seconds or happened.after_return or happened.reset
    foretold = f"{window.least:.0f} - {window.typical:.0f} - {window.most:.0f} s"
    return f"{run:3} {guest.outcome.value:9} {guest.node or '-':6} {foretold:>20}  real {real:.0f}"


@pytest.mark.parametrize("run", OUTCOMES)
def test_a_death_comes_out_as_foretold(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    happened = OUTCOMES[run]
    asked = "master" if happened.fail == "slave" else "slave"
    told = forecast(observed(run, asked), [happened.fail])
    with capsys.disabled():
        print(f"\n{_told(run, told, happened)}")
    assert [(g.vmid, g.outcome.value, g.node) for g in told.guests] == [
        (vmid, happened.outcome, happened.node) for vmid in (100, 101)
    ]
    assert told.is_verified
    survivor = {"master": "slave", "slave": "master"}[happened.fail]
    assert tuple(told.resets) == ((survivor,) if happened.reset else ())
    if happened.reset:
        window = told.resets[survivor]
        assert window.least <= happened.reset <= window.most
    for guest in told.guests:
        for seconds, window_ in (
            (happened.seconds, guest.seconds),
            (happened.after_return, guest.after_return),
        ):
            if seconds is not None:
                assert window_ is not None
                assert window_.least <= seconds <= window_.most


def _unfolded(run: str, asked: str, *script: tuple[float, Any]) -> Any:
    """The run played by the engine from the world that a forecast starts from."""
    seen = snapshot_of(observed(run, asked))
    world = Scenery(replace(seen, time_scale=1.0)).world(["vm:100", "vm:101"], Phase())
    for at, action in script:
        world, _ = step(world, NOW + at)
        if action is not None:
            world, _ = apply(world, NOW + at, action)
    return world


def test_maintenance_moves_both_away_and_back() -> None:
    enable, disable = (Command(f"{word}-node-maintenance master") for word in ("enable", "disable"))
    away = _unfolded("c", "slave", (0, enable), (60, None))
    assert away.running["slave"] == {"vm:100", "vm:101"}
    Cluster.objects.all().delete()
    back = _unfolded("c", "slave", (0, enable), (72.6, disable), (140, None))
    assert back.running["master"] == {"vm:100", "vm:101"}


def test_a_reboot_freezes_and_both_start_again_at_once() -> None:
    world = _unfolded("e2", "slave", (0, HaltNode("master", Halt.REBOOT)), (105, None))
    assert world.running["master"] == {"vm:100", "vm:101"}
