"""/nodes: list, status, storages, volume groups, charts."""

import math
from collections.abc import Callable

from hapanel.lab.api.cluster_wide import VERSION
from hapanel.lab.api.routing import AUDIT_CLUSTER, AUDIT_GUEST, AUDIT_NODE, Call, Needs, api
from hapanel.lab.api.rows import node_list_row
from hapanel.lab.errors import bad_parameters, died
from hapanel.lab.schema import Param, flag, maybe
from hapanel.lab.world import Storage

Row = dict[str, object]

NODE_INDEX = (
    "aplinfo", "apt", "capabilities", "ceph", "certificates", "config", "disks", "dns", "firewall",
    "hardware", "hosts", "journal", "lxc", "migrateall", "netstat", "network", "qemu",
    "query-oci-repo-tags", "query-url-metadata", "replication", "report", "rrd", "rrddata", "scan",
    "sdn", "services", "spiceshell", "startall", "status", "stopall", "storage", "subscription",
    "suspendall", "syslog", "tasks", "termproxy", "time", "version", "vncshell", "vzdump",
    "wakeonlan",
)  # fmt: skip
CF = maybe("cf", enum=("AVERAGE", "MAX"))
NODE_FRAMES = ("hour", "day", "week", "month", "year", "decade")
FRAMES = {
    "hour": (60, 60),
    "day": (60, 1440),
    "week": (1800, 336),
    "month": (1800, 1440),
    "year": (21600, 1440),
    "decade": (604800, 570),
}
GUEST_PRESSURE = ("cpusome", "cpufull", "iosome", "iofull", "memorysome", "memoryfull")
KERNEL = "6.17.4-2-pve"


@api.on("GET", "/nodes")
def node_list(call: Call) -> object:
    """All nodes, offline ones too."""
    return call.shuffled([node_list_row(call, node) for node in call.world.nodes.values()])


@api.on("GET", "/nodes/{node}")
def node_index(_call: Call) -> object:
    """Names of what there is below."""
    return [{"name": name} for name in NODE_INDEX]


@api.on("GET", "/nodes/{node}/version", proxied=True)
def node_version(_call: Call) -> object:
    """The node's own version."""
    return dict(VERSION)


@api.on("GET", "/nodes/{node}/status", needs=AUDIT_NODE, proxied=True)
def node_status(call: Call) -> object:
    """Right now, from the node itself; load averages are strings."""
    node = call.world.node(call.text("node"))
    report = call.world.measure_node(node)
    load = report.cpu * node.cores
    return {
        "uptime": report.uptime,
        "cpu": report.cpu,
        "wait": 0,
        "idle": 0,
        "loadavg": [f"{load * factor:.2f}" for factor in (1.0, 0.94, 0.9)],
        "pveversion": f"pve-manager/{VERSION['version']}/{VERSION['repoid']}",
        "kversion": f"Linux {KERNEL} #1 SMP PREEMPT_DYNAMIC PMX {KERNEL}",
        "current-kernel": {
            "sysname": "Linux",
            "release": KERNEL,
            "version": f"#1 SMP PREEMPT_DYNAMIC PMX {KERNEL}",
            "machine": "x86_64",
        },
        "boot-info": {"mode": "efi", "secureboot": 0},
        "cpuinfo": _cpuinfo(node.cores),
        "memory": _memory(node.memory, report.mem),
        "swap": {"total": 0, "used": 0, "free": 0},
        "rootfs": _rootfs(node.disk, report.disk),
        "ksm": {"shared": 0},
    }


def _cpuinfo(cores: int) -> Row:
    return {
        "cpus": cores,
        "cores": cores,
        "sockets": 1,
        "model": "lab processor",
        "vendor": "GenuineLab",
        "family": "6",
        "mhz": "2600.000",
        "user_hz": 100,
        "hvm": "1",
        "flags": "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov vmx",
    }


def _memory(total: int, used: int) -> Row:
    free = total - used
    return {"total": total, "used": used, "free": int(free * 0.8), "available": free}


def _rootfs(total: int, used: int) -> Row:
    free = total - used
    return {"total": total, "used": used, "free": free, "avail": int(free * 0.95)}


@api.on(
    "GET",
    "/nodes/{node}/storage",
    proxied=True,
    params=[maybe("content"), flag("enabled"), flag("format"), maybe("storage"), maybe("target")],
)
def node_storages(call: Call) -> object:
    """Storages of the node with their sizes, those the caller may see."""
    rows = [
        _storage_status(storage)
        for storage in call.world.storages.values()
        if storage.is_on(call.text("node"))
        and call.text("storage", storage.storage) == storage.storage
        and (not call.has("content") or call.text("content") in storage.content.split(","))
        and (not call.has("target") or storage.is_on(call.text("target")))
        and may_see(call, storage)
    ]
    return call.shuffled([{"storage": s, **row} for s, row in rows])


def may_see(call: Call, storage: Storage) -> bool:
    """The filter of every storage list."""
    path = f"/storage/{storage.storage}"
    return call.may(path, "Datastore.Audit", "Datastore.AllocateSpace")


