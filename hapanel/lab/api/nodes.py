"""/nodes: list, status, storages, volume groups, charts."""

from hapanel.lab.api.routing import AUDIT_NODE, Call, api
from hapanel.lab.api.rows import node_list_row
from hapanel.lab.packages import KERNEL, PVE_VERSION

Row = dict[str, object]

NODE_INDEX = (
    "aplinfo", "apt", "capabilities", "ceph", "certificates", "config", "disks", "dns", "firewall",
    "hardware", "hosts", "journal", "lxc", "migrateall", "netstat", "network", "qemu",
    "query-oci-repo-tags", "query-url-metadata", "replication", "report", "rrd", "rrddata", "scan",
    "sdn", "services", "spiceshell", "startall", "status", "stopall", "storage", "subscription",
    "suspendall", "syslog", "tasks", "termproxy", "time", "version", "vncshell", "vzdump",
    "wakeonlan",
)  # fmt: skip
KERNEL_BUILD = f"#1 SMP PREEMPT_DYNAMIC PMX {KERNEL}"


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
    return dict(PVE_VERSION)


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
        "pveversion": f"pve-manager/{PVE_VERSION['version']}/{PVE_VERSION['repoid']}",
        "kversion": f"Linux {KERNEL} {KERNEL_BUILD}",
        "current-kernel": _kernel(),
        "boot-info": {"mode": "legacy-bios"},
        "cpuinfo": _cpuinfo(node.cores),
        "memory": _memory(node.memory, report.mem),
        "swap": {"total": 0, "used": 0, "free": 0},
        "rootfs": _rootfs(node.disk, report.disk),
        "ksm": {"shared": 0},
    }


def _kernel() -> Row:
    return {
        "sysname": "Linux",
        "release": KERNEL,
        "version": KERNEL_BUILD,
        "machine": "x86_64",
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
