"""rrddata of nodes and guests: points of Proxmox's own charts."""

import math
from collections.abc import Callable

from hapanel.lab.api.routing import AUDIT_GUEST, AUDIT_NODE, Call, api
from hapanel.lab.errors import died
from hapanel.lab.schema import Param, maybe

Row = dict[str, object]

NO_CHART = (
    "RRD error: rrdcached@unix:/var/run/rrdcached.sock: rrd_fetch_r failed: opening "
    "'/var/lib/rrdcached/db/pve-vm-9.0/{vmid}': No such file or directory"
)

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


@api.on(
    "GET",
    "/nodes/{node}/rrddata",
    needs=AUDIT_NODE,
    protected=True,
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

    return chart(call, node.booted_at, point)


@api.on(
    "GET",
    "/nodes/{node}/qemu/{vmid}/rrddata",
    needs=AUDIT_GUEST,
    protected=True,
    params=[Param("timeframe", enum=NODE_FRAMES[:-1]), CF],
)
@api.on(
    "GET",
    "/nodes/{node}/lxc/{vmid}/rrddata",
    needs=AUDIT_GUEST,
    protected=True,
    params=[Param("timeframe", enum=NODE_FRAMES[:-1]), CF],
)
def guest_rrddata(call: Call) -> object:
    """Points of the guest's chart; counters come as rates. PVE only looks for
    the file, which a new guest does not have for a while, and an unknown one never.
    """
    guest = call.world.guests.get(call.number("vmid"))
    if guest is None or not guest.is_charted:
        raise died(NO_CHART.format(vmid=call.number("vmid")))

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

    return chart(call, guest.started_at if guest.is_running else math.inf, point)


def _no_pressure(*kinds: str) -> Row:
    return {f"pressure{kind}": 0 for kind in kinds}


def chart(call: Call, measured_from: float, point: Callable[[float], Row]) -> list[Row]:
    """Points of the asked time frame; before `measured_from` they hold only their time."""
    step, count = FRAMES[call.text("timeframe")]
    last = int(call.world.now()) // step * step
    rows: list[Row] = []
    for at in range(last - step * (count - 1), last + 1, step):
        rows.append({"time": at, **(point(at) if at >= measured_from else {})})
    return rows
