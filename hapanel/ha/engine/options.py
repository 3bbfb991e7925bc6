"""The datacenter options that HA reads, with the manager's own defaults."""

from __future__ import annotations

import msgspec

from hapanel.ha.engine.words import BalanceMethod, Scheduler, ShutdownPolicy


class AutoRebalance(msgspec.Struct, frozen=True, kw_only=True):
    """crs.ha-auto-rebalance and what belongs to it.

    threshold: the imbalance from which on a move is looked for.
    margin: the least relative improvement worth a move.
    hold_rounds: so many rounds the imbalance has to last.
    """

    enabled: bool = False
    method: BalanceMethod = BalanceMethod.BRUTEFORCE
    threshold: float = 0.3
    margin: float = 0.1
    hold_rounds: int = 3


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Datacenter options, as far as HA reads them."""

    scheduler: Scheduler = Scheduler.BASIC
    rebalance_on_start: bool = False
    auto_rebalance: AutoRebalance = AutoRebalance()
    shutdown_policy: ShutdownPolicy = ShutdownPolicy.CONDITIONAL
    max_workers: int = 4
