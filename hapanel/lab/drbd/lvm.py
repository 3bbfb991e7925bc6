"""Volume groups of the nodes: those on DRBD with the guests' disks, and the local one below.

Words of the tools: lvm2 2.03 (recordings of vgs and vgchange; the JSON form is lvm2's own).
"""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from hapanel.lab.drbd.answers import Answer
from hapanel.lab.drbd.declined import Declined
from hapanel.lab.drbd.kernel import Kernel
from hapanel.lab.drbd.side import Side

EXTENT = 4 * 1024 * 1024
FAILED = 5
LOCAL_GROUP = "pve"
LOCAL_DISK = "/dev/sda3"
LOCAL_BYTES = 400 * 1024**3
ROOT_BYTES = 96 * 1024**3


@dataclass(frozen=True)
class LogicalVolume:
    """A volume of a group; `origin` of a snapshot, `made` when (seconds since 1970)."""

    name: str
    size: int
    origin: str = ""
    made: float = 0.0


class NodeGroups:
    """LVM on one node. `disks(group)` are the guests' disks that lie in a group on DRBD."""

    def __init__(
        self, kernel: Kernel, node: str, disks: Callable[[str], list[LogicalVolume]]
    ) -> None:
        self._kernel, self._node, self._disks = kernel, node, disks
        self._copies: dict[str, list[LogicalVolume]] = {}
        self._since = time.time()
        self.active: dict[str, set[str]] = {}
        self.used: dict[str, set[str]] = {}

    @property
    def tools(self) -> dict[str, Callable[[list[str]], Answer]]:
        """The programs."""
        return {
            "lvs": self._lvs, "vgs": self._vgs, "pvs": self._pvs, "vgchange": self._vgchange,
            "lvcreate": self._lvcreate, "lvremove": self._lvremove,
        }  # fmt: skip

    # Who holds a device open

    def use(self, group: str, names: set[str]) -> None:
        """These volumes are open by running guests now; one that a guest leaves is deactivated."""
        active = self.active.setdefault(group, set())
        gone = self.used.get(group, set()) - names
        self.used[group] = names
        active -= gone
        active |= names
        self.hold(group)

    def hold(self, group: str) -> None:
        """DRBD's device is open exactly as long as a volume on it is active."""
        side = self._side_of(group)
        if side is None or not side.is_up:
            self.active.pop(group, None)
            return
        wanted = {f"lv {name}" for name in self.active.get(group, ())}
        for opener in sorted(wanted - side.openers.keys()):
            try:
                self._kernel.open(side, opener)
            except Declined:
                continue  # the guest runs all the same: docs/lab.md
        for opener in sorted(side.openers.keys() - wanted):
            if opener.startswith("lv "):
                self._kernel.close(side, opener)

    def forget(self) -> None:
        """The machine is off: nothing is active or open any more."""
        self.active.clear()
        self.used.clear()

    def activate_all(self, group: str) -> None:
        """As at a boot, when the device becomes readable."""
        self.active[group] = {volume.name for volume in self._volumes(group)}
        self.hold(group)

    # What the tools tell

    def _side_of(self, group: str) -> Side | None:
        sides = self._kernel.sides_on(self._node)
        return next((side for side in sides if side.spec.group == group), None)

    def _readable(self) -> list[Side]:
        """Groups on DRBD can be read on a Primary alone."""
        sides = self._kernel.sides_on(self._node)
        return [s for s in sides if s.spec.group and s.is_up and s.is_primary]

    def _backing(self) -> list[LogicalVolume]:
        """Volumes of the local group below DRBD."""
        prefix = f"/dev/{LOCAL_GROUP}/"
        sides = self._kernel.sides_on(self._node)
        below = [v for side in sides for v in side.spec.volumes if v.disk.startswith(prefix)]
        return [
            LogicalVolume(v.disk.removeprefix(prefix), _in_extents(v.size_kib * 1024) + EXTENT)
            for v in below
        ]

    def _volumes(self, group: str) -> list[LogicalVolume]:
        copies = self._copies.get(group, [])
        if group == LOCAL_GROUP:
            return [LogicalVolume("root", ROOT_BYTES), *self._backing(), *copies]
        return [*self._disks(group), *copies]

    def _groups(self) -> dict[str, tuple[str, int]]:
        """Device and size of each group that this node can read."""
        local = LOCAL_BYTES + sum(volume.size for volume in self._backing())
        found = {LOCAL_GROUP: (LOCAL_DISK, local)}
        for side in self._readable():
            volume = side.spec.volumes[0]
            size = _in_extents(volume.size_kib * 1024) - EXTENT
            found[side.spec.group or ""] = (f"/dev/drbd{volume.minor}", size)
        return found

    def _free(self, group: str, size: int) -> int:
        return size - sum(volume.size for volume in self._volumes(group))

    def _lvs(self, words: list[str]) -> Answer:
        rows = [
            self._lv_row(group, device, volume)
            for group, (device, _) in self._groups().items()
            for volume in self._volumes(group)
        ]
        return _report("lv", rows, words)

    def _lv_row(self, group: str, device: str, volume: LogicalVolume) -> dict[str, str]:
        is_active = group == LOCAL_GROUP or volume.name in self.active.get(group, ())
        is_open = volume.name in self.used.get(group, ()) or volume.name == "root"
        kind = "s" if volume.origin else "-"
        made = datetime.fromtimestamp(volume.made or self._since, UTC)
        attributes = f"{kind}wi-{'a' if is_active else '-'}{'o' if is_open else '-'}----"
        return {
            "lv_name": volume.name,
            "vg_name": group,
            "lv_uuid": _uuid(f"{group}/{volume.name}"),
            "lv_attr": attributes,
            "lv_size": str(volume.size),
            "lv_active": "active" if is_active else "",
            "origin": volume.origin,
            "data_percent": "0.10" if volume.origin else "",
            "devices": f"{device}(0)",
            "lv_time": f"{made:%Y-%m-%d %H:%M:%S %z}",
        }

    def _vgs(self, words: list[str]) -> Answer:
        rows = [
            {
                "vg_name": group,
                "vg_uuid": _uuid(group),
                "vg_attr": "wz--n-",
                "vg_size": str(size),
                "vg_free": str(self._free(group, size)),
                "vg_extent_size": str(EXTENT),
                "pv_count": "1",
                "lv_count": str(len(self._volumes(group))),
            }
            for group, (_, size) in self._groups().items()
        ]
        return _report("vg", rows, words)

    def _pvs(self, words: list[str]) -> Answer:
        rows = [
            {
                "pv_name": device,
                "vg_name": group,
                "pv_uuid": _uuid(device + group),
                "pv_attr": "a--",
                "pv_size": str(size),
                "pv_free": str(self._free(group, size)),
                "dev_size": str(size + EXTENT),
            }
            for group, (device, size) in self._groups().items()
        ]
        return _report("pv", rows, words)

    # Changes

    def _vgchange(self, words: list[str]) -> Answer:
        how, group = words
        side = self._side_of(group)
        if side is None or group not in self._groups():
            text = f'  Volume group "{group}" not found\n  Cannot process volume group {group}\n'
            return Answer("", text, FAILED)
        if how == "-ay":
            self.activate_all(group)
            return Answer(self._now_active(group))
        busy = sorted(self.used.get(group, set()))
        self.active[group] = set(busy)
        self.hold(group)
        errors = "".join(f"  Logical volume {group}/{name} in use.\n" for name in busy)
        if errors:
            errors += f'  Can\'t deactivate volume group "{group}" with {len(busy)} open logical '
            return Answer("", errors + "volume(s)\n", FAILED)
        return Answer(self._now_active(group))

    def _now_active(self, group: str) -> str:
        number = len(self.active.get(group, ()))
        return f'  {number} logical volume(s) in volume group "{group}" now active\n'

    def _lvcreate(self, words: list[str]) -> Answer:
        name = words[words.index("--name") + 1]
        _, _, group, origin = words[-1].split("/")
        whole = next((v for v in self._volumes(group) if v.name == origin), None)
        if whole is None:
            return Answer("", f'  Failed to find logical volume "{group}/{origin}"\n', FAILED)
        if any(volume.name == name for volume in self._volumes(group)):
            text = f'  Logical Volume "{name}" already exists in volume group "{group}"\n'
            return Answer("", text, FAILED)
        if "--size" not in words:
            return Answer("", "  Please specify either size or extents.\n", 3)
        asked = int(words[words.index("--size") + 1].removesuffix("b"))
        size = -(-asked // EXTENT) * EXTENT
        free = self._free(group, self._groups()[group][1])
        if size > free:
            text = (
                f'  Volume group "{group}" has insufficient free space ({free // EXTENT} extents)'
            )
            return Answer("", f"{text}: {size // EXTENT} required.\n", FAILED)
        self._copies.setdefault(group, []).append(LogicalVolume(name, size, origin, time.time()))
        return Answer(f'  Logical volume "{name}" created.\n')

    def _lvremove(self, words: list[str]) -> Answer:
        group, _, name = words[-1].partition("/")
        copies = self._copies.get(group, [])
        gone = next((volume for volume in copies if volume.name == name), None)
        if gone is None:
            return Answer("", f'  Failed to find logical volume "{group}/{name}"\n', FAILED)
        copies.remove(gone)
        return Answer(f'  Logical volume "{name}" successfully removed.\n')


def _in_extents(size: int) -> int:
    return size // EXTENT * EXTENT


def _uuid(what: str) -> str:
    """An identifier of LVM's form that stays the same."""
    digest = hashlib.sha256(what.encode()).hexdigest()
    parts = [digest[:6], *(digest[at : at + 4] for at in range(6, 26, 4)), digest[26:32]]
    return "-".join(parts)


def _report(kind: str, rows: list[dict[str, str]], words: list[str]) -> Answer:
    """The chosen columns, as JSON or as bare columns."""
    columns = words[words.index("--options") + 1].split(",") if "--options" in words else []
    chosen = [{c: row.get(c, "") for c in columns} if columns else row for row in rows]
    if "json" not in words:
        return Answer("".join("  " + " ".join(row.values()) + "\n" for row in chosen))
    lines = ",\n".join(
        "                  " + json.dumps(row, separators=(",", ":")) for row in chosen
    )
    head = '  {\n      "report": [\n          {\n              "'
    return Answer(f'{head}{kind}": [\n{lines}\n              ]\n          }}\n      ]\n  }}\n')
