"""`vgs`, `lvs` and `pvs --reportformat json --units b --nosuffix`, decoded.

The report is {"report": [{"vg": [{"vg_name": "...", "vg_size": "..."}]}]} with every value a text
(lvmreport(7)).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from hapanel.ports.errors import Garbage
from hapanel.ports.node_shell import LvmDisk, LvmGroup, LvmVolume

_Row = dict[str, Any]
_T = TypeVar("_T")


class _Report(msgspec.Struct):
    report: list[dict[str, list[_Row]]]


def read_groups(body: bytes, address: str) -> tuple[LvmGroup, ...]:
    """The volume groups of `vgs`. Raises Garbage."""
    return _read(body, "vg", _group, address)


def read_volumes(body: bytes, address: str) -> tuple[LvmVolume, ...]:
    """The logical volumes of `lvs`. Raises Garbage."""
    return _read(body, "lv", _volume, address)


def read_disks(body: bytes, address: str) -> tuple[LvmDisk, ...]:
    """The physical volumes of `pvs`. Raises Garbage."""
    return _read(body, "pv", _disk, address)


def _read(body: bytes, name: str, made: Callable[[_Row], _T], address: str) -> tuple[_T, ...]:
    try:
        reports = msgspec.json.decode(body, type=_Report).report
        return tuple(made(row) for report in reports for row in report.get(name, []))
    except (msgspec.MsgspecError, KeyError, ValueError, TypeError) as error:
        raise Garbage(f"no report of {name}s: {str(error)[:100]}", address=address) from error


def _group(row: _Row) -> LvmGroup:
    return LvmGroup(vg=str(row["vg_name"]), size=int(row["vg_size"]), free=int(row["vg_free"]))


def _volume(row: _Row) -> LvmVolume:
    # The fifth letter of lv_attr is the state: `a` active, `I` a snapshot that ran full (lvs(8)).
    attributes = str(row.get("lv_attr", ""))
    state = attributes[4] if len(attributes) > 4 else None
    return LvmVolume(
        vg=str(row["vg_name"]),
        lv=str(row["lv_name"]),
        size=int(row["lv_size"]),
        active=None if state is None else state == "a",
        origin=str(row.get("origin", "")),
        filled=_filled(row),
        is_lost=state == "I",
        made_at=_made_at(row),
    )


def _filled(row: _Row) -> float | None:
    """Only snapshots and thin volumes tell it."""
    try:
        return float(row.get("data_percent", ""))
    except ValueError:
        return None


def _made_at(row: _Row) -> datetime | None:
    """lv_time as lvm.conf's time_format is by default; in another form it is unknown."""
    try:
        return datetime.strptime(str(row.get("lv_time", "")), "%Y-%m-%d %H:%M:%S %z")
    except ValueError:
        return None


def _disk(row: _Row) -> LvmDisk:
    return LvmDisk(
        pv=str(row["pv_name"]),
        vg=str(row.get("vg_name", "")),
        size=int(row["pv_size"]),
        free=int(row["pv_free"]),
    )
