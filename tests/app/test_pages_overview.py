"""The overview: the sentence first, its cure, what is at risk, and how old data looks."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from hapanel.ui.words import letters_of
from nodes.models import Cluster, Event, Node, NodeStatus, Reach
from vms.models import HaResource

PATH = "/clusters/clusterubd/"


def _page(client: Client) -> str:
    return client.get(PATH).content.decode()


def test_it_opens_with_the_verdict_and_the_commands_that_mend_it(
    as_oda: Client, clusterubd: Cluster
) -> None:
    text = _page(as_oda)
    assert "clusterubd works, but would not survive the loss of master or slave." in text
    assert "pvecm qdevice setup ADDRESS" in text


def test_with_a_qdevice_nobody_is_at_risk(as_oda: Client, clusterubd: Cluster) -> None:
    clusterubd.qdevice = {"configured": True, "connected": True, "votes": 1, "text": ""}
    clusterubd.expected_votes = clusterubd.total_votes = 3
    clusterubd.save()
    text = _page(as_oda)
    assert "would survive the loss of any one node" in text
    assert "pvecm qdevice setup" not in text
    assert "None: whichever node dies alone" in text


def test_guests_under_ha_are_at_risk_without_a_spare_vote(
    as_oda: Client, clusterubd: Cluster
) -> None:
    text = _page(as_oda)
    assert "If master dies, the rest has no quorum and starts it nowhere." in text


def test_a_lost_quorum_is_said_in_danger(as_oda: Client, clusterubd: Cluster) -> None:
    Node.objects.filter(name="slave").update(status=NodeStatus.OFFLINE)
    Cluster.objects.update(quorate=False, total_votes=1)
    text = _page(as_oda)
    assert "clusterubd has no quorum" in text
    assert '<section class="verdict" data-state="danger"' in text


def test_old_data_is_grey_and_says_its_age(as_oda: Client, clusterubd: Cluster) -> None:
    seen = timezone.now() - timedelta(minutes=4, seconds=12)
    Cluster.objects.update(
        observed_at=seen, reach=Reach.UNREACHABLE, reach_detail="127.0.42.20: timed out"
    )
    text = _page(as_oda)
    assert "4 min 1" in text
    assert "what stands below was true at" in text
    assert "timed out" in text
    assert 'class="columns columns-4 tiles is-stale"' in text
    assert "Nobody knows whether clusterubd would survive a loss." in text


def test_a_part_is_fetched_alone_by_its_id(as_oda: Client, clusterubd: Cluster) -> None:
    answer = as_oda.get(PATH, headers={"HX-Request": "true", "HX-Target": "tiles"})
    text = answer.content.decode()
    assert 'id="tiles"' in text
    assert "<html" not in text
    assert 'id="verdict"' not in text
    assert "HX-Request" in answer["Vary"]


def test_events_are_sentences(as_oda: Client, clusterubd: Cluster) -> None:
    Event.objects.create(cluster=clusterubd, fact="node_lost", severity="danger", subject="slave")
    assert "Node slave is gone" in _page(as_oda)


def test_nothing_of_later_work_is_shown(as_ada: Client, clusterubd: Cluster) -> None:
    text = _page(as_ada).lower()
    for word in ("drill", "drain", "alerts"):
        assert word not in text


def test_without_quorum_no_tile_is_green_about_ha(as_oda: Client, clusterubd: Cluster) -> None:
    Node.objects.filter(name="slave").update(status=NodeStatus.OFFLINE)
    Cluster.objects.update(quorate=False, total_votes=1)
    HaResource.objects.create(cluster=clusterubd, sid="vm:100", state="started")
    text = _page(as_oda)
    assert "stands still" in text
    assert "None: whichever node dies" not in text
    assert "nobody starts it elsewhere" in text


def test_a_lost_node_means_a_lost_quorum_before_the_cluster_says_so(
    as_oda: Client, clusterubd: Cluster
) -> None:
    Node.objects.filter(name="slave").update(status=NodeStatus.OFFLINE)
    assert "clusterubd has no quorum" in _page(as_oda)
    Cluster.objects.update(expected_votes=1)
    assert "clusterubd works without slave" in _page(as_oda)


def test_a_node_in_maintenance_counts_as_online(as_oda: Client, clusterubd: Cluster) -> None:
    Node.objects.filter(name="slave").update(status=NodeStatus.MAINTENANCE)
    text = _page(as_oda)
    assert "all online" in text
    assert "maintenance" in text, "its own word stays"
    assert as_oda.get("/api/v1/clusters/clusterubd/").json()["nodes_online"] == 2


def test_a_node_that_is_being_fenced_counts_as_missing(as_oda: Client, clusterubd: Cluster) -> None:
    Node.objects.filter(name="slave").update(status=NodeStatus.FENCE)
    assert "1 not online" in _page(as_oda)
    assert as_oda.get("/api/v1/clusters/clusterubd/").json()["nodes_online"] == 1


def test_a_manager_on_a_lost_node_is_not_shown_at_work(as_oda: Client, clusterubd: Cluster) -> None:
    """Proxmox calls it active for 30 s more; the panel knows that its node is gone."""
    HaResource.objects.create(cluster=clusterubd, sid="vm:100", state="started")
    Cluster.objects.update(ha_manager_node="slave", ha_manager_state="active")
    assert "Manager: slave</span>" in _page(as_oda)
    Cluster.objects.update(ha_manager_state="dead")
    assert "Manager: slave, does not answer" in _page(as_oda)
    Cluster.objects.update(ha_manager_state="active")
    Node.objects.filter(name="slave").update(status=NodeStatus.OFFLINE)
    assert "Manager: slave, does not answer" in _page(as_oda)
    page = as_oda.get("/clusters/clusterubd/ha/").content.decode()
    assert "does not answer" in page.partition("HA manager</h2>")[2].partition("<dt>Quorum")[0]


@pytest.mark.parametrize(
    ("names", "letters"),
    [
        (["master", "slave"], ["m", "s"]),
        (["ubd-a1", "ubd-a2", "ubd-b1"], ["a1", "a2", "b1"]),
        (["node1", "node2", "node3"], ["1", "2", "3"]),
        (["pve", "pve2"], ["e", "2"]),
        (["master"], ["m"]),
    ],
)
def test_votes_are_lettered_so_that_nodes_can_be_told_apart(
    names: list[str], letters: list[str]
) -> None:
    assert letters_of(names) == letters
