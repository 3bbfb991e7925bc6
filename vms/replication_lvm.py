"""Volume groups of all nodes side by side, with what differs between them."""

from __future__ import annotations

from dataclasses import dataclass

from hapanel.ports.node_shell import LvmGroup
from nodes.replication import NodeWord, resources_under_groups
from vms.replication import ClusterReplication


@dataclass(frozen=True, slots=True)
class Cell:
    """What one node told of a group or a volume, and whether that is of now."""

    node: str
    is_now: bool
    group: LvmGroup | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class VolumeRow:
    """One logical volume on each node, in the columns' order."""

    lv: str
    cells: tuple[Cell, ...]
    differs: bool


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One volume group. `resource` is the DRBD resource that it lies on, blank for a local one.

    A group on DRBD is not visible where the resource is Secondary: that is no difference.
    """

    vg: str
    resource: str
    cells: tuple[Cell, ...]
    volumes: tuple[VolumeRow, ...]

    @property
    def compared(self) -> bool:
        """Whether more than one node sees it now."""
        return sum(cell.is_now and cell.group is not None for cell in self.cells) > 1

    @property
    def differs(self) -> bool:
        """Whether two nodes that see the group now tell different sizes, free space or volumes."""
        now = [cell.group for cell in self.cells if cell.is_now and cell.group is not None]
        told = {(one.size, one.free) for one in now}
        return bool(self.resource) and (
            len(told) > 1 or any(volume.differs for volume in self.volumes)
        )


def group_rows(seen: ClusterReplication, nodes: list[str]) -> list[GroupRow]:
    """Every volume group that any node told of; those on DRBD first."""
    words = [seen.known.word(node) for node in nodes]
    under = resources_under_groups(seen.known)
    names = dict.fromkeys(group.vg for word in words for group in word.lvm.groups)
    rows = [
        GroupRow(
            vg,
            next((under[node, vg] for node in nodes if (node, vg) in under), ""),
            tuple(Cell(word.node, word.is_now, group=_group(word, vg)) for word in words),
            _volumes(vg, words),
        )
        for vg in names
    ]
    return sorted(rows, key=lambda row: (not row.resource, row.vg))


def _group(word: NodeWord, vg: str) -> LvmGroup | None:
    return next((one for one in word.lvm.groups if one.vg == vg), None)


def _volumes(vg: str, words: list[NodeWord]) -> tuple[VolumeRow, ...]:
    """Rows of the volumes; nodes that do not see the group say nothing about them."""
    told = {
        word.node: {one.lv: one.size for one in word.lvm.volumes if one.vg == vg}
        for word in words
        if _group(word, vg)
    }
    rows = []
    for name in sorted({lv for sizes in told.values() for lv in sizes}):
        cells = tuple(
            Cell(word.node, word.is_now, size=told.get(word.node, {}).get(name)) for word in words
        )
        now = {cell.size for cell in cells if cell.is_now and cell.node in told}
        rows.append(VolumeRow(name, cells, len(now) > 1))
    return tuple(rows)
