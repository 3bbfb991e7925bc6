"""The forecast page: matrix, story, and what it says when nothing is known."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from hapanel.ha.forecast.outcome import Outcome
from hapanel.operations.forecasts import forecast_each
from hapanel.operations.readiness import at_a_glance
from hapanel.web.overview import risks
from nodes.models import Cluster, Node
from nodes.selectors import nodes_of
from vms.models import Guest

PAGE = "/clusters/clusterubd/forecast/"
QDEVICE = {"configured": True, "connected": True, "votes": 1, "text": "", "casts_vote": True}


def part(client: Client, query: str = "", **headers: str) -> Any:
    answer = client.get(
        PAGE + query, headers={"HX-Request": "true", "HX-Target": "forecast", **headers}
    )
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def cured(clusterubd: Cluster) -> Cluster:
    Cluster.objects.filter(pk=clusterubd.pk).update(
        qdevice=QDEVICE, ha_manager_node="slave", ha_manager_state="active", ha_armed_state="armed"
    )
    return clusterubd


def test_the_papers_cluster_recovers_nothing(as_ada: Client, clusterubd: Cluster) -> None:
    text = part(as_ada)
    assert "If master dies, 0 of 2 guests under HA come back." in text
    assert '<section class="verdict" data-state="warn"' in text
    assert text.count('class="cell"') == 6, "two guests; master, slave and both"
    assert "1 of 2 votes would be left, 2 are needed: no quorum." in text


def test_the_same_severity_as_on_the_overview(as_ada: Client, clusterubd: Cluster) -> None:
    overview = as_ada.get("/clusters/clusterubd/").content.decode()
    assert '<section class="verdict" data-state="warn"' in overview
    assert 'href="/clusters/clusterubd/forecast/"' in overview


def test_a_cured_cluster_says_where_and_when(as_hal: Client, cured: Cluster) -> None:
    text = part(as_hal)
    assert "Whichever node dies alone, all guests under HA come back." in text
    assert "→ slave" in text
    assert "the story of 100 siakad" in text
    assert "Without service for" in text


def test_a_cell_opens_its_story(as_ada: Client, cured: Cluster) -> None:
    text = part(as_ada, "?fail=slave&guest=101")
    assert "If slave dies: the story of 101 elearning" in text
    assert "Its node master goes on." in text
    assert text.count('aria-current="true"') == 1


@pytest.mark.parametrize("query", ["?fail=west", "?guest=x", "?fail=master&guest=999", "?page=99"])
def test_an_address_that_names_nothing_shows_the_worst(
    as_ada: Client, clusterubd: Cluster, query: str
) -> None:
    assert "If master dies: the story of 100 siakad" in part(as_ada, query)


def test_the_flaw_and_its_cure_stand_side_by_side(as_ada: Client, clusterubd: Cluster) -> None:
    plain = part(as_ada)
    assert 'href="?compare=qdevice"' in plain
    text = part(as_ada, "?compare=qdevice")
    assert text.count('class="cell"') == 12
    assert "With a QDevice, 2 of 2 would come back if master died." in text
    assert text.count("as it is") == 3
    assert "Add a QDevice" in text, "the commands stay in reach"
    story = part(as_ada, "?compare=qdevice&fail=master&guest=100&other=1")
    assert '<span class="tag">with a QDevice</span>' in story
    assert "Without service for" in story
    assert story.count('aria-current="true"') == 1


def test_what_a_qdevice_is_worth_is_seen_by_taking_it_away(as_ada: Client, cured: Cluster) -> None:
    text = part(as_ada, "?compare=qdevice")
    assert "Without the QDevice, 0 of 2 would come back if master died." in text


def test_both_nodes_of_two_may_die_together(as_ada: Client, cured: Cluster) -> None:
    text = part(as_ada, "?fail=master&fail=slave&guest=100")
    assert "master, slave die together" in text
    assert "If master, slave die together: the story of 100 siakad" in text
    assert "No node would be left." in text
    assert 'name="together"' not in text, "there is nothing to choose"


def test_any_nodes_of_more_may_die_together(as_ada: Client, cured: Cluster) -> None:
    for node_id, name in enumerate(["third", "fourth"], start=3):
        Node.objects.create(
            cluster=cured, name=name, node_id=node_id, votes=1, status="online",
            lrm_state="active", maxmem=64 * 1024**3,
        )  # fmt: skip
    Cluster.objects.filter(pk=cured.pk).update(expected_votes=5, total_votes=5, quorum=3)
    assert "die together</th>" not in part(as_ada)
    one = part(as_ada, "?together=slave&together=nobody")
    assert "die together</th>" not in one
    assert one.count(" checked") == 1, "the first tick stays while the second is looked for"
    text = part(as_ada, "?together=master&together=third")
    assert text.index("master, third die together") < text.index(">master dies"), "it comes first"
    assert "together=master&amp;together=third" in text, "cells keep the question"
    assert "If slave dies" not in text


def test_it_reads_in_indonesian(as_ada: Client, clusterubd: Cluster) -> None:
    text = part(as_ada, **{"Accept-Language": "id"})
    assert "Bila master mati, 0 dari 2 guest di bawah HA kembali." in text


def test_what_is_stale_is_not_foretold(as_ada: Client, clusterubd: Cluster) -> None:
    long_ago = timezone.now() - timedelta(minutes=5)
    Cluster.objects.filter(pk=clusterubd.pk).update(observed_at=long_ago)
    text = part(as_ada)
    assert "Nothing can be foretold now" in text
    assert 'class="cell"' not in text


def test_without_votes_nothing_is_known(as_ada: Client, clusterubd: Cluster) -> None:
    Node.objects.filter(cluster=clusterubd).update(votes=None)
    text = part(as_ada)
    assert 'class="verdict" data-state="unknown"' in text
    assert "votes not read" in text


def test_a_cluster_without_guests_is_told_so(as_ada: Client, clusterubd: Cluster) -> None:
    Guest.objects.all().delete()
    assert "No guest would be touched" in part(as_ada)


def test_guests_outside_ha_are_told_apart(as_ada: Client, cured: Cluster) -> None:
    Guest.objects.update(ha_state="")
    text = part(as_ada)
    assert "No running guest is under HA" in text
    assert "not under HA" in text


def test_long_lists_come_in_pages(as_ada: Client, cured: Cluster) -> None:
    Guest.objects.bulk_create(
        Guest(cluster=cured, vmid=200 + n, type="qemu", name=f"g{n}", node="master",
              status="running", ha_state="started", maxmem=1024**3)
        for n in range(60)
    )  # fmt: skip
    assert 'href="?page=2"' in part(as_ada)
    second = part(as_ada, "?page=2")
    assert ">g59</a>" in second
    assert 'href="?"' in second


def test_the_overview_counts_the_guests_that_the_forecast_loses(
    as_ada: Client, clusterubd: Cluster
) -> None:
    """Two votes on master: slave may die, but with master its guest dies too, by the watchdog."""
    Node.objects.filter(cluster=clusterubd, name="master").update(votes=2)
    Cluster.objects.filter(pk=clusterubd.pk).update(expected_votes=3, total_votes=3)
    Guest.objects.filter(vmid=101).update(node="slave")
    lost = {
        guest.vmid
        for told in forecast_each(Cluster.objects.get())
        for guest in told.guests
        if guest.outcome is Outcome.LOST
    }
    cluster = Cluster.objects.get()
    told = risks(at_a_glance(cluster, nodes_of(cluster)))
    assert {guest.vmid for guest in told.guests} == lost == {100, 101}
    overview = as_ada.get("/clusters/clusterubd/").content.decode()
    assert "If master dies, slave has no quorum either" in overview


def test_the_story_is_drawn_for_a_desk_and_for_a_phone(as_ada: Client, cured: Cluster) -> None:
    text = part(as_ada, "?fail=master&guest=100")
    assert 'viewBox="0 0 1000 ' in text
    narrow = text[text.index('viewBox="0 0 340 ') :].partition("</svg>")[0]
    bars = re.findall(r'<rect class="chart-\w+" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', narrow)
    assert bars
    assert all(float(x) + float(width) <= 340 for x, width in bars), "nothing to scroll for"
