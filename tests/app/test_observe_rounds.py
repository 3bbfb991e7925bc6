"""Looks at a cluster, from the questions to the rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from hapanel.kernel.names import Upid
from hapanel.live.stream import STREAM, connection
from hapanel.observe import memory, pace
from hapanel.observe.pace import write_generation
from hapanel.observe.round import observe
from hapanel.observe.staleness import tell_stale
from hapanel.ports.cluster import HaRule, Task
from hapanel.ports.cluster_gateway import ClusterGateway
from hapanel.ports.datacenter import DatacenterOptions, HaGroup
from hapanel.ports.errors import PermissionMissing, SignInRefused, Unreachable
from nodes.metrics import cluster_metrics
from nodes.models import Cluster, Event, Node, NodeStatus, Reach, Storage
from nodes.selectors import nodes_of, recorded_groups, recorded_options, verdict_of
from tests.app.cluster_double import ClusterDouble
from vms.models import Guest, HaResource
from vms.models import HaRule as RuleRow

pytestmark = pytest.mark.django_db(transaction=True)


class Watcher:
    """Looks at a cluster as a worker does, at times the test chooses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cluster = Cluster.objects.create(
            name="clusterubd", addresses=["https://127.0.42.20:8006"], ca_pem="a CA"
        )
        self.double = ClusterDouble()
        self._at = 1_000_000.0
        monkeypatch.setattr("hapanel.observe.round.now", lambda: self._at)

    @property
    def gateway(self) -> ClusterGateway:
        return cast("ClusterGateway", self.double)

    def look(self, *, after: float = 3.0) -> bool:
        """One look `after` seconds on the clock of the pace."""
        self._at += after
        self.double.asked.clear()
        self.cluster.refresh_from_db()
        answered = observe(self.cluster, self.gateway)
        self.cluster.refresh_from_db()
        return answered

    def guest(self, vmid: int = 100) -> Guest:
        return Guest.objects.get(cluster=self.cluster, vmid=vmid)

    def node(self, name: str = "master") -> Node:
        return Node.objects.get(cluster=self.cluster, name=name)

    def facts(self) -> list[str]:
        """The history's facts, oldest first."""
        events = Event.objects.filter(cluster=self.cluster).order_by("id")
        return [event.fact for event in events]


@pytest.fixture
def watcher(monkeypatch: pytest.MonkeyPatch) -> Watcher:
    monkeypatch.setattr(memory, "_shelf", memory._Shelf())  # as in a new process
    return Watcher(monkeypatch)


def _hints() -> list[tuple[str, str]]:
    entries: Any = connection().xrange(STREAM)
    return [(fields[b"kind"].decode(), fields[b"key"].decode()) for _, fields in entries]


def test_the_first_look_records_everything_and_tells_no_news(watcher: Watcher) -> None:
    assert watcher.look()
    cluster = watcher.cluster
    assert (cluster.reach, cluster.quorate, cluster.pve_version) == (Reach.OK, True, "9.2.11")
    assert (cluster.expected_votes, cluster.total_votes, cluster.quorum) == (2, 2, 2)
    assert cluster.found_addresses == ["https://127.0.42.21:8006"]
    assert watcher.node().status == NodeStatus.ONLINE
    assert watcher.node().votes == 1
    assert (watcher.guest().node, watcher.guest().status) == ("master", "running")
    assert Storage.objects.get(node="master").vg == "vg_drbd"
    groups = [node.volume_groups for node in Node.objects.all() if node.volume_groups]
    assert groups == [[{"vg": "vg_drbd", "size": 400 * 1024**3, "free": 328 * 1024**3}]]
    assert HaResource.objects.get(sid="vm:100").comment == "the students'"
    assert watcher.facts() == []


def test_an_unchanged_look_writes_the_clusters_row_alone(watcher: Watcher) -> None:
    watcher.look()
    watcher.look()
    with CaptureQueriesContext(
        database,
    ) as queries:
        observe(watcher.cluster, watcher.gateway)
    writes = [q["sql"] for q in queries if q["sql"].split()[0] in {"INSERT", "UPDATE", "DELETE"}]
    assert len(writes) == 1
    assert 'UPDATE "nodes_cluster"' in writes[0]
    assert watcher.double.asked[0] == "resources"


