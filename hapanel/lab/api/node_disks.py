"""/nodes/{node}/disks: physical disks and what lies on them. Read only."""

from hapanel.lab.api.routing import AUDIT_CLUSTER, AUDIT_NODE, Call, api
from hapanel.lab.errors import died
from hapanel.lab.formats import STORAGE_ID
from hapanel.lab.schema import Param, flag, maybe

Row = dict[str, object]

NO_ZFS = "zfsutils-linux not installed"


@api.on("GET", "/nodes/{node}/disks")
def disks_index(_call: Call) -> object:
    """Names of what there is below."""
    return [{"name": name} for name in ("directory", "list", "lvm", "lvmthin", "zfs")]


@api.on("GET", "/nodes/{node}/disks/directory", needs=AUDIT_CLUSTER, proxied=True, protected=True)
def node_directories(_call: Call) -> object:
    """File systems that PVE mounts: none, directories lie on the node's own disk."""
    return []


@api.on(
    "GET",
    "/nodes/{node}/disks/list",
    needs=AUDIT_NODE,
    proxied=True,
    protected=True,
    params=[
        flag("include-partitions"), flag("skipsmart"),
        maybe("type", enum=("unused", "journal_disks")),
    ],
)  # fmt: skip
def disks(call: Call) -> object:
    """The disk that the node boots from; DRBD's backing disks are not physical ones of PVE's."""
    if call.text("type") == "unused":
        return []
    node = call.world.node(call.text("node"))
    disk: Row = {
        "devpath": "/dev/sda",
        "size": node.disk,
        "gpt": 1,
        "mounted": 0,
        "model": "lab disk",
        "serial": f"LAB{node.node_id:05}",
        "vendor": "LAB",
        "type": "ssd",
        "health": "PASSED",
        "used": "BIOS boot",
        "osdid": -1,
        "osdid-list": None,
        "wwn": "unknown",
    }
    return [disk]


@api.on("GET", "/nodes/{node}/disks/lvm", needs=AUDIT_CLUSTER, proxied=True, protected=True)
def node_lvm(call: Call) -> object:
    """Volume groups and what they lie on."""
    groups: list[Row] = []
    for storage in call.world.storages.values():
        if storage.vgname and storage.is_on(call.text("node")):
            free = storage.total - storage.used
            below = {"name": storage.device, "size": storage.total, "free": free, "leaf": 1}
            groups.append(
                {
                    "name": storage.vgname,
                    "size": storage.total,
                    "free": free,
                    "leaf": 0,
                    "lvcount": sum(1 for _ in call.world.guests),
                    "children": [below],
                }
            )
    return {"leaf": 0, "children": groups}


@api.on("GET", "/nodes/{node}/disks/lvmthin", needs=AUDIT_CLUSTER, proxied=True, protected=True)
def node_lvmthin(_call: Call) -> object:
    """Thin pools: no lab node has one."""
    return []


@api.on("GET", "/nodes/{node}/disks/zfs", needs=AUDIT_CLUSTER, proxied=True, protected=True)
def node_zfs(_call: Call) -> object:
    """Lab nodes have no ZFS."""
    raise died(NO_ZFS)


@api.on(
    "GET", "/nodes/{node}/disks/zfs/{name}",
    needs=AUDIT_CLUSTER, proxied=True, protected=True, params=[Param("name", **STORAGE_ID)],
)  # fmt: skip
def node_zfs_pool(_call: Call) -> object:
    """Lab nodes have no ZFS."""
    raise died(NO_ZFS)
