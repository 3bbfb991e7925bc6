"""What holds for the whole datacenter: the options that HA goes by, and HA groups of old.

Defaults are Proxmox VE's own (pve-cluster, DataCenterConfig.pm).
"""

from __future__ import annotations

import msgspec


class Struct(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of all snapshots."""


class DatacenterOptions(Struct, frozen=True, kw_only=True):
    """datacenter.cfg, as far as HA and migrations go by it.

    scheduler: basic, static or dynamic (crs.ha). threshold and margin of the rebalancing are
    fractions, hold_rounds rounds of the HA manager; None leaves them to it. fencing: watchdog,
    hardware or both. max_workers: starts and moves at a time on a node. migration_network: a CIDR,
    blank for the cluster's own.
    """

    scheduler: str = "basic"
    rebalance_on_start: bool = False
    auto_rebalance: bool = False
    rebalance_method: str = "bruteforce"
    rebalance_threshold: float | None = None
    rebalance_margin: float | None = None
    rebalance_hold_rounds: int | None = None
    shutdown_policy: str = "conditional"
    fencing: str = "watchdog"
    max_workers: int = 4
    migration_network: str = ""


class HaGroup(Struct, frozen=True, kw_only=True):
    """An HA group (before PVE 9). `nodes` keep their priorities, as in pve1:2."""

    group: str
    nodes: tuple[str, ...]
    restricted: bool = False
    nofailback: bool = False
    comment: str | None = None