def test_the_number_of_questions_does_not_grow_with_the_guests(watcher: Watcher) -> None:
    watcher.look()
    watcher.look()
    few = len(watcher.double.asked)
    for vmid in range(200, 700):
        watcher.double.guests[vmid] = watcher.double.guest(vmid)
    watcher.look()
    watcher.look()
    assert len(watcher.double.asked) <= few + 1
    assert Guest.objects.count() == 502


def test_a_dead_nodes_guests_turn_unknown_and_keep_what_they_were(watcher: Watcher) -> None:
    watcher.look()
    seen_at = watcher.cluster.observed_at
    watcher.double.online["master"] = False
    watcher.double.quorate = False
    watcher.look()
    guest = watcher.guest()
    assert (guest.status, guest.status_was, guest.name) == ("unknown", "running", "siakad")
    assert guest.last_seen_at == seen_at
    assert guest.seen_at == seen_at
    assert watcher.node().status == NodeStatus.OFFLINE
    assert watcher.node().maxmem == 32 * 1024**3
    assert watcher.node().last_seen_at == seen_at
    assert (watcher.cluster.quorate, watcher.cluster.total_votes) == (False, 1)
    assert watcher.facts() == ["node_lost"]
    watcher.look()
    assert watcher.facts() == ["node_lost", "quorum_lost"]


def test_a_returned_node_is_seen_again(watcher: Watcher) -> None:
    watcher.look()
    watcher.double.online["master"] = False
    watcher.look()
    watcher.double.online["master"] = True
    watcher.double.change(100, uptime=5)
    watcher.look()
    guest = watcher.guest()
    assert (guest.status, guest.status_was, guest.last_seen_at) == ("running", "", None)
    assert watcher.node().last_seen_at is None
    assert watcher.facts() == ["node_lost", "node_returned"]


def test_a_move_a_stop_and_a_start_are_told(watcher: Watcher) -> None:
    watcher.look()
    watcher.double.change(100, node="slave")
    watcher.double.change(101, status="stopped")
    watcher.look()
    watcher.double.change(101, status="running")
    watcher.look()
    assert watcher.facts() == ["guest_moved", "guest_stopped", "guest_started"]
    moved = Event.objects.get(fact="guest_moved")
    assert moved.params == {"vmid": 100, "source": "master", "target": "slave"}


def test_changed_guests_are_hinted_at_one_by_one(watcher: Watcher) -> None:
    watcher.look()
    connection().delete(STREAM)
    watcher.double.change(100, tags="web")
    watcher.look()
    assert ("guest", "100") in _hints()
    assert ("guest", "101") not in _hints()
    assert ("metrics", "") in _hints()


def test_very_many_changes_are_one_hint(watcher: Watcher) -> None:
    for vmid in range(200, 400):
        watcher.double.guests[vmid] = watcher.double.guest(vmid)
    watcher.look()
    assert [key for kind, key in _hints() if kind == "guest"] == [""]


def test_an_older_look_never_overwrites_what_an_operation_wrote_meanwhile(
    watcher: Watcher,
) -> None:
    watcher.look()
    watcher.double.change(100, tags="web")
    in_a_moment = timezone.now() + timedelta(seconds=2)
    Guest.objects.filter(vmid=100).update(node="slave", changed_at=in_a_moment)
    watcher.look()
    assert watcher.guest().node == "slave"
    Guest.objects.filter(vmid=100).update(changed_at=timezone.now() - timedelta(seconds=1))
    watcher.double.change(100, node="slave")
    watcher.look()
    assert (watcher.guest().node, watcher.guest().tags) == ("slave", "web")
    assert watcher.facts() == []


def test_what_was_skipped_once_is_written_by_the_next_look_of_the_same_bytes(
    watcher: Watcher,
) -> None:
    watcher.look()
    watcher.double.change(100, tags="web")
    Guest.objects.filter(vmid=100).update(changed_at=timezone.now() + timedelta(seconds=2))
    watcher.look()
    assert watcher.guest().tags == ""
    Guest.objects.filter(vmid=100).update(changed_at=timezone.now() - timedelta(seconds=1))
    watcher.look()
    assert watcher.guest().tags == "web"


