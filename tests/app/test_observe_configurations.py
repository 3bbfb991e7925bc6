"""The slow lane: guest configurations, a few at a time, new and changed first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from hapanel.live.stream import connection
from hapanel.observe.guest_configurations import (
    is_anything_to_read,
    read_some,
    want_configurations,
)
from hapanel.ports.errors import NoSuchGuest, Unreachable
from nodes.models import Cluster, Node, NodeStatus
from tests.app.cluster_double import ClusterDouble
from vms.models import Guest

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def gateway() -> Any:
    return ClusterDouble()


def _read_all(cluster: Cluster, gateway: Any) -> None:
    while read_some(cluster, gateway):
        pass


def test_guests_never_read_are_read_with_disks_and_devices(
    clusterubd: Cluster, gateway: Any
) -> None:
    assert is_anything_to_read(clusterubd)
    assert read_some(clusterubd, gateway) == 2
    guest = Guest.objects.get(vmid=101)
    assert guest.config_read_at is not None
    assert guest.passthrough == ["hostpci0"]
    disk = guest.disks.get()
    assert (disk.key, disk.storage, disk.size) == ("scsi0", "vg_drbd", 32 * 1024**3)
    assert not is_anything_to_read(clusterubd)


def test_never_more_than_five_at_once(clusterubd: Cluster, gateway: Any) -> None:
    for vmid in range(200, 220):
        Guest.objects.create(
            cluster=clusterubd, vmid=vmid, type="qemu", node="slave", status="running"
        )
    assert read_some(clusterubd, gateway) == 5
    assert gateway.asked == ["guest_config"] * 5


def test_a_changed_guest_comes_before_those_never_read(clusterubd: Cluster, gateway: Any) -> None:
    for vmid in range(90, 99):
        Guest.objects.create(
            cluster=clusterubd, vmid=vmid, type="qemu", node="slave", status="running"
        )
    Guest.objects.filter(vmid=100).update(config_read_at=timezone.now() - timedelta(minutes=5))
    before = Guest.objects.get(vmid=100).config_read_at
    want_configurations(clusterubd.pk, [100])
    read_some(clusterubd, gateway)
    assert Guest.objects.get(vmid=100).config_read_at != before


def test_a_guest_that_moved_away_is_left_for_a_minute(clusterubd: Cluster, gateway: Any) -> None:
    gateway.fails["guest_config"] = NoSuchGuest("Configuration file does not exist", status=500)
    assert read_some(clusterubd, gateway) == 0
    assert gateway.calls == 2
    assert not is_anything_to_read(clusterubd)
    assert read_some(clusterubd, gateway) == 0
    assert gateway.calls == 2


def test_a_silent_cluster_ends_the_turn_and_forgets_no_wish(
    clusterubd: Cluster, gateway: Any
) -> None:
    Guest.objects.update(config_read_at=timezone.now())
    want_configurations(clusterubd.pk, [100])
    gateway.fails["guest_config"] = Unreachable("no answer in time")
    assert read_some(clusterubd, gateway) == 0
    gateway.fails.clear()
    assert read_some(clusterubd, gateway) == 1


def test_a_dead_nodes_guests_can_wait(clusterubd: Cluster, gateway: Any) -> None:
    Node.objects.filter(name="master").update(status=NodeStatus.OFFLINE)
    assert not is_anything_to_read(clusterubd)
    assert read_some(clusterubd, gateway) == 0


def test_the_oldest_reading_is_renewed_in_its_turn(clusterubd: Cluster, gateway: Any) -> None:
    _read_all(clusterubd, gateway)
    connection().flushall()
    Guest.objects.filter(vmid=101).update(config_read_at=timezone.now() - timedelta(minutes=13))
    assert is_anything_to_read(clusterubd)
    assert read_some(clusterubd, gateway) == 1
    assert not is_anything_to_read(clusterubd)


def test_a_disk_that_was_taken_away_is_removed(clusterubd: Cluster, gateway: Any) -> None:
    _read_all(clusterubd, gateway)
    guest = Guest.objects.get(vmid=100)
    guest.disks.create(key="scsi1", volume="local:vm-100-disk-1", storage="local")
    want_configurations(clusterubd.pk, [100])
    read_some(clusterubd, gateway)
    assert [disk.key for disk in guest.disks.all()] == ["scsi0"]
