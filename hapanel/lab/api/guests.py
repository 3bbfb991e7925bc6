"""/nodes/{node}/qemu and /lxc: lists, configurations, status."""

from hapanel.lab.api.routing import AUDIT_GUEST, Call, api
from hapanel.lab.api.rows import DISK_USE
from hapanel.lab.guests.formats import has_agent
from hapanel.lab.names import Kind
from hapanel.lab.schema import flag
from hapanel.lab.world import Guest

Row = dict[str, object]

QEMU_INDEX = (
    "config", "cloudinit", "pending", "status", "unlink", "vncproxy", "termproxy", "migrate",
    "resize", "move", "rrd", "rrddata", "monitor", "agent", "snapshot", "spiceproxy", "sendkey",
    "firewall", "mtunnel", "remote_migrate",
)  # fmt: skip
LXC_INDEX = (
    "config", "pending", "status", "vncproxy", "termproxy", "vncwebsocket", "spiceproxy",
    "migrate", "clone", "initiate", "rrd", "rrddata", "firewall", "snapshot", "resize",
    "interfaces",
)  # fmt: skip
STATUS_INDEX = {
    Kind.QEMU: ("current", "start", "stop", "reset", "shutdown", "suspend", "reboot"),
    Kind.LXC: ("current", "start", "stop", "shutdown", "reboot", "migrate"),
}


@api.on("GET", "/nodes/{node}/qemu", proxied=True, protected=True, params=[flag("full")])
@api.on("GET", "/nodes/{node}/lxc", proxied=True, protected=True)
def guest_list(call: Call) -> object:
    """Guests of the node that the caller may see."""
    guests = [
        guest
        for guest in call.world.guests_of(call.text("node"))
        if guest.kind is call.kind and call.may(f"/vms/{guest.vmid}", "VM.Audit")
    ]
    return call.shuffled([status_row(call, guest, full=call.flag("full")) for guest in guests])


def status_row(call: Call, guest: Guest, *, full: bool) -> Row:
    """What the guest's own node says of it right now; running states carry pid and pressure."""
    report = call.world.measure_guest(guest)
    is_vm = guest.kind is Kind.QEMU
    row: Row = {
        "vmid": guest.vmid,
        "name": guest.name,
        "status": "running" if guest.is_running else "stopped",
        "uptime": report.uptime,
        "cpu": report.cpu,
        "cpus": guest.cores,
        "mem": report.mem,
        "maxmem": guest.memory,
        "disk": 0 if is_vm or not guest.is_running else int(guest.disk * DISK_USE),
        "maxdisk": guest.disk,
        "netin": report.netin,
        "netout": report.netout,
    }
    row |= {"memhost": report.mem} if is_vm else _container_numbers(guest, report.diskread)
    if guest.lock is not None:
        row["lock"] = guest.lock
    if guest.is_template:
        row["template"] = 1
    if "tags" in guest.config:
        row["tags"] = guest.config["tags"]
    if guest.is_running:
        row |= {"pid": guest.pid, **_pressure(call, guest)}
    if is_vm and full:
        row["qmpstatus"] = guest.state.value
        if guest.is_running:
            row |= _cards(guest, {"netin": report.netin, "netout": report.netout})
    return row


def _cards(guest: Guest, traffic: Row) -> Row:
    """A VM without network cards has no such key."""
    numbers = [key.removeprefix("net") for key in guest.config if key.startswith("net")]
    taps = {f"tap{guest.vmid}i{number}": traffic for number in numbers}
    return {"nics": taps} if taps else {}


def _container_numbers(guest: Guest, diskread: int) -> Row:
    return {
        "type": "lxc",
        "swap": 0,
        "maxswap": guest.swap,
        "diskread": diskread,
        "diskwrite": int(diskread * 1.7),
    }


def _pressure(call: Call, guest: Guest) -> Row:
    some = round(call.world.wave(f"{guest.vmid}/psi", 1.1, 0.9).at(call.world.now()), 2)
    return {
        "pressurecpusome": some,
        "pressurecpufull": round(some * 0.9, 2),
        "pressureiosome": 0,
        "pressureiofull": 0,
        "pressurememorysome": 0,
        "pressurememoryfull": 0,
    }


@api.on("GET", "/nodes/{node}/qemu/{vmid}", proxied=True)
@api.on("GET", "/nodes/{node}/lxc/{vmid}", proxied=True)
def guest_index(call: Call) -> object:
    """Names of what there is below; only a container has to exist for it."""
    if call.kind is Kind.LXC:
        call.guest()
    names = QEMU_INDEX if call.kind is Kind.QEMU else LXC_INDEX
    return [{"subdir": name} for name in names]


@api.on("GET", "/nodes/{node}/qemu/{vmid}/status", proxied=True)
@api.on("GET", "/nodes/{node}/lxc/{vmid}/status", proxied=True)
def guest_status_index(call: Call) -> object:
    """Names of the power actions."""
    return [{"subdir": name} for name in STATUS_INDEX[call.kind]]


@api.on(
    "GET",
    "/nodes/{node}/qemu/{vmid}/status/current",
    needs=AUDIT_GUEST,
    proxied=True,
    protected=True,
)
@api.on(
    "GET",
    "/nodes/{node}/lxc/{vmid}/status/current",
    needs=AUDIT_GUEST,
    proxied=True,
    protected=True,
)
def guest_current(call: Call) -> object:
    """Status from the guest's own node, with its HA state."""
    guest = call.guest()
    agent = {"agent": 1} if has_agent(guest.config) else {}
    return {**status_row(call, guest, full=True), **agent, "ha": _ha(call, guest)}


def _ha(call: Call, guest: Guest) -> Row:
    resource = call.cluster.ha.configuration.resources.get(guest.sid)
    if resource is None:
        return {"managed": 0}
    state = call.cluster.ha_wording.guest_state(guest.sid)
    return {"managed": 1, "state": state or resource.state.value}