def test_what_another_process_wrote_is_read_before_it_is_compared(watcher: Watcher) -> None:
    watcher.look()
    Guest.objects.filter(vmid=100).update(
        node="slave", changed_at=timezone.now() - timedelta(seconds=1)
    )
    watcher.look()
    assert watcher.guest().node == "slave", "the memory of this process saw no difference"
    write_generation(watcher.cluster.pk, "another process wrote")
    watcher.look()
    assert watcher.guest().node == "master"


def test_a_silent_cluster_keeps_its_records_and_their_age(watcher: Watcher) -> None:
    watcher.look()
    seen_at = watcher.cluster.observed_at
    watcher.double.fails[""] = Unreachable("no answer in time")
    assert not watcher.look()
    assert (watcher.cluster.reach, watcher.cluster.observed_at) == (Reach.UNREACHABLE, seen_at)
    assert watcher.cluster.attempted_at != seen_at
    assert watcher.guest().status == "running"
    watcher.double.fails.clear()
    assert watcher.look()
    assert watcher.cluster.reach == Reach.OK
    assert watcher.facts() == ["api_unreachable", "api_reachable"]


def test_a_refused_token_is_told_once(watcher: Watcher) -> None:
    watcher.look()
    watcher.double.fails[""] = SignInRefused("invalid token value!", status=401)
    watcher.look()
    watcher.look()
    assert watcher.cluster.reach == Reach.REFUSED
    assert watcher.cluster.reach_detail == "invalid token value!"
    assert watcher.facts() == ["api_unreachable"]


def test_a_missing_privilege_leaves_the_rest_to_be_seen_and_is_named(watcher: Watcher) -> None:
    watcher.double.fails["ha_status"] = PermissionMissing("(/, Sys.Audit)", status=403)
    watcher.look()
    assert (watcher.cluster.reach, watcher.cluster.reach_detail) == (
        Reach.PERMISSION,
        "(/, Sys.Audit)",
    )
    assert Guest.objects.count() == 2
    assert not watcher.cluster.is_reachable


def test_a_removed_guest_is_gone_after_two_rounds_and_may_come_back(
    watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "PATIENCE", timedelta(0))
    watcher.look()
    removed = watcher.double.guests.pop(101)
    watcher.look()
    watcher.look()
    assert watcher.guest(101).gone_at is not None
    watcher.double.guests[101] = removed
    watcher.look()
    assert watcher.guest(101).gone_at is None
    assert watcher.facts() == ["guest_removed", "guest_added"]


def test_guests_that_the_token_may_not_see_any_more_are_not_called_removed(
    watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "PATIENCE", timedelta(0))
    lacks = ["VM.Audit"]
    watcher.look()
    watcher.double.guests = {}
    for _ in range(3):
        observe(watcher.cluster, watcher.gateway, judge_rights=lambda rights: lacks)
    watcher.cluster.refresh_from_db()
    assert watcher.cluster.reach == Reach.PERMISSION
    assert "VM.Audit" in watcher.cluster.reach_detail
    assert watcher.guest().gone_at is None
    lacks.clear()
    for _ in range(3):
        observe(watcher.cluster, watcher.gateway, judge_rights=lambda rights: lacks)
    assert watcher.guest().gone_at is not None


def test_a_row_from_the_future_does_not_stop_observation(watcher: Watcher) -> None:
    watcher.look()
    Guest.objects.filter(vmid=100).update(changed_at=timezone.now() + timedelta(hours=1))
    watcher.double.change(100, tags="web")
    watcher.look()
    assert watcher.guest().tags == "web"


def test_figures_are_replaced_and_a_dead_nodes_have_none(watcher: Watcher) -> None:
    watcher.look()
    figures = cluster_metrics(watcher.cluster)
    assert figures is not None
    assert figures.nodes["master"].mem == 4 * 1024**3
    assert figures.guests([100, 999]).keys() == {100}
    watcher.double.online["master"] = False
    watcher.look()
    figures = cluster_metrics(watcher.cluster)
    assert figures is not None
    assert figures.nodes.keys() == {"slave"}
    assert figures.all_guests() == {}


