"""Answers about the datacenter as a whole: its options, and the HA groups of old."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from hapanel.gateways.proxmox.wire import Wire, comma_separated, mapping, rows
from hapanel.ports.datacenter import DatacenterOptions, HaGroup

# What everybody is told; auditors get the file (pve-manager, API2/Cluster.pm, get_options).
_FOR_EVERYBODY = frozenset({"allowed-tags", "tag-style", "console"})
_PERCENT = 100


class _Crs(msgspec.Struct, rename=lambda name: name.replace("_", "-")):
    """The option `crs`. Threshold and margin are percentages."""

    ha: str = "basic"
    ha_rebalance_on_start: bool = False
    ha_auto_rebalance: bool = False
    ha_auto_rebalance_method: str = "bruteforce"
    ha_auto_rebalance_threshold: float | None = None
    ha_auto_rebalance_margin: float | None = None
    ha_auto_rebalance_hold_duration: float | None = None


def datacenter_options(body: bytes) -> DatacenterOptions | None:
    """/cluster/options; None for who lacks Sys.Audit on /, and so is told of tags alone."""
    said = mapping(body)
    if not said.keys() - _FOR_EVERYBODY:
        return None
    crs = _crs(_properties(said.get("crs"), "ha"))
    usual = DatacenterOptions()
    return DatacenterOptions(
        scheduler=crs.ha,
        rebalance_on_start=crs.ha_rebalance_on_start,
        auto_rebalance=crs.ha_auto_rebalance,
        rebalance_method=crs.ha_auto_rebalance_method,
        rebalance_threshold=_fraction(crs.ha_auto_rebalance_threshold),
        rebalance_margin=_fraction(crs.ha_auto_rebalance_margin),
        rebalance_hold_rounds=_whole(crs.ha_auto_rebalance_hold_duration),
        shutdown_policy=_word(
            _properties(said.get("ha"), "shutdown_policy").get("shutdown_policy"),
            usual.shutdown_policy,
        ),
        fencing=_word(said.get("fencing"), usual.fencing),
        max_workers=_whole(said.get("max_workers")) or usual.max_workers,
        migration_network=_word(_properties(said.get("migration"), "type").get("network"), ""),
    )


def _properties(value: Any, bare: str) -> Mapping[str, Any]:
    """A property string, taken apart by Proxmox already or still one text."""
    if isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for part in value.split(",") if isinstance(value, str) else ():
        name, sign, text = part.partition("=")
        if part:
            found[name if sign else bare] = text if sign else part
    return found


def _crs(said: Mapping[str, Any]) -> _Crs:
    """The options that are usable; one that is not costs only itself."""
    usable: dict[str, Any] = {}
    for field in msgspec.structs.fields(_Crs):
        name = field.encode_name
        if name in said:
            try:
                usable[name] = msgspec.convert(said[name], field.type, strict=False)
            except msgspec.ValidationError:
                continue
    return msgspec.convert(usable, _Crs)


def _word(value: Any, otherwise: str) -> str:
    return value if isinstance(value, str) and value else otherwise


def _whole(value: Any) -> int | None:
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        return None


def _fraction(percent: float | None) -> float | None:
    return None if percent is None else percent / _PERCENT


class _Group(Wire, frozen=True, kw_only=True):
    group: str
    nodes: str = ""
    restricted: bool = False
    nofailback: bool = False
    comment: str | None = None


def ha_groups(body: bytes) -> tuple[HaGroup, ...]:
    """/cluster/ha/groups; `nodes` is a list such as pve1:2,pve2."""
    return tuple(
        HaGroup(
            group=row.group,
            nodes=comma_separated(row.nodes),
            restricted=row.restricted,
            nofailback=row.nofailback,
            comment=row.comment,
        )
        for row in rows(body, _Group)
    )
