"""The control server: what `ctl` asks for, over plain HTTP on 127.0.0.1 with a bearer token."""

import asyncio
import hmac
from collections.abc import Callable

import msgspec

from hapanel.lab.control_drbd import alter, change_role, fail_disk, write_on
from hapanel.lab.control_tokens import change_token
from hapanel.lab.faults import api_fault
from hapanel.lab.guests.sizes import MIB
from hapanel.lab.lab import Lab
from hapanel.lab.links import DEFAULT_MBIT, Link, Network
from hapanel.lab.membership import QDevice
from hapanel.lab.net.http import BadRequest, Request, Response, read_request
from hapanel.lab.net.listener import Connection
from hapanel.lab.services import PLAYED
from hapanel.lab.state import picture
from hapanel.lab.words import Refused, first, number, on_off, without_option
from hapanel.lab.world import Guest, Node

SERVER = "hapanel-lab"
JSON = "application/json"
IDLE_SECONDS = 60.0

Reply = dict[str, object]
# Where a QDevice votes from that was set up while the lab runs (RFC 5737, documentation).
QNETD = "192.0.2.254:5403"


class Control:
    """One method per action; arguments are words, as on the command line."""

    def __init__(self, lab: Lab, token: str) -> None:
        self._lab = lab
        self._token = token

    async def serve(self, connection: Connection) -> None:
        """Answers POST / with {"action": ..., "args": [...]}."""
        while True:
            try:
                request = await asyncio.wait_for(read_request(connection.reader), IDLE_SECONDS)
            except (TimeoutError, BadRequest):
                return
            if request is None:
                return
            answer = self._answer(request)
            close = request.wants_close
            connection.writer.write(answer.wire(close=close, server=SERVER))
            await connection.writer.drain()
            if close:
                return

    def _answer(self, request: Request) -> Response:
        header = request.headers.get("authorization", "")
        if not hmac.compare_digest(header.encode(), f"Bearer {self._token}".encode()):
            return _json(401, {"error": "wrong or missing control token"})
        if request.method == "GET":
            return _json(200, self._status([]))
        try:
            order = msgspec.json.decode(request.body, type=Order)
            return _json(200, self.do(order.action, order.args))
        except (Refused, msgspec.DecodeError) as fault:
            return _json(400, {"error": str(fault)})

    def do(self, action: str, args: list[str]) -> Reply:
        """Does one action. Raises Refused."""
        if action not in ACTIONS:
            raise Refused(f"unknown action {action!r}; there are: {', '.join(sorted(ACTIONS))}")
        return ACTIONS[action](self, args)

    def _status(self, _args: list[str]) -> Reply:
        return picture(self._lab)

    def _crash(self, args: list[str]) -> Reply:
        self._lab.hardware.crash(self._node(args))
        return {"ok": True}

    def _power_on(self, args: list[str]) -> Reply:
        self._lab.hardware.power_on(self._node(args))
        return {"ok": True}

    def _cut(self, args: list[str]) -> Reply:
        for link in self._links(args):
            link.is_cut = True
        self._lab.membership.disturbed()
        return {"ok": True}

    def _heal(self, args: list[str]) -> Reply:
        for link in self._links(args):
            link.is_cut, link.mbit = False, DEFAULT_MBIT
        self._lab.membership.disturbed()
        return {"ok": True}

    def _slow_link(self, args: list[str]) -> Reply:
        words, network = without_option(args, "--network")
        if len(words) != 3:
            raise Refused("slow-link NODE NODE MBIT [--network cluster|replication|all]")
        mbit = number(words[2], "MBIT")
        if mbit <= 0:
            raise Refused("MBIT must be above 0; use cut to cut a link")
        for link in self._links([*words[:2], "--network", network or "replication"]):
            link.mbit = mbit
        return {"ok": True}

    def _api(self, args: list[str]) -> Reply:
        if len(args) < 2:
            raise Refused("api NODE ok|slow MS|refuse|hang|drop-answer|error STATUS|garbage|...")
        node = self._node(args)
        if args[1] == "certificate":
            self._change_certificate(node, first(args[2:], "renewed or strange"))
        else:
            self._lab.set_fault(node.name, api_fault(args[1], args[2:]))
        return {"ok": True}

    def _change_certificate(self, node: Node, how: str) -> None:
        if how not in ("renewed", "strange"):
            raise Refused("api NODE certificate renewed|strange")
        self._lab.change_certificate(node.name, by_a_stranger=how == "strange")

    def _clock(self, args: list[str]) -> Reply:
        """What the node tells of times is so many seconds ahead; 0 sets it right."""
        node = self._node(args)
        seconds = number(first(args[1:], "SECONDS"), "SECONDS", least=-1e9)
        self._lab.disguise.skews.pop(node.name, None)
        if seconds:
            self._lab.disguise.skews[node.name] = seconds
        return {"ok": True}

    def _rename_node(self, args: list[str]) -> Reply:
        """Every answer calls the node by another name; its own name takes that back."""
        node = self._node(args)
        name = first(args[1:], "the new name")
        if not name.replace("-", "").isalnum():
            raise Refused(f"{name!r} is no name for a node")
        self._lab.disguise.names.pop(node.name, None)
        if name != node.name:
            self._lab.disguise.names[node.name] = name
        return {"ok": True}

    def _qdevice(self, args: list[str]) -> Reply:
        """A cluster without one gets one set up, as `pvecm qdevice setup` would do it."""
        is_on = on_off(args, 0)
        device = self._lab.membership.qdevice
        if device is None:
            if not is_on:
                raise Refused("this cluster has no QDevice")
            device = self._lab.membership.qdevice = QDevice(QNETD)
            self._lab.world.config_version += 1
        device.is_connected = is_on
        self._lab.membership.changed()
        return {"ok": True}

    def _service(self, args: list[str]) -> Reply:
        """Stops or starts one of the services whose absence the lab plays."""
        words = args[1:]
        if len(words) != 2 or words[0] not in PLAYED or words[1] not in ("stop", "start"):
            raise Refused(f"service NODE {'|'.join(PLAYED)} stop|start")
        services = self._node(args).services
        change = services.stop if words[1] == "stop" else services.start
        change(words[0])
        self._lab.world.changed()
        return {"ok": True}

    def _maintenance(self, args: list[str]) -> Reply:
        """As `ha-manager crm-command node-maintenance` on the node: the manager takes it up."""
        node = self._node(args)
        word = "enable" if on_off(args, 1) else "disable"
        self._lab.ha.command(f"{word}-node-maintenance {node.name}")
        return {"ok": True}

    def _watchdogs(self, args: list[str]) -> Reply:
        """Off: no node resets itself, as in a nested cluster without the device."""
        self._lab.ha.set_watchdogs(bite=on_off(args, 0))
        return {"ok": True}

    def _guest(self, args: list[str]) -> Reply:
        if len(args) < 3:
            raise Refused(
                "guest VMID downtime MS|auto, dirty MIB, serve on|off, unlock now, reuse NAME"
            )
        guest, what, value = self._guest_of(args[0]), args[1], args[2]
        match what:
            case "downtime":
                forced = None if value == "auto" else int(number(value, "MS"))
                guest.busy.forced_downtime_ms = forced
            case "dirty":
                guest.busy.dirty_bytes = number(value, "MIB") * MIB
            case "serve":
                if guest.serves is None:
                    raise Refused(f"guest {guest.vmid} serves nothing")
                guest.serves.is_enabled = on_off(args, 2)
                self._lab.world.changed()
            case "unlock":
                guest.lock = None
                self._lab.world.changed()
            case "reuse":
                self._lab.world.reuse_number(guest, value)
            case _:
                raise Refused(f"unknown change {what!r} of a guest")
        return {"ok": True}

    def _fail_migration(self, args: list[str]) -> Reply:
        if len(args) != 2:
            raise Refused("fail-migration VMID TEXT")
        self._guest_of(args[0]).busy.fail_next_migration = args[1]
        return {"ok": True}

    def _token_action(self, args: list[str]) -> Reply:
        return {"ok": True, **change_token(self._lab.world, args)}

    def _write(self, args: list[str]) -> Reply:
        """Somebody writes on a resource, beside what guests do."""
        write_on(self._lab.replication, args)
        return {"ok": True}

    def _role(self, args: list[str]) -> Reply:
        change_role(self._lab.replication, args)
        return {"ok": True}

    def _fail_disk(self, args: list[str]) -> Reply:
        fail_disk(self._lab.replication, args)
        return {"ok": True}

    def _alter(self, args: list[str]) -> Reply:
        alter(self._lab.replication, args)
        return {"ok": True}

    def _tickets(self, args: list[str]) -> Reply:
        """`void`: no ticket that was given out is good any more."""
        if args != ["void"]:
            raise Refused("tickets void")
        self._lab.cluster.tickets.forget()
        return {"ok": True}

    def _node(self, args: list[str]) -> Node:
        name = args[0] if args else ""
        if name not in self._lab.world.nodes:
            raise Refused(f"no node {name!r}; there are: {', '.join(self._lab.world.nodes)}")
        return self._lab.world.nodes[name]

    def _guest_of(self, word: str) -> Guest:
        guest = self._lab.world.guests.get(int(word)) if word.isdigit() else None
        if guest is None:
            raise Refused(f"no guest {word!r}")
        return guest

    def _links(self, args: list[str]) -> list[Link]:
        words, network = without_option(args, "--network")
        if len(words) != 2:
            raise Refused("needs two nodes")
        one, other = self._node(words[:1]), self._node(words[1:])
        if one is other:
            raise Refused("needs two different nodes")
        networks = list(Network) if network == "all" else [_network(network or "replication")]
        return [self._lab.world.links.between(one.name, other.name, n) for n in networks]


ACTIONS: dict[str, Callable[[Control, list[str]], Reply]] = {
    "status": Control._status,
    "crash": Control._crash,
    "power-on": Control._power_on,
    "cut": Control._cut,
    "heal": Control._heal,
    "slow-link": Control._slow_link,
    "api": Control._api,
    "qdevice": Control._qdevice,
    "service": Control._service,
    "maintenance": Control._maintenance,
    "watchdogs": Control._watchdogs,
    "guest": Control._guest,
    "fail-migration": Control._fail_migration,
    "write": Control._write,
    "role": Control._role,
    "fail-disk": Control._fail_disk,
    "alter": Control._alter,
    "token": Control._token_action,
    "tickets": Control._tickets,
    "clock": Control._clock,
    "rename-node": Control._rename_node,
}


class Order(msgspec.Struct):
    """The body of a control request."""

    action: str
    args: list[str] = []


def _network(word: str) -> Network:
    try:
        return Network(word)
    except ValueError as fault:
        raise Refused("--network is cluster, replication or all") from fault


def _json(status: int, body: Reply) -> Response:
    reason = "OK" if status == 200 else "Refused"
    return Response(status, reason, msgspec.json.encode(body), JSON)
