"""The options of datacenter.cfg that HA reads, in the engine's words."""

from collections.abc import Mapping

from hapanel.ha.engine.options import AutoRebalance, Options
from hapanel.ha.engine.words import BalanceMethod, Scheduler, ShutdownPolicy

READ = ("crs", "ha", "max_workers")
_PERCENT = 100.0


def options_of(written: Mapping[str, str]) -> Options:
    """`written` are the lines of datacenter.cfg; what is not there has PVE's defaults."""
    crs, ha = _properties(written.get("crs", "")), _properties(written.get("ha", ""))
    return Options(
        scheduler=Scheduler(crs.get("ha", Scheduler.BASIC)),
        rebalance_on_start=crs.get("ha-rebalance-on-start") == "1",
        auto_rebalance=_rebalancing(crs),
        shutdown_policy=ShutdownPolicy(ha.get("shutdown_policy", ShutdownPolicy.CONDITIONAL)),
        max_workers=int(written.get("max_workers", Options().max_workers)),
    )


def _rebalancing(crs: Mapping[str, str]) -> AutoRebalance:
    """Threshold and margin are percent since pve-cluster 9.1.5."""
    usual, name = AutoRebalance(), "ha-auto-rebalance"
    threshold, margin = crs.get(f"{name}-threshold"), crs.get(f"{name}-margin")
    return AutoRebalance(
        enabled=crs.get(name) == "1",
        method=BalanceMethod(crs.get(f"{name}-method", usual.method)),
        threshold=usual.threshold if threshold is None else float(threshold) / _PERCENT,
        margin=usual.margin if margin is None else float(margin) / _PERCENT,
        hold_rounds=int(float(crs.get(f"{name}-hold-duration", usual.hold_rounds))),
    )


def _properties(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(",") if part)
    return {name: value for name, _, value in pairs}
