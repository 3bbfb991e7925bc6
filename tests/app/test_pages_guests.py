"""The guests' pages: found, filtered, sorted, paged, and cheap."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from nodes.metrics import GuestMetrics, NodeMetrics, replace_metrics
from nodes.models import Cluster
from vms.models import Guest

PATH = "/clusters/clusterubd/guests/"


def _names(client: Client, query: str = "") -> list[str]:
    rows = client.get(PATH + query).context["rows"]
    return [row.guest.name for row in rows]


@pytest.fixture
def herd(clusterubd: Cluster) -> Cluster:
    """120 guests more, on both nodes, some stopped, some tagged."""
    Guest.objects.bulk_create(
        Guest(
            cluster=clusterubd,
            vmid=200 + n,
            type="qemu" if n % 2 else "lxc",
            name=f"room-{n + 1000}",
            node="slave" if n % 3 else "master",
            status="stopped" if n % 10 == 0 else "running",
            tags="exam;lab" if n % 4 == 0 else "labs",
            maxmem=2 * 1024**3,
            maxcpu=2,
        )
        for n in range(120)
    )
    return clusterubd


def test_a_name_an_id_or_a_tag_finds_a_guest(as_hal: Client, herd: Cluster) -> None:
    assert _names(as_hal, "?q=siak") == ["siakad"]
    assert _names(as_hal, "?q=101")[0] == "elearning"
    assert len(_names(as_hal, "?q=exam")) == 30


def test_filters_narrow_the_list(as_hal: Client, herd: Cluster) -> None:
    assert _names(as_hal, "?ha=yes") == ["siakad", "elearning"]
    assert len(_names(as_hal, "?state=stopped")) == 12
    assert len(_names(as_hal, "?type=lxc&node=master")) == 21
    assert len(_names(as_hal, "?tag=lab")) == 30


def test_a_filter_that_is_none_of_ours_narrows_nothing(as_hal: Client, herd: Cluster) -> None:
    assert len(_names(as_hal, "?state=bogus&type=pizza")) == 50


def test_pages_follow_each_other(as_hal: Client, herd: Cluster) -> None:
    first, third = _names(as_hal), _names(as_hal, "?page=3")
    assert len(first) == 50
    assert len(third) == 22
    assert first[0] == "siakad"


def test_a_column_sorts_both_ways(as_hal: Client, herd: Cluster) -> None:
    assert _names(as_hal, "?sort=name")[0] == "elearning"
    assert _names(as_hal, "?sort=-name")[0] == "siakad"


def test_loads_sort_what_redis_measures(as_hal: Client, herd: Cluster) -> None:
    figures = [GuestMetrics(100, 0.2, 1024**3, 10), GuestMetrics(205, 0.9, 512 * 1024**2, 10)]
    replace_metrics(herd.pk, timezone.now(), [NodeMetrics("master", 0.1)], figures)
    assert _names(as_hal, "?sort=-cpu")[:2] == ["room-1005", "siakad"]
    assert _names(as_hal, "?sort=-mem")[:2] == ["siakad", "room-1005"]


def test_nothing_found_offers_the_way_back(as_hal: Client, herd: Cluster) -> None:
    text = as_hal.get(PATH + "?q=siakat").content.decode()
    assert "No guest matches “siakat”" in text
    assert "Show all guests" in text


def test_a_guest_page_tells_what_is_not_read_yet(as_hal: Client, clusterubd: Cluster) -> None:
    text = as_hal.get(PATH + "100/").content.decode()
    assert "Not read yet" in text


def test_a_guest_outside_ha_is_told_what_that_means(as_hal: Client, clusterubd: Cluster) -> None:
    Guest.objects.filter(vmid=100).update(ha_state="")
    text = as_hal.get(PATH + "100/ha/").content.decode()
    assert "If master dies, nobody starts this guest elsewhere" in text


def test_a_guest_whose_node_is_not_seen_is_neither_green_nor_red(
    as_hal: Client, clusterubd: Cluster
) -> None:
    Guest.objects.filter(vmid=100).update(
        status="unknown", status_was="running", last_seen_at=timezone.now()
    )
    text = as_hal.get(PATH + "100/").content.decode()
    assert 'class="badge" data-state="unknown"' in text
    assert "was: running" in text


def test_names_from_a_cluster_are_never_markup(as_hal: Client, clusterubd: Cluster) -> None:
    Guest.objects.filter(vmid=100).update(name="<b>x</b>", tags="<i>;'\"")
    text = as_hal.get(PATH).content.decode()
    assert "<b>x</b>" not in text
    assert "<i>" not in text