def _storage_status(storage: Storage) -> tuple[str, Row]:
    return storage.storage, {
        "type": storage.type,
        "content": storage.content,
        "shared": int(storage.shared),
        "active": 1,
        "enabled": 1,
        "total": storage.total,
        "used": storage.used,
        "avail": storage.total - storage.used,
        "used_fraction": storage.used / storage.total,
    }


@api.on("GET", "/nodes/{node}/storage/{storage}/status", proxied=True)
def node_storage_status(call: Call) -> object:
    """One storage; Datastore.Audit is checked on it."""
    storage = call.world.storages.get(call.text("storage"))
    if storage is None or not may_see(call, storage):
        raise bad_parameters({"storage": "No such storage."})
    return _storage_status(storage)[1]


@api.on(
    "GET",
    "/storage",
    params=[
        maybe(
            "type",
            enum=(
                "btrfs", "cephfs", "cifs", "dir", "esxi", "iscsi", "iscsidirect", "lvm", "lvmthin",
                "nfs", "pbs", "rbd", "zfs", "zfspool",
            ),
        )
    ],
)  # fmt: skip
def storage_list(call: Call) -> object:
    """storage.cfg, the entries the caller may see."""
    digest = call.world.config_digest()
    return call.shuffled(
        [
            {**_storage_entry(storage), "digest": digest}
            for storage in call.world.storages.values()
            if may_see(call, storage) and call.text("type", storage.type) == storage.type
        ]
    )


@api.on("GET", "/storage/{storage}", needs=Needs("/storage/{storage}", ("Datastore.Allocate",)))
def storage_entry(call: Call) -> object:
    """One entry; unlike the list it needs Datastore.Allocate."""
    storage = call.world.storages.get(call.text("storage"))
    if storage is None:
        raise died(f"storage '{call.text('storage')}' does not exist")
    return {**_storage_entry(storage), "digest": call.world.config_digest()}


def _storage_entry(storage: Storage) -> Row:
    row: Row = {"storage": storage.storage, "type": storage.type, "content": storage.content}
    if storage.shared:
        row["shared"] = 1
    if storage.nodes:
        row["nodes"] = ",".join(storage.nodes)
    if storage.vgname:
        row["vgname"] = storage.vgname
    if storage.path:
        row["path"] = storage.path
    return row


@api.on("GET", "/nodes/{node}/disks/lvm", needs=AUDIT_CLUSTER, proxied=True)
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


@api.on(
    "GET",
    "/nodes/{node}/rrddata",
    needs=AUDIT_NODE,
    params=[Param("timeframe", enum=NODE_FRAMES), CF],
)
def node_rrddata(call: Call) -> object:
    """Points of the node's chart; where nothing was measured only the time."""
    node = call.world.node(call.text("node"))

    def point(at: float) -> Row:
        report = call.world.measure_node(node, at)
        return {
            "cpu": report.cpu,
            "iowait": 0.0011,
            "loadavg": report.cpu * node.cores,
            "maxcpu": node.cores,
            "memtotal": node.memory,
            "memused": report.mem,
            "memavailable": node.memory - report.mem,
            "arcsize": 0,
            "netin": call.world.wave(f"{node.name}/in", 410_000).at(at),
            "netout": call.world.wave(f"{node.name}/out", 720_000).at(at),
            "roottotal": node.disk,
            "rootused": report.disk,
            "swaptotal": 0,
            "swapused": 0,
            **_no_pressure("cpusome", "iosome", "iofull", "memorysome", "memoryfull"),
        }

    return _chart(call, node.booted_at, point)


@api.on(
    "GET",
    "/nodes/{node}/qemu/{vmid}/rrddata",
    needs=AUDIT_GUEST,
    params=[Param("timeframe", enum=NODE_FRAMES[:-1]), CF],
)
@api.on(
    "GET",
    "/nodes/{node}/lxc/{vmid}/rrddata",
    needs=AUDIT_GUEST,
    params=[Param("timeframe", enum=NODE_FRAMES[:-1]), CF],
)
def guest_rrddata(call: Call) -> object:
    """Points of the guest's chart; counters come as rates."""
    guest = call.guest()

    def point(at: float) -> Row:
        report = call.world.measure_guest(guest, at)
        return {
            "cpu": report.cpu,
            "maxcpu": guest.cores,
            "mem": report.mem,
            "maxmem": guest.memory,
            "memhost": report.mem,
            "disk": 0,
            "maxdisk": guest.disk,
            "netin": call.world.wave(f"{guest.vmid}/in", 190_000).at(at),
            "netout": call.world.wave(f"{guest.vmid}/out", 640_000).at(at),
            **_no_pressure(*GUEST_PRESSURE),
        }

    return _chart(call, guest.started_at if guest.is_running else math.inf, point)


def _no_pressure(*kinds: str) -> Row:
    return {f"pressure{kind}": 0 for kind in kinds}


def _chart(call: Call, measured_from: float, point: Callable[[float], Row]) -> list[Row]:
    step, count = FRAMES[call.text("timeframe")]
    last = int(call.world.now()) // step * step
    rows: list[Row] = []
    for at in range(last - step * (count - 1), last + 1, step):
        rows.append({"time": at, **(point(at) if at >= measured_from else {})})
    return rows
