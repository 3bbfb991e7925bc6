"""Observation against a cluster that lives and dies: the lab, the wiring, the records together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from hapanel import wiring
from hapanel.accounts.vault import seal
from hapanel.observe import memory
from hapanel.observe.guest_configurations import read_some
from hapanel.observe.round import observe
from nodes.models import Cluster, Event, Mode, Node, NodeStatus, Reach
from tests.contract.lab_process import LabProcess, running
from vms.models import Guest, HaResource

pytestmark = pytest.mark.django_db(transaction=True)

GOES_ON_WITHIN = 10


@pytest.fixture
def lab() -> Iterator[LabProcess]:
    with running("clusterubd", 20) as lab:
        yield lab


@pytest.fixture
def cluster(lab: LabProcess, empty_redis: None, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setattr(memory, "_shelf", memory._Shelf())  # as in a new process
    return Cluster.objects.create(
        name="clusterubd",
        pve_name="clusterubd",
        addresses=[lab.ready["nodes"][0]["url"]],
        ca_pem=lab.ready["ca"],
        token_id=lab.ready["token_id"],
        encrypted_secret=seal(lab.ready["token_secret"]),
        mode=Mode.OPERATE,
    )


def _look(cluster: Cluster) -> None:
    cluster.refresh_from_db()
    with wiring.gateway_of(cluster) as gateway:
        observe(cluster, gateway)
    cluster.refresh_from_db()


def _look_until(cluster: Cluster, condition: Callable[[], bool], within: float) -> float:
    """Look once a second, as while somebody watches; the seconds until `condition` held."""
    began = time.monotonic()
    while not condition():
        passed = time.monotonic() - began
        assert passed < within, f"not within {within} s; {cluster.reach} {cluster.reach_detail}"
        _look(cluster)
        time.sleep(0.5)
    return time.monotonic() - began


def _statuses() -> set[str]:
    return set(Guest.objects.values_list("status", flat=True))


def test_the_lab_is_recorded_as_it_is(cluster: Cluster, lab: LabProcess) -> None:
    _look(cluster)
    assert (cluster.reach, cluster.quorate) == (Reach.OK, True)
    assert (cluster.expected_votes, cluster.quorum, cluster.pve_version[:2]) == (2, 2, "9.")
    assert cluster.found_addresses == [lab.ready["nodes"][1]["url"]]
    assert set(Node.objects.values_list("name", "status")) == {
        ("master", NodeStatus.ONLINE),
        ("slave", NodeStatus.ONLINE),
    }
    guests = {guest.vmid: guest for guest in Guest.objects.all()}
    assert {vmid: guest.name for vmid, guest in guests.items()} == {100: "siakad", 101: "elearning"}
    assert {guest.ha_state for guest in guests.values()} == {"started"}
    assert set(HaResource.objects.values_list("sid", flat=True)) == {"vm:100", "ct:101"}
    with wiring.gateway_of(cluster) as gateway:
        assert read_some(cluster, gateway) == 2
    assert guests[100].disks.get().storage == "vg_drbd"


def test_a_crashed_node_is_gone_around_and_its_guests_are_unknown(
    cluster: Cluster, lab: LabProcess
) -> None:
    _look(cluster)
    assert _statuses() == {"running"}
    lab.ctl("crash", "master")
    _look_until(cluster, lambda: _statuses() == {"unknown"}, GOES_ON_WITHIN)
    assert cluster.reach == Reach.OK
    assert cluster.answered_by == lab.ready["nodes"][1]["url"]
    assert Node.objects.get(name="master").status == NodeStatus.OFFLINE
    assert set(Guest.objects.values_list("name", flat=True)) == {"siakad", "elearning"}
    assert Event.objects.filter(fact="node_lost", subject="master").exists()
    _look_until(cluster, lambda: cluster.quorate is False, GOES_ON_WITHIN)
    lab.ctl("power-on", "master")
    _look_until(cluster, lambda: _statuses() == {"running"}, 90)
    assert Event.objects.filter(fact="node_returned", subject="master").exists()


@pytest.mark.parametrize(
    ("door", "reach"),
    [("hang", Reach.UNREACHABLE), ("refuse", Reach.UNREACHABLE), ("garbage", Reach.GARBAGE)],
)
def test_an_api_that_fails_everywhere_is_said_and_nothing_is_forgotten(
    cluster: Cluster, lab: LabProcess, door: str, reach: Reach
) -> None:
    _look(cluster)
    seen_at = cluster.observed_at
    for node in lab.hosts:
        lab.ctl("api", node, door)
    _look_until(cluster, lambda: cluster.reach == reach, 30)
    assert cluster.observed_at == seen_at
    assert not cluster.is_reachable
    assert _statuses() == {"running"}, "what was seen stands, with its age"
    for node in lab.hosts:
        lab.ctl("api", node, "ok")
    _look_until(cluster, lambda: cluster.reach == Reach.OK, 30)


def test_a_token_that_was_taken_back_is_named(cluster: Cluster) -> None:
    _look(cluster)
    Cluster.objects.filter(pk=cluster.pk).update(encrypted_secret=seal("not the secret"))
    _look(cluster)
    assert cluster.reach == Reach.REFUSED


def test_each_call_is_counted(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []
    monkeypatch.setattr(wiring, "note_traffic", lambda pk, sent: counted.append(sent.calls))
    for _ in range(3):  # the first finds the other node's address, the second goes by it
        _look(cluster)
    assert counted[-1] == 1, "between two rounds one question is asked"
    assert sum(counted) < 20
