"""One node's API over HTTPS: sign-in, proxying to other nodes, PVE's forms, and its faults."""

import asyncio
import traceback
from collections.abc import Mapping

import msgspec

from hapanel.lab.api.areas import api
from hapanel.lab.api.routing import LONG_LIST, Call, Listing, Route, result_of
from hapanel.lab.auth.accounts import Principal
from hapanel.lab.auth.sign_in import who_asks
from hapanel.lab.cluster import Cluster
from hapanel.lab.disguise import Disguise
from hapanel.lab.errors import ApiError, bad_parameters, died
from hapanel.lab.faults import ApiFault, Misbehaviour
from hapanel.lab.net.http import BadRequest, Request, Response, read_request
from hapanel.lab.net.listener import Connection
from hapanel.lab.schema import verify
from hapanel.lab.services import DAEMON, FILE_SYSTEM, PROXY
from hapanel.lab.spoiling import reset, send, spoiled
from hapanel.lab.world import Power

JSON = "application/json;charset=UTF-8"
SERVER = "pve-api-daemon/3.0"
PREFIX = "/api2/json"
METHODS = frozenset(("GET", "POST", "PUT", "DELETE"))
IDLE_SECONDS = 5.0
REQUESTS_PER_CONNECTION = 100
UNREACHABLE_SECONDS = 3.0
PROXY_TIMEOUT = 30.0
AUTH_DELAY = 3.0


class NodeApi:
    """Serves the connections of one node. `faults` of every node matter, because of proxying."""

    def __init__(
        self,
        node: str,
        cluster: Cluster,
        faults: Mapping[str, ApiFault],
        disguise: Disguise | None = None,
    ) -> None:
        self._node = node
        self._cluster = cluster
        self._faults = faults
        self._disguise = Disguise() if disguise is None else disguise

    async def serve(self, connection: Connection) -> None:
        """Answers request after request until either side has enough."""
        for number in range(1, REQUESTS_PER_CONNECTION + 1):
            try:
                request = await asyncio.wait_for(read_request(connection.reader), IDLE_SECONDS)
            except TimeoutError:
                return
            except BadRequest as bad:
                raw = _bare(bad.status, bad.reason).wire(close=True, server=SERVER)
                connection.writer.write(raw)
                return
            if request is None:
                return
            self._cluster.calls[self._node] += 1
            fault = self._fault_of(request)
            answer = await self._answer(request, fault)
            if fault is not None and fault.kind is Misbehaviour.RESET:
                reset(connection)
                return
            if answer is None:
                return
            last = request.wants_close or answer.status >= 400 or number == REQUESTS_PER_CONNECTION
            raw = answer.packed(request).wire(close=last, server=SERVER)
            await send(connection, raw, fault)
            if last:
                return

    def _fault_of(self, request: Request) -> ApiFault | None:
        fault = self._faults[self._node]
        return fault if fault.hits(request.method, request.path) else None

    async def _answer(self, request: Request, fault: ApiFault | None) -> Response | None:
        """The answer to send; None when the connection is to be closed without one."""
        if fault is not None and fault.kind is Misbehaviour.HANG:
            await asyncio.Event().wait()
        if fault is not None and fault.kind is Misbehaviour.SLOW:
            await asyncio.sleep(fault.milliseconds / 1000)
        if fault is not None and fault.prevents_the_work:
            return spoiled(Response(200, "OK"), fault)
        answer = await self.answer(request)
        return spoiled(answer, fault) if fault else answer

    async def answer(self, request: Request) -> Response:
        """What this node says, without its faults but in the cluster's disguise."""
        if not self._disguise:
            return await self._true_answer(request)
        answer = await self._true_answer(self._disguise.read(request))
        return self._disguise.told(answer, self._node, self._cluster.world.now())

    async def _true_answer(self, request: Request) -> Response:
        try:
            return _ok(await self._handle(request), self._cluster)
        except ApiError as error:
            if error.status == 401:
                await self._cluster.world.clock.pass_time(AUTH_DELAY)
            return _refusal(error)
        except BadRequest as fault:
            return _bare(fault.status, fault.reason)
        except Exception as bug:
            traceback.print_exc()
            return _refusal(died(f"the lab itself failed: {bug!r}"))

    async def _handle(self, request: Request) -> object:
        if request.method not in METHODS:
            raise ApiError(501, f"method '{request.method}' not available", bare=True)
        if not request.path.startswith(PREFIX):
            raise ApiError(501, f"no such file '{request.path}'", bare=True)
        if request.method in ("GET", "DELETE") and request.body:
            raise ApiError(501, f"Unexpected content for method '{request.method}'", bare=True)
        path = request.path.removeprefix(PREFIX) or "/"
        await self._need_file_system(self._node)
        principal = who_asks(request, path, self._cluster)
        route, names = api.find(request.method, path)
        if not route.anonymous:
            self._check_rights(route, principal, names)
        if names.get("node") == "localhost":
            names["node"] = self._node
        node = await self._place(route, names)
        self._need_daemon(route, node)
        values = verify(_merged(request.parameters(), names), route.params)
        return await result_of(Call(self._cluster, node, principal, route, values))

    def _check_rights(self, route: Route, principal: Principal, names: dict[str, str]) -> None:
        if principal.token and not route.allow_token:
            raise ApiError(
                403,
                f"Permission check failed (URI '{route.path}' not available with API token, "
                "need proper ticket.\n)",
            )
        if route.needs is not None:
            route.needs.check(self._cluster.world.accounts, principal, names)

    async def _place(self, route: Route, names: dict[str, str]) -> str:
        """Who answers: this node, or the one in the path when the method is proxied there."""
        target = names.get("node", self._node)
        if not route.proxied or target == self._node:
            return self._node
        other = self._cluster.world.node(target)
        clock = self._cluster.world.clock
        reachable = target in self._cluster.membership.seen[self._node]
        if other.power is not Power.ON or not reachable:
            await clock.pass_time(UNREACHABLE_SECONDS)
            raise ApiError(595, "No route to host", bare=True)
        if not other.services.runs(PROXY) or self._faults[target].kind is Misbehaviour.REFUSE:
            raise ApiError(595, "Connection refused", bare=True)
        await self._need_file_system(target)
        match self._faults[target].kind:
            case Misbehaviour.HANG:
                await clock.pass_time(PROXY_TIMEOUT)
                raise ApiError(596, "Connection timed out", bare=True)
            case Misbehaviour.SLOW:
                await asyncio.sleep(self._faults[target].milliseconds / 1000)
        return target

    async def _need_file_system(self, node: str) -> None:
        """pveproxy reads users and permissions from pmxcfs before anything else, and answers like
        a failed sign-in: late and bare.
        """
        if not self._cluster.world.nodes[node].services.runs(FILE_SYSTEM):
            await self._cluster.world.clock.pass_time(AUTH_DELAY)
            reason = "RPCEnvironment init request failed: Unable to load access control list"
            raise ApiError(500, f"{reason}: Connection refused", bare=True)

    def _need_daemon(self, route: Route, node: str) -> None:
        """pveproxy hands what needs root to pvedaemon."""
        if route.protected and not self._cluster.world.nodes[node].services.runs(DAEMON):
            raise ApiError(595, "Connection refused", bare=True)