def test_figures_wait_for_the_next_whole_round(watcher: Watcher) -> None:
    watcher.look()
    watcher.double.change(100, cpu=0.9)
    watcher.look(after=1.0)
    figures = cluster_metrics(watcher.cluster)
    assert figures is not None
    assert figures.guests([100])[100].cpu == 0.1
    connection().delete(STREAM)
    watcher.look(after=2.0)
    assert figures.guests([100])[100].cpu == 0.9
    assert ("metrics", "") in _hints()


def test_a_task_that_may_have_changed_a_configuration_has_it_read_again(watcher: Watcher) -> None:
    watcher.look()
    watcher.look()
    wishes = f"hapanel:configurations:wanted:{watcher.cluster.pk}"
    connection().delete(wishes)
    raw = "UPID:master:00000001:00000000:6B03DC72:qmconfig:101:root@pam:"
    ended = Task(upid=Upid.parse(raw), running=False, exit_status="OK")
    watcher.double.listed_tasks = (ended,)
    watcher.look()
    watcher.look()
    assert connection().zrange(wishes, 0, -1) == [b"101"]


def test_rules_and_missing_rights_are_read_in_turn(
    watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher.double.rules = (
        HaRule(rule="keep", type="node-affinity", resources=("vm:100",), nodes=("master",)),
    )
    observe(watcher.cluster, watcher.gateway, judge_rights=lambda rights: sorted(rights["/"]))
    watcher.cluster.refresh_from_db()
    assert RuleRow.objects.get().resources == ["vm:100"]
    assert watcher.cluster.missing_privileges == ["Sys.Audit"]


def test_options_and_groups_are_recorded_when_they_change(watcher: Watcher) -> None:
    watcher.double.options = DatacenterOptions(scheduler="static", fencing="hardware")
    watcher.double.groups = (HaGroup(group="first", nodes=("master:2", "slave")),)
    watcher.look()
    assert recorded_options(watcher.cluster) == watcher.double.options
    assert recorded_groups(watcher.cluster) == watcher.double.groups
    assert list(watcher.cluster.nodes.values_list("corosync_links", flat=True)) == [
        ["10.0.0.1"],
        ["10.0.0.2"],
    ]


def test_options_that_may_not_be_seen_are_not_known(watcher: Watcher) -> None:
    watcher.double.options = None
    watcher.look()
    assert watcher.cluster.datacenter_options is None


def test_an_ha_managers_move_is_told(watcher: Watcher) -> None:
    watcher.look()
    watcher.double.manager = "slave"
    watcher.look()
    assert watcher.facts() == ["ha_manager_moved"]


def test_open_pages_are_told_once_that_a_cluster_is_stale(watcher: Watcher) -> None:
    watcher.look()
    connection().delete(STREAM)
    tell_stale(watcher.cluster)
    assert _hints() == []
    watcher.cluster.observed_at = timezone.now() - timedelta(seconds=60)
    tell_stale(watcher.cluster)
    tell_stale(watcher.cluster)
    assert _hints() == [("cluster", "clusterubd")]


def test_the_pace_survives_in_redis(watcher: Watcher) -> None:
    watcher.look()
    watcher.look(after=1.0)
    assert watcher.double.asked == ["resources"], "a look between two rounds asks one question"
    assert pace.read_pace(watcher.cluster.pk).round == 1


@pytest.mark.parametrize(("word", "votes"), [("fence", 1), ("maintenance", 2)])
def test_a_node_votes_as_the_verdict_counts_it(watcher: Watcher, word: str, votes: int) -> None:
    watcher.look()
    watcher.double.ha_words["slave"] = word
    watcher.look()
    assert watcher.node("slave").status == word
    assert watcher.cluster.total_votes == votes
    counted = verdict_of(watcher.cluster, nodes_of(watcher.cluster)).ballot
    assert counted is not None
    assert counted.total == votes
