"""Volume groups of all nodes side by side, with what differs between them."""

from __future__ import annotations

from dataclasses import dataclass

from hapanel.ports.node_shell import LvmGroup, LvmVolume
from nodes.replication import resources_under_groups
from vms.replication import ClusterReplication


@dataclass(frozen=True, slots=True)
class VolumeRow:
    """One logical volume: its size on each node in the columns' order, None where it is not."""

    lv: str
    sizes: tuple[int | None, ...]
    differs: bool


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One volume group. `resource` is the DRBD resource that it lies on, blank for a local one.

    A group on DRBD is not visible where the resource is Secondary: that is no difference.
    """

    vg: str
    resource: str
    groups: tuple[LvmGroup | None, ...]
    volumes: tuple[VolumeRow, ...]

    @property
    def compared(self) -> bool:
        """Whether more than one node sees it."""
        return sum(one is not None for one in self.groups) > 1

    @property
    def differs(self) -> bool:
        """Whether two nodes that see the group tell different sizes, free space or volumes."""
        told = {(one.size, one.free) for one in self.groups if one is not None}
        return bool(self.resource) and (
            len(told) > 1 or any(volume.differs for volume in self.volumes)
        )


def group_rows(seen: ClusterReplication, nodes: list[str]) -> list[GroupRow]:
    """Every volume group that any node told of; those on DRBD first."""
    reports = [seen.known.word(node).lvm for node in nodes]
    under = resources_under_groups(seen.known)
    names = dict.fromkeys(group.vg for report in reports for group in report.groups)
    rows = []
    for vg in names:
        resource = next((under[node, vg] for node in nodes if (node, vg) in under), "")
        groups = tuple(next((g for g in r.groups if g.vg == vg), None) for r in reports)
        there = [
            [one for one in report.volumes if one.vg == vg] if group else None
            for report, group in zip(reports, groups, strict=True)
        ]
        rows.append(GroupRow(vg, resource, groups, _volumes(there)))
    return sorted(rows, key=lambda row: (not row.resource, row.vg))


def _volumes(there: list[list[LvmVolume] | None]) -> tuple[VolumeRow, ...]:
    """Rows of the volumes; nodes that do not see the group say nothing about them."""
    names = sorted({volume.lv for volumes in there for volume in volumes or ()})
    rows = []
    for name in names:
        sizes = tuple(
            next((volume.size for volume in volumes or () if volume.lv == name), None)
            for volumes in there
        )
        seen = [size for size, volumes in zip(sizes, there, strict=True) if volumes is not None]
        rows.append(VolumeRow(name, sizes, len(set(seen)) > 1))
    return tuple(rows)