def _merged(given: dict[str, str], in_path: dict[str, str]) -> dict[str, str]:
    """Parameters and those of the path. Raises 400 when one says two things."""
    twice = "duplicate parameter (already defined in URI) with conflicting values!"
    errors = {n: twice for n, value in in_path.items() if given.get(n, value) != value}
    if errors:
        raise bad_parameters(errors)
    return {**given, **in_path}


def _ok(result: object, cluster: Cluster) -> Response:
    body: dict[str, object] = {"data": result}
    if isinstance(result, Listing):
        body = {"data": result.data, **({"total": result.total} if result.total else {})}
    return Response(200, "OK", msgspec.json.encode(jumbled(body, cluster)), JSON)


def jumbled(value: object, cluster: Cluster) -> object:
    """The same with keys in another order: Perl's hashes have none, and clients must not lean on
    one. Long lists are left as they are, for speed.
    """
    if isinstance(value, dict):
        items = list(value.items())
        cluster.world.random.shuffle(items)
        return {key: jumbled(item, cluster) for key, item in items}
    if isinstance(value, list) and len(value) < LONG_LIST:
        return [jumbled(item, cluster) for item in value]
    return value


def _refusal(error: ApiError) -> Response:
    reason = error.message.split("\n")[0]
    if error.bare:
        return _bare(error.status, reason)
    text = (
        error.message if error.message.endswith("\n") or not error.newline else f"{error.message}\n"
    )
    body: dict[str, object] = {"data": None, "message": text}
    if error.errors:
        body["errors"] = error.errors
    return Response(error.status, reason, msgspec.json.encode(body), JSON)


def _bare(status: int, reason: str) -> Response:
    return Response(status, reason)
