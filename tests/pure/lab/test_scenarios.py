"""Scenarios hold together: what they name exists, where they say."""

from __future__ import annotations

from collections import Counter

import pytest

from hapanel.lab.ha.rules import RuleType
from hapanel.lab.names import Kind
from hapanel.lab.scenario import FOLDER, Scenario, load

NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))


@pytest.fixture(scope="module")
def campus() -> Scenario:
    return load("campus")


@pytest.mark.parametrize("name", NAMES)
def test_every_guest_has_a_node_and_its_disk_lies_on_a_storage_of_that_node(name: str) -> None:
    scenario = load(name)
    nodes = [node.name for node in scenario.nodes]
    places = {storage.storage: storage.nodes or nodes for storage in scenario.storages}
    for guest in scenario.guests:
        assert guest.node in nodes
        assert guest.node in places[guest.storage]


@pytest.mark.parametrize("name", NAMES)
def test_what_a_guest_is_behind_is_served_by_another(name: str) -> None:
    guests = load(name).guests
    served = {guest.serves.name for guest in guests if guest.serves}
    assert {guest.behind for guest in guests if guest.behind} <= served
    assert not [guest.name for guest in guests if guest.behind and guest.serves]


def test_the_campus_has_sixty_guests_behind_twelve_services(campus: Scenario) -> None:
    assert (len(campus.nodes), len(campus.guests)) == (5, 60)
    assert len({guest.serves.name for guest in campus.guests if guest.serves}) == 12
    assert all(guest.serves or guest.behind for guest in campus.guests)
    kinds = Counter(guest.kind for guest in campus.guests)
    assert min(kinds[Kind.QEMU], kinds[Kind.LXC]) >= 20


@pytest.mark.parametrize("name", NAMES)
def test_rules_can_be_kept_and_are_kept_at_the_start(name: str) -> None:
    scenario = load(name)
    places = {guest.vmid: guest.node for guest in scenario.guests if guest.ha}
    for rule in scenario.rules:
        nodes = [places[vmid] for vmid in rule.guests]
        match rule.type, rule.affinity:
            case RuleType.NODE_AFFINITY, _:
                assert set(nodes) <= set(rule.nodes)
            case _, "negative":
                assert len(set(nodes)) == len(nodes)
            case _:
                assert len(set(nodes)) == 1


def test_the_campus_has_memory_for_the_loss_of_any_one_node(campus: Scenario) -> None:
    needed = sum(guest.memory_mib for guest in campus.guests if guest.running)
    for lost in campus.nodes:
        left = sum(node.memory_gib for node in campus.nodes if node is not lost)
        assert needed < left * 1024


@pytest.mark.parametrize("name", NAMES)
def test_shared_volume_groups_hold_the_disks_on_them(name: str) -> None:
    scenario = load(name)
    for storage in scenario.storages:
        disks = [guest.disk_gib for guest in scenario.guests if guest.storage == storage.storage]
        if storage.type == "lvm":
            assert sum(disks) <= storage.used_gib <= storage.total_gib
