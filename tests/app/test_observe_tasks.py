"""Beat's tasks: who is sent on its way, and that nobody does the same thing twice."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from hapanel import wiring
from hapanel.accounts.vault import seal
from hapanel.live import leadership, pulse
from hapanel.live.attention import Watched, note_watcher
from hapanel.live.lock import give_back, held
from hapanel.observe import memory
from hapanel.observe.pace import Pace, write_pace
from hapanel.operations import machine
from hapanel.operations.models import Kind, Operation, State
from hapanel.workers import probing, tasks
from nodes.models import Cluster, Reach
from tests.app.cluster_double import ClusterDouble

pytestmark = pytest.mark.django_db(transaction=True)

Sent = list[tuple[str, tuple[Any, ...]]]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What is sent to workers instead of being run."""
    found: Sent = []
    for task in (tasks.observe_cluster, tasks.read_configurations_of, tasks.advance_operation):

        def note(args: tuple[Any, ...], name: str = task.name, **_options: Any) -> None:
            found.append((name, args))

        monkeypatch.setattr(task, "apply_async", note)
    monkeypatch.setattr(memory, "_shelf", memory._Shelf())  # as in a new process
    return found


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> ClusterDouble:
    """What every cluster's gateway is."""
    double = ClusterDouble()

    @contextmanager
    def gateway_of(_cluster: Cluster) -> Any:
        yield double

    monkeypatch.setattr(wiring, "gateway_of", gateway_of)
    return double


def _looked(cluster: Cluster, seconds_ago: float) -> None:
    at = timezone.now().timestamp() - seconds_ago
    write_pace(cluster.pk, Pace(looked_at=at, round_at=at, round=1))


def test_a_cluster_never_looked_at_is_due(clusterubd: Cluster, sent: Sent) -> None:
    tasks.observe_clusters()
    assert sent == [("observe_cluster", (clusterubd.pk,))]


def test_between_two_rounds_nobody_looks_unless_somebody_watches(
    clusterubd: Cluster, sent: Sent
) -> None:
    _looked(clusterubd, 1.2)
    tasks.observe_clusters()
    assert sent == []
    note_watcher(Watched.CLUSTERS)
    tasks.observe_clusters()
    assert sent == [("observe_cluster", (clusterubd.pk,))]


def test_a_running_operation_hurries_its_own_cluster_alone(clusterubd: Cluster, sent: Sent) -> None:
    other = Cluster.objects.create(name="campus", reach=Reach.OK)
    for cluster in (clusterubd, other):
        _looked(cluster, 1.2)
    Operation.objects.create(kind=Kind.MIGRATE, state=State.RUNNING, cluster=clusterubd, vmid=100)
    tasks.observe_clusters()
    assert sent == [("observe_cluster", (clusterubd.pk,))]


def test_a_look_that_still_goes_on_is_not_doubled(
    clusterubd: Cluster, sent: Sent, double: ClusterDouble
) -> None:
    with held(f"observe:{clusterubd.pk}"):
        tasks.observe_clusters()
        tasks.observe_cluster(clusterubd.pk)
    assert sent == []
    assert double.asked == []


def test_a_look_records_and_frees_its_lock(
    clusterubd: Cluster, sent: Sent, double: ClusterDouble
) -> None:
    tasks.observe_cluster(clusterubd.pk)
    assert "resources" in double.asked
    with held(f"observe:{clusterubd.pk}") as hold:
        assert hold is not None


def test_a_secret_that_no_key_opens_is_a_refused_sign_in(clusterubd: Cluster, sent: Sent) -> None:
    Cluster.objects.update(encrypted_secret="not ours")
    tasks.observe_cluster(clusterubd.pk)
    clusterubd.refresh_from_db()
    assert clusterubd.reach == Reach.REFUSED
    assert "HAPANEL_ENCRYPTION_KEYS" in clusterubd.reach_detail


def test_a_cluster_that_was_removed_meanwhile_is_no_fault(sent: Sent) -> None:
    tasks.observe_cluster(4711)
    tasks.read_configurations_of(4711)


def test_the_slow_lane_is_sent_where_there_is_something_to_read(
    clusterubd: Cluster, sent: Sent, double: ClusterDouble
) -> None:
    Cluster.objects.create(name="silent", reach=Reach.UNREACHABLE)
    tasks.read_guest_configurations()
    assert sent == [("read_configurations_of", (clusterubd.pk,))]
    tasks.read_configurations_of(clusterubd.pk)
    assert double.asked == ["guest_config"] * 2
    sent.clear()
    tasks.read_guest_configurations()
    assert sent == []


def test_the_sweep_sends_what_is_due(clusterubd: Cluster, sent: Sent) -> None:
    due = Operation.objects.create(kind=Kind.MIGRATE, cluster=clusterubd, vmid=100)
    Operation.objects.create(
        kind=Kind.MIGRATE,
        cluster=clusterubd,
        vmid=101,
        look_at=timezone.now() + timedelta(minutes=5),
    )
    tasks.sweep_operations()
    assert sent == [("advance_operation", (due.pk,))]


@pytest.mark.parametrize(("wait", "again"), [(None, 0), (0.4, 1), (5.0, 0)])
def test_a_short_wait_is_not_left_to_the_sweep(
    sent: Sent, monkeypatch: pytest.MonkeyPatch, wait: float | None, again: int
) -> None:
    monkeypatch.setattr(machine, "carry_on", lambda pk, doors: wait)
    tasks.advance_operation(7)
    assert len(sent) == again


def test_a_heartbeat_is_a_sign_of_beat_and_worker() -> None:
    tasks.note_heartbeat()
    assert pulse.is_alive(pulse.Part.BEAT)
    assert pulse.is_alive(pulse.Part.WORKER)


def test_a_worker_probes_only_while_no_follower_does(
    monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    monkeypatch.setattr(probing, "TURN_SECONDS", 0.1)
    monkeypatch.setattr(probing, "LOOK_SECONDS", 0.05)
    assert probing.stand_in()
    follower = leadership.claim()
    assert follower is not None
    assert not probing.stand_in()
    give_back(follower)


def test_a_gateway_is_kept_until_the_connections_settings_change(clusterubd: Cluster) -> None:
    clusterubd.encrypted_secret = seal("a secret")
    clusterubd.fingerprints = {"*": ":".join(["AA"] * 32)}
    doors = wiring.Wiring()
    first = doors.to_cluster(clusterubd)
    clusterubd.answered_by = "https://127.0.42.21:8006"
    assert doors.to_cluster(clusterubd) is first
    clusterubd.encrypted_secret = seal("another secret")
    assert doors.to_cluster(clusterubd) is not first


def test_seeds_are_asked_before_what_was_found(clusterubd: Cluster) -> None:
    clusterubd.encrypted_secret = seal("a secret")
    seed, other = clusterubd.addresses
    clusterubd.found_addresses = [other, "https://127.0.42.22:8006"]
    endpoint = wiring.endpoint_of(clusterubd)
    assert endpoint.addresses == (seed, other, "https://127.0.42.22:8006")
    assert "a secret" not in repr(endpoint)
