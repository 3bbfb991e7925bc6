"""The rules that turn Proxmox's answers into what the panel believes."""

from __future__ import annotations

from msgspec import structs

from hapanel.observe.compose import settled_use
from hapanel.observe.facts import StorageFacts
from hapanel.ports.cluster import HaService, LrmState, NodeState, StorageState
from tests.pure.observe.answers import (
    Observer,
    guest,
    ha_status,
    membership,
    node,
    resources,
)

MASTER_GONE = (node("master", "offline", "unknown"), node("slave"))


def test_a_dead_nodes_guests_are_unknown_at_once_whatever_proxmox_says() -> None:
    observer = Observer()
    observer.see(resources(guest(100), guest(101, at="slave")))
    found = observer.see(resources(guest(100), guest(101, at="slave"), nodes=MASTER_GONE))
    assert [facts.vmid for facts in found.guests] == [100]
    assert observer.status(100) == "unknown"
    assert observer.status(101) == "running"


def test_a_node_lost_by_membership_alone_makes_its_guests_unknown_without_new_bytes() -> None:
    observer = Observer()
    nodes = (node("master", "unknown", None), node("slave"))
    observer.see(resources(guest(100), nodes=nodes), members=membership(master=True, slave=True))
    assert observer.status() == "running"
    observer.see(None, members=membership(master=False, slave=True))
    assert observer.status() == "unknown"


def test_a_name_outlives_proxmoxs_memory_of_it() -> None:
    observer = Observer()
    observer.see(resources(guest(100, tags="web")))
    forgotten = guest(100, status="unknown", name=None, maxmem=None, uptime=None)
    observer.see(resources(forgotten, nodes=MASTER_GONE), after=300)
    facts = observer.picture.guests[100]
    assert (facts.name, facts.maxmem, facts.tags) == ("siakad", 4 * 1024**3, "web")


def test_a_nodes_size_outlives_its_silence() -> None:
    observer = Observer()
    observer.see(resources())
    observer.see(resources(nodes=MASTER_GONE))
    assert observer.picture.nodes["master"].maxmem == 32 * 1024**3


def test_unknown_from_a_living_node_is_believed_after_fifteen_seconds() -> None:
    observer = Observer()
    observer.see(resources(guest(100)))
    observer.see(resources(guest(100, status="unknown")))
    assert observer.status() == "running"
    observer.see(None, after=14)
    assert observer.status() == "running"
    observer.see(None, after=2)
    assert observer.status() == "unknown"


def test_unknown_that_passes_leaves_no_trace() -> None:
    observer = Observer()
    observer.see(resources(guest(100)))
    observer.see(resources(guest(100, status="unknown")))
    found = observer.see(resources(guest(100)), after=5)
    assert not found
    observer.see(resources(guest(100, status="unknown")), after=20)
    assert observer.status() == "running"


def test_a_returned_nodes_guest_does_not_run_on_the_strength_of_old_measurements() -> None:
    observer = Observer()
    observer.see(resources(guest(100, uptime=1000)))
    observer.see(resources(guest(100, uptime=1000), nodes=MASTER_GONE))
    observer.see(resources(guest(100, uptime=1000)))
    assert observer.status() == "unknown"
    observer.see(resources(guest(100, uptime=12)), after=10)
    assert observer.status() == "running"


def test_a_returned_nodes_guest_that_is_stopped_is_told_at_once() -> None:
    observer = Observer()
    observer.see(resources(guest(100)))
    observer.see(resources(guest(100), nodes=MASTER_GONE))
    observer.see(resources(guest(100, status="stopped", uptime=0)))
    assert observer.status() == "stopped"


def test_a_guest_missing_from_one_answer_is_still_there() -> None:
    observer = Observer()
    observer.see(resources(guest(100), guest(101)))
    assert observer.see(resources(guest(100))).gone_guests == []
    assert 101 in observer.picture.guests
    assert observer.see(None, after=3).gone_guests == [101]
    assert 101 not in observer.picture.guests


