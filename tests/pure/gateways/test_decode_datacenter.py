"""Datacenter options, HA groups and corosync's links, as Proxmox VE tells them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hapanel.gateways.proxmox.decode_cluster import votes
from hapanel.gateways.proxmox.decode_datacenter import datacenter_options, ha_groups
from hapanel.ports.datacenter import DatacenterOptions, HaGroup
from hapanel.ports.errors import Garbage


def body(data: Any) -> bytes:
    return msgspec.json.encode({"data": data})


def test_an_empty_datacenter_has_proxmoxs_defaults() -> None:
    said = {"allowed-tags": [], "description": "", "mac_prefix": "BC:24:11"}
    assert datacenter_options(body(said)) == DatacenterOptions()


@pytest.mark.parametrize("told", [{"allowed-tags": ["prod"]}, {"tag-style": {}}, {}, None])
def test_who_may_not_audit_is_told_of_tags_and_that_is_not_read(told: Any) -> None:
    assert datacenter_options(body(told)) is None


CRS = {
    "ha": "dynamic",
    "ha-rebalance-on-start": 1,
    "ha-auto-rebalance": 1,
    "ha-auto-rebalance-method": "topsis",
    "ha-auto-rebalance-threshold": "30",
    "ha-auto-rebalance-margin": 5,
    "ha-auto-rebalance-hold-duration": "4",
}
EVERYTHING = {
    "mac_prefix": "BC:24:11",
    "crs": CRS,
    "ha": {"shutdown_policy": "migrate"},
    "fencing": "hardware",
    "max_workers": "8",
    "migration": {"type": "secure", "network": "10.20.0.0/24"},
}


@pytest.mark.parametrize("as_text", [False, True])
def test_everything_is_read_taken_apart_or_not(as_text: bool) -> None:
    said = dict(EVERYTHING)
    if as_text:
        said["crs"] = ",".join(f"{key}={value}" for key, value in CRS.items())
        said["ha"] = "shutdown_policy=migrate"
        said["migration"] = "secure,network=10.20.0.0/24"
    assert datacenter_options(body(said)) == DatacenterOptions(
        scheduler="dynamic",
        rebalance_on_start=True,
        auto_rebalance=True,
        rebalance_method="topsis",
        rebalance_threshold=0.3,
        rebalance_margin=0.05,
        rebalance_hold_rounds=4,
        shutdown_policy="migrate",
        fencing="hardware",
        max_workers=8,
        migration_network="10.20.0.0/24",
    )


def test_what_is_unusable_costs_only_itself() -> None:
    said = {
        "mac_prefix": 1,
        "crs": {"ha": "static", "ha-auto-rebalance-margin": "much"},
        "ha": [3],
        "max_workers": {},
        "fencing": None,
        "migration": "insecure",
    }
    assert datacenter_options(body(said)) == DatacenterOptions(scheduler="static")
    with pytest.raises(Garbage):
        datacenter_options(b"<html>")


def test_groups_keep_their_priorities() -> None:
    rows = [
        {"group": "first", "nodes": "pve1:2,pve2", "restricted": 1, "type": "group"},
        {"nodes": "pve1"},
    ]
    assert ha_groups(body(rows)) == (
        HaGroup(group="first", nodes=("pve1:2", "pve2"), restricted=True),
    )


def test_each_corosync_network_is_a_link() -> None:
    rows = [
        {"node": "pve1", "nodeid": "1", "quorum_votes": "1", "ring0_addr": "10.77.0.1"},
        {"node": "pve2", "nodeid": "2", "ring1_addr": "10.78.0.2", "ring0_addr": "10.77.0.2"},
    ]
    one, two = votes(body(rows))
    assert one.links == ("10.77.0.1",)
    assert two.links == ("10.77.0.2", "10.78.0.2")
