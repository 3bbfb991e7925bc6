"""The table of endpoints: path, permission and parameters stand right above each handler.

To find who answers a path, grep for it in this folder.
"""

import asyncio
from collections.abc import Awaitable, Callable, Container, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from hapanel.lab.auth.accounts import Accounts, Principal, Privileges
from hapanel.lab.errors import ApiError, TaskFailed, died, forbidden
from hapanel.lab.formats import NODE_NAME
from hapanel.lab.names import Kind
from hapanel.lab.schema import Param, Type, Value, text
from hapanel.lab.tasks import Work

if TYPE_CHECKING:
    from hapanel.lab.cluster import Cluster
    from hapanel.lab.world import Guest, World

LOCK_TIMEOUT = 10.0
WORKER_PID = 583
REPORT_LIFETIME = 300.0
# From this many rows on, lists are sent as they are kept: with their keys in one order.
LONG_LIST = 500
# A volume's name may have slashes in it, so it is all that is left of a path.
VOLUME, REST = "{volume}", "{...}"

Handler = Callable[["Call"], object | Awaitable[object]]

NODE = text("node", **NODE_NAME)
VMID = Param("vmid", Type.INTEGER, minimum=100, maximum=999999999)


@dataclass(frozen=True)
class Needs:
    """Privileges on a path; with `any_of` one of them is enough."""

    path: str
    privileges: tuple[str, ...]
    any_of: bool = False

    def check(self, accounts: Accounts, principal: Principal, names: dict[str, str]) -> None:
        """Raises 403 as pve-access-control words it."""
        path = self.path.format_map(names)
        held = accounts.privileges(principal, path)
        missing = [name for name in self.privileges if name not in held]
        if self.any_of and len(missing) < len(self.privileges):
            return
        if missing:
            raise forbidden(path, "|".join(missing) if self.any_of else missing[0])


AUDIT_CLUSTER = Needs("/", ("Sys.Audit",))
AUDIT_NODE = Needs("/nodes/{node}", ("Sys.Audit",))
AUDIT_GUEST = Needs("/vms/{vmid}", ("VM.Audit",))
HA_WRITE = Needs("/", ("Sys.Console",))


@dataclass(frozen=True)
class Route:
    """One method of one path.

    `proxied` is answered by the node in the path; `protected` is done by its pvedaemon.
    """

    method: str
    path: str
    handler: Handler
    needs: Needs | None = None
    params: tuple[Param, ...] = ()
    proxied: bool = False
    protected: bool = False
    allow_token: bool = True
    anonymous: bool = False


@dataclass
class Listing:
    """Data with a total beside it, which PVE leaves out when it is 0."""

    data: object
    total: int


@dataclass
class Call:
    """One request on its way to a handler. `node` is who answers (after proxying)."""

    cluster: "Cluster"
    node: str
    principal: Principal
    route: Route
    values: dict[str, Value] = field(default_factory=dict)
    _held: dict[tuple[str, bool], Privileges] = field(default_factory=dict)

    @property
    def world(self) -> "World":
        """The simulated world."""
        return self.cluster.world

    def text(self, name: str, default: str = "") -> str:
        """A string parameter."""
        return str(self.values.get(name, default))

    def number(self, name: str, default: int = 0) -> int:
        """An integer parameter."""
        return int(self.values.get(name, default))

    def flag(self, name: str) -> bool:
        """A boolean parameter, false when absent."""
        return bool(self.values.get(name, False))

    def has(self, name: str) -> bool:
        """Whether the parameter was given (or has a default)."""
        return name in self.values

    def may(self, path: str, *privileges: str) -> bool:
        """Whether the caller holds one of the privileges there."""
        held = self._privileges(path)
        return any(name in held for name in privileges)

    def need(self, path: str, privilege: str) -> None:
        """For what a handler checks itself: 403 that names path and privilege."""
        if not self.may(path, privilege):
            raise forbidden(path, privilege)

    def need_writable(self, guest: "Guest") -> None:
        """For plain writes of a configuration: /etc/pve is read-only without quorum."""
        if not self.cluster.membership.is_quorate(self.node):
            file = f"nodes/{guest.node}/{guest.kind.config_folder}/{guest.vmid}.conf"
            raise died(
                f"unable to open file '/etc/pve/{file}.tmp.{WORKER_PID}' - Permission denied"
            )

    def need_writable_in_task(self, guest: "Guest") -> None:
        """The same where a task finds out."""
        try:
            self.need_writable(guest)
        except ApiError as refusal:
            raise TaskFailed(refusal.message) from refusal

    def may_below(self, folder: str, *privileges: str) -> Callable[[object], bool]:
        """For long lists: a function that says of each name below a path what `may` says."""
        inside = f"{folder}/"
        is_even = not any(path.startswith(inside) for path in self._entries)
        if is_even and not self.world.accounts.pools:
            everywhere = self.may(f"{inside}any", *privileges)
            return lambda _name: everywhere
        return lambda name: self.may(f"{inside}{name}", *privileges)

    def _privileges(self, path: str) -> Privileges:
        """Judged once for all paths that inherit from the same place: lists ask thousands."""
        accounts = self.world.accounts
        place = accounts.decided_at(path, self._entries)
        if place not in self._held:
            self._held[place] = accounts.privileges(self.principal, path)
        return self._held[place]

    @cached_property
    def _entries(self) -> set[str]:
        return self.world.accounts.acl_paths()

    @cached_property
    def silent(self) -> Container[str]:
        """Nodes of which the answering one has no report, or one so old that it is dropped."""
        membership = self.cluster.membership
        return {
            name
            for name in self.world.nodes
            if membership.is_silent(self.node, name, REPORT_LIFETIME)
        }

    @property
    def kind(self) -> Kind:
        """Which of the two guest trees the path is in."""
        return Kind.LXC if "/lxc" in self.route.path else Kind.QEMU

    def guest(self) -> "Guest":
        """The guest named by the path, on the node named by the path."""
        return self.world.guest_on(self.text("node"), self.kind, self.number("vmid"))

    def need_quorum(self) -> None:
        """For methods that check first."""
        if not self.cluster.membership.is_quorate(self.node):
            raise died("cluster not ready - no quorum?")

    async def need_lock(self, name: str, prefix: str = "") -> None:
        """For methods that only try the cluster lock: they give up after ten seconds."""
        if not self.cluster.membership.is_quorate(self.node):
            await self.world.clock.pass_time(LOCK_TIMEOUT)
            raise died(f"{prefix}cfs-lock '{name}' error: no quorum!")

    def fork(self, type_: str, id_: object, work: Work, *, node: str | None = None) -> str:
        """Starts a task of the caller on the answering (or another) node and gives its UPID."""
        place = self.world.nodes[node or self.node]
        who = self.principal
        return self.world.tasks.start(place, type_, str(id_), who.user, work, token=who.token).upid

    def shuffled(self, rows: list[dict[str, object]]) -> list[dict[str, object]]:
        """Rows in no particular order, as PVE's hashes give them."""
        self.world.random.shuffle(rows)
        return rows