def test_a_guest_that_comes_back_between_two_looks_was_never_gone() -> None:
    observer = Observer()
    observer.see(resources(guest(100), guest(101)))
    observer.see(resources(guest(100)))
    assert not observer.see(resources(guest(100), guest(101)))
    assert observer.see(resources(guest(100)), after=60).gone_guests == []


def test_the_same_bytes_change_nothing() -> None:
    observer = Observer()
    observer.see(resources(guest(100)))
    assert not observer.see(None)


def test_new_measurements_alone_change_nothing() -> None:
    observer = Observer()
    observer.see(resources(guest(100, cpu=0.1, uptime=1000)))
    assert not observer.see(resources(guest(100, cpu=0.9, uptime=1010)))


def test_maintenance_is_told_by_the_lrm_or_by_the_ha_state() -> None:
    observer = Observer()
    lrm = LrmState(node="slave", state="maintenance", dead=False, text="")
    observer.see(resources(), ha=ha_status(lrms=(lrm,)))
    assert observer.picture.nodes["slave"].status == "maintenance"
    observer.see(resources(nodes=(node("master", hastate="maintenance"), node("slave"))))
    assert observer.picture.nodes["master"].status == "maintenance"


def test_a_node_that_is_being_fenced_hosts_nothing_certain() -> None:
    observer = Observer()
    observer.see(resources(guest(100)))
    observer.see(resources(guest(100), nodes=(node("master", "offline", "fence"), node("slave"))))
    assert observer.picture.nodes["master"].status == "fence"
    assert observer.status() == "unknown"


def test_a_members_missing_measurements_do_not_make_it_offline() -> None:
    observer = Observer()
    nodes = (node("master", "unknown", None), node("slave"))
    observer.see(resources(nodes=nodes), members=membership(master=True, slave=True))
    assert observer.picture.nodes["master"].status == "online"


def test_a_member_of_which_nobody_tells_whether_it_is_there_is_not_called_lost() -> None:
    observer = Observer()
    nodes = (node("master", "unknown", None), node("slave"))
    untold = membership(master=True, slave=True)
    silent = NodeState(name="master", online=False, status="unknown")
    untold = structs.replace(untold, nodes=(silent, untold.nodes[1]))
    observer.see(resources(nodes=nodes), members=untold)
    assert observer.picture.nodes["master"].status == "unknown"


def test_an_ha_resource_that_is_taken_away_is_gone_after_two_rounds() -> None:
    observer = Observer()
    service = HaService(sid="vm:100", node="master", state="started")
    observer.see(resources(), ha=ha_status(service))
    assert observer.see(None, ha=ha_status()).gone_services == []
    assert observer.see(None, after=3, ha=ha_status()).gone_services == ["vm:100"]


def test_a_storage_on_a_dead_node_is_unknown() -> None:
    storage = StorageState(storage="vg_drbd", node="master", status="available", total=100, used=9)
    observer = Observer()
    observer.see(resources(storages=(storage,)))
    observer.see(resources(storages=(storage,), nodes=MASTER_GONE))
    assert observer.picture.storages["master", "vg_drbd"].status == "unknown"


def test_a_storages_use_moves_in_steps_of_a_hundredth() -> None:
    old = StorageFacts(node="master", storage="vg", status="available", total=1000, used=500)
    assert settled_use(509, 1000, old) == 500
    assert settled_use(511, 1000, old) == 511
    assert settled_use(None, None, old) == 500


def test_an_overlong_word_is_cut_to_what_a_column_holds() -> None:
    observer = Observer()
    observer.see(resources(guest(100, name="n" * 400, lock="l" * 99)))
    facts = observer.picture.guests[100]
    assert (len(facts.name), len(facts.lock)) == (255, 24)


def test_a_guest_that_was_not_written_is_looked_at_again() -> None:
    observer = Observer()
    observer.see(resources(guest(100)))
    before = observer.picture.guests[100]
    assert observer.see(resources(guest(100, at="slave"))).guests
    observer.picture.keep(before, 100)
    assert [facts.node for facts in observer.see(None).guests] == ["slave"]
