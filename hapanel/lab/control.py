"""The control server: what `ctl` asks for, over plain HTTP on 127.0.0.1 with a bearer token."""

import asyncio
import hmac
from collections.abc import Callable

import msgspec

from hapanel.lab.faults import ApiFault, Misbehaviour
from hapanel.lab.guests.sizes import MIB
from hapanel.lab.lab import Lab
from hapanel.lab.links import DEFAULT_MBIT, Link, Network
from hapanel.lab.net.http import BadRequest, Request, Response, read_request
from hapanel.lab.net.listener import Connection
from hapanel.lab.services import PLAYED
from hapanel.lab.state import picture
from hapanel.lab.world import Guest, Node

SERVER = "hapanel-lab"
JSON = "application/json"
IDLE_SECONDS = 60.0

Reply = dict[str, object]


class Refused(Exception):
    """An action that cannot be done; the text says why."""


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
        words, network = _without_option(args, "--network")
        if len(words) != 3:
            raise Refused("slow-link NODE NODE MBIT [--network cluster|replication|all]")
        mbit = _number(words[2], "MBIT")
        if mbit <= 0:
            raise Refused("MBIT must be above 0; use cut to cut a link")
        for link in self._links([*words[:2], "--network", network or "replication"]):
            link.mbit = mbit
        return {"ok": True}

    def _api(self, args: list[str]) -> Reply:
        if len(args) < 2:
            raise Refused("api NODE ok|slow MS|refuse|hang|drop-answer|error STATUS|garbage|...")
        node = self._node(args)
        self._lab.set_fault(node.name, api_fault(args[1], args[2:]))
        return {"ok": True}

    def _qdevice(self, args: list[str]) -> Reply:
        device = self._lab.membership.qdevice
        if device is None:
            raise Refused("this cluster has no QDevice")
        device.is_connected = _on_off(args, 0)
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
        """The node's state only: guests do not move away yet (docs/lab.md)."""
        node = self._node(args)
        change = (
            self._lab.ha.state.maintenance.add
            if _on_off(args, 1)
            else self._lab.ha.state.maintenance.discard
        )
        change(node.name)
        return {"ok": True}

    def _guest(self, args: list[str]) -> Reply:
        if len(args) < 3:
            raise Refused("guest VMID downtime MS|auto, dirty MIB, serve on|off, unlock now")
        guest, what, value = self._guest_of(args[0]), args[1], args[2]
        match what:
            case "downtime":
                forced = None if value == "auto" else int(_number(value, "MS"))
                guest.busy.forced_downtime_ms = forced
            case "dirty":
                guest.busy.dirty_bytes = _number(value, "MIB") * MIB
            case "serve":
                if guest.serves is None:
                    raise Refused(f"guest {guest.vmid} serves nothing")
                guest.serves.is_enabled = _on_off(args, 2)
                self._lab.world.changed()
            case "unlock":
                guest.lock = None
            case _:
                raise Refused(f"unknown change {what!r} of a guest")
        return {"ok": True}

    def _fail_migration(self, args: list[str]) -> Reply:
        if len(args) != 2:
            raise Refused("fail-migration VMID TEXT")
        self._guest_of(args[0]).busy.fail_next_migration = args[1]
        return {"ok": True}

    def _token_action(self, args: list[str]) -> Reply:
        """revoke ID; grant ID ROLE [PATH]; take ID ROLE [PATH]; privileges ID PRIV,PRIV..."""
        if len(args) < 2 or "!" not in args[1]:
            raise Refused("token revoke|grant|take|privileges USER@REALM!NAME ...")
        accounts, ugid = self._lab.world.accounts, args[1]
        user, _, name = ugid.partition("!")
        if user not in accounts.users:
            raise Refused(f"no user {user}")
        path = args[3] if len(args) > 3 else "/"
        match args[0], args[2:]:
            case "revoke", _:
                accounts.users[user].tokens.pop(name, None)
            case "make", _:
                return {"ok": True, "secret": accounts.add_token(user, name, privsep=True).secret}
            case "grant", [role, *_]:
                accounts.grant(path, ugid, role)
            case "take", [role, *_]:
                accounts.revoke(path, ugid, role)
            case "privileges", [privileges, *_]:
                self._only(ugid, privileges)
            case _:
                raise Refused("token revoke|make|grant|take|privileges USER@REALM!NAME ...")
        return {"ok": True}

    def _only(self, ugid: str, privileges: str) -> None:
        """The token holds exactly these privileges on `/` from now on."""
        accounts = self._lab.world.accounts
        for entry in list(accounts.acl.values()):
            if entry.ugid == ugid:
                accounts.revoke(entry.path, entry.ugid, entry.role)
        role = f"Lab-{ugid.partition('!')[2]}"
        accounts.roles[role] = frozenset(filter(None, privileges.split(",")))
        accounts.grant("/", ugid, role)

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
        words, network = _without_option(args, "--network")
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
    "guest": Control._guest,
    "fail-migration": Control._fail_migration,
    "token": Control._token_action,
}


class Order(msgspec.Struct):
    """The body of a control request."""

    action: str
    args: list[str] = []


def api_fault(word: str, rest: list[str]) -> ApiFault:
    """The fault that `api NODE <word> ...` means. Raises Refused."""
    try:
        kind = Misbehaviour(word)
    except ValueError as unknown:
        known = ", ".join(kind.value for kind in Misbehaviour)
        raise Refused(f"unknown API fault {word!r}; there are: {known}") from unknown
    fault = ApiFault(kind)
    if "--once" in rest:
        fault.shots = 1
        rest = [item for item in rest if item != "--once"]
    match kind:
        case Misbehaviour.SLOW:
            fault.milliseconds, rest = int(_number(_first(rest, "MS"), "MS")), rest[1:]
        case Misbehaviour.ERROR:
            fault.status, rest = int(_number(_first(rest, "STATUS"), "STATUS")), rest[1:]
        case Misbehaviour.HUGE:
            fault.megabytes, rest = int(_number(_first(rest, "MB"), "MB")), rest[1:]
    if rest:
        fault.method = rest[0].upper()
        fault.path_part = rest[1] if len(rest) > 1 else None
    return fault


def _first(words: list[str], name: str) -> str:
    if not words:
        raise Refused(f"needs {name}")
    return words[0]


def _number(word: str, name: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e9:  # nan is none of these
        raise Refused(f"{name} must be a number from 0 on, not {word!r}")
    return number


def _on_off(args: list[str], position: int) -> bool:
    word = args[position] if len(args) > position else ""
    if word not in ("on", "off"):
        raise Refused("needs on or off")
    return word == "on"


def _network(word: str) -> Network:
    try:
        return Network(word)
    except ValueError as fault:
        raise Refused("--network is cluster, replication or all") from fault


def _without_option(args: list[str], name: str) -> tuple[list[str], str | None]:
    if name not in args:
        return args, None
    at = args.index(name)
    if at + 1 >= len(args):
        raise Refused(f"{name} needs a value")
    return args[:at] + args[at + 2 :], args[at + 1]


def _json(status: int, body: Reply) -> Response:
    reason = "OK" if status == 200 else "Refused"
    return Response(status, reason, msgspec.json.encode(body), JSON)