class Table:
    """Routes by path, found segment by segment."""

    def __init__(self) -> None:
        self.routes: list[Route] = []
        self._tree: dict[str, object] = {}

    def on(
        self,
        method: str,
        path: str,
        *,
        needs: Needs | None = None,
        params: Sequence[Param] = (),
        proxied: bool = False,
        protected: bool | None = None,
        allow_token: bool = True,
        anonymous: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Registers the decorated handler. Parameters of the path are declared by their names,
        unless `params` does it; writes are protected unless they say otherwise.
        """
        protects = method != "GET" if protected is None else protected

        def register(handler: Handler) -> Handler:
            declared = (*_path_params(path, params), *params)
            self._add(
                Route(
                    method, path, handler, needs, declared,
                    proxied, protects, allow_token, anonymous,
                )
            )  # fmt: skip
            return handler

        return register

    def _add(self, route: Route) -> None:
        self.routes.append(route)
        branch = self._tree
        for part in _parts(route.path):
            key = REST if part == VOLUME else "{}" if part.startswith("{") else part
            branch = branch.setdefault(key, {})  # type: ignore[assignment]
        branch[f" {route.method}"] = route

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route and the path's parameters. Raises 501 for what does not exist."""
        branch: dict[str, object] = self._tree
        wild: list[str] = []
        parts = _parts(path)
        for number, part in enumerate(parts):
            if REST in branch:
                branch = branch[REST]  # type: ignore[assignment]
                wild.append("/".join(parts[number:]))
                break
            if part in branch:
                branch = branch[part]  # type: ignore[assignment]
            elif "{}" in branch:
                branch = branch["{}"]  # type: ignore[assignment]
                wild.append(part)
            else:
                raise not_implemented(method, path)
        route = branch.get(f" {method}")
        if not isinstance(route, Route):
            raise not_implemented(method, path)
        names = [part[1:-1] for part in _parts(route.path) if part.startswith("{")]
        return route, dict(zip(names, wild, strict=True))


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def _path_params(path: str, params: Sequence[Param]) -> list[Param]:
    names = [part[1:-1] for part in _parts(path) if part.startswith("{")]
    declared = {param.name for param in params}
    return [_path_param(name) for name in names if name not in declared]


def _path_param(name: str) -> Param:
    return {"node": NODE, "vmid": VMID}.get(name) or text(name)


def not_implemented(method: str, path: str) -> ApiError:
    """What PVE says of a method that it does not have."""
    shown = path if path.startswith("/") else f"/{path}"
    return ApiError(501, f"Method '{method} {shown}' not implemented", newline=False)


async def result_of(call: Call) -> object:
    """Runs the handler, whichever way it is written."""
    result = call.route.handler(call)
    if asyncio.iscoroutine(result) or isinstance(result, asyncio.Future):
        return await result
    return result


api = Table()
