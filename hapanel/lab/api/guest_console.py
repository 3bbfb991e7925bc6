"""Consoles of guests (tickets, and a proxy that nobody comes to), and a container's interfaces."""

import secrets

from hapanel.lab.api.routing import AUDIT_GUEST, Call, Needs, api
from hapanel.lab.errors import TaskFailed, died
from hapanel.lab.guests.formats import CT_NET
from hapanel.lab.names import Kind
from hapanel.lab.schema import Type, flag, maybe
from hapanel.lab.tasks import Task
from hapanel.lab.world import Guest

Row = dict[str, object]

CONSOLE = Needs("/vms/{vmid}", ("VM.Console",))
FIRST_PORT = 5900
NOBODY_CAME_SECONDS = 10.0
LOOPBACK_MAC = "00:00:00:00:00:00"


@api.on(
    "POST",
    "/nodes/{node}/qemu/{vmid}/vncproxy",
    needs=CONSOLE,
    proxied=True,
    params=[flag("websocket"), flag("generate-password")],
)
@api.on(
    "POST",
    "/nodes/{node}/lxc/{vmid}/vncproxy",
    needs=CONSOLE,
    proxied=True,
    params=[
        flag("websocket"),
        maybe("width", Type.INTEGER, minimum=16, maximum=4096),
        maybe("height", Type.INTEGER, minimum=16, maximum=2160),
    ],
)
def guest_vncproxy(call: Call) -> object:
    """A port and a ticket, a VM's with a password in front. The web socket is missing, so the task
    ends as when nobody connects.
    """
    answer = {**_proxy(call), "cert": call.world.authority_pem}
    if call.kind is Kind.LXC:
        return answer
    password = secrets.token_urlsafe(6)
    return {**answer, "password": password, "ticket": f"{password}:{answer['ticket']}"}


@api.on(
    "POST",
    "/nodes/{node}/qemu/{vmid}/termproxy",
    needs=CONSOLE,
    proxied=True,
    params=[maybe("serial", enum=("serial0", "serial1", "serial2", "serial3"))],
)
@api.on("POST", "/nodes/{node}/lxc/{vmid}/termproxy", needs=CONSOLE, proxied=True)
def guest_termproxy(call: Call) -> object:
    """The same for a text terminal, which a VM must have a serial port for."""
    guest = call.guest()
    ports = [key for key in guest.config if key.startswith("serial")]
    if guest.kind is Kind.QEMU and not ports:
        raise died("unable to find a serial interface")
    return _proxy(call)


def _proxy(call: Call) -> Row:
    guest = call.guest()

    async def work(_task: Task) -> None:
        await call.world.clock.pass_time(NOBODY_CAME_SECONDS)
        raise TaskFailed("connection timed out")

    running = call.world.tasks.running_on(call.node)
    port = FIRST_PORT + sum(task.type == "vncproxy" for task in running)
    stamp = f"{int(call.world.now()):08X}"
    return {
        "user": call.principal.auth_id,
        "ticket": f"PVEVNC:{stamp}::{secrets.token_urlsafe(64)}",
        "port": str(port),
        "upid": call.fork("vncproxy", guest.vmid, work),
    }


@api.on(
    "GET", "/nodes/{node}/lxc/{vmid}/interfaces", needs=AUDIT_GUEST, proxied=True, protected=True
)
def ct_interfaces(call: Call) -> object:
    """The network as the container sees it; null when it does not run."""
    guest = call.guest()
    if not guest.is_running:
        return None
    rows = [_interface("lo", LOOPBACK_MAC, [("inet", "127.0.0.1", 8), ("inet6", "::1", 128)])]
    for key, value in guest.config.items():
        if key.rstrip("0123456789") == "net":
            card = CT_NET.parse(str(value))
            rows.append(_interface(card["name"], card["hwaddr"].lower(), _addresses(guest, card)))
    return rows


def _addresses(guest: Guest, card: dict[str, str]) -> list[tuple[str, str, int]]:
    address, _, prefix = card.get("ip", "").partition("/")
    if prefix:
        return [("inet", address, int(prefix))]
    served = guest.serves.address if guest.serves is not None else None
    return [("inet", served, 24)] if served is not None and address == "dhcp" else []


def _interface(name: str, mac: str, addresses: list[tuple[str, str, int]]) -> Row:
    row: Row = {
        "name": name,
        "hwaddr": mac,
        "hardware-address": mac,
        "ip-addresses": [
            {"ip-address-type": kind, "ip-address": address, "prefix": prefix}
            for kind, address, prefix in addresses
        ],
    }
    return row | {kind: f"{address}/{prefix}" for kind, address, prefix in addresses}
