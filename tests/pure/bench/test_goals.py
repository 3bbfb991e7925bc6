"""A goal that is missed is called missed."""

from __future__ import annotations

from bench.goals import Figure, percentile, table
from bench.pve import MadeUpCluster
from hapanel.gateways.proxmox.decode_cluster import resources


def test_a_missed_goal_is_printed_as_missed() -> None:
    text = table([Figure("page", 51.0, "ms", 50), Figure("memory", 400.0, "MB", 500)])
    page, memory = text.splitlines()[1:]
    assert page.endswith("MISSED")
    assert memory.endswith("met")


def test_a_figure_without_a_goal_has_no_verdict() -> None:
    assert Figure("p50", 1.0, "ms").as_record()["verdict"] == ""


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(number) for number in range(1, 101)]
    assert percentile(values, 0.95) == 96.0
    assert percentile([7.0], 0.95) == 7.0


def test_the_made_up_cluster_is_read_as_a_real_one_and_changes_by_its_share() -> None:
    cluster = MadeUpCluster(nodes=4, guests=1000)
    before = resources(cluster.resources())
    cluster.change(0.01)
    after = resources(cluster.resources())
    assert (len(before.nodes), len(before.guests), len(before.storages)) == (4, 1000, 8)
    changed = [a for a, b in zip(before.guests, after.guests, strict=True) if a != b]
    assert len(changed) == 10
