"""The lab's DRBD in its world: power, cables and guests move it, ssh and `ctl` reach it."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from hapanel.lab.drbd.declined import Declined
from hapanel.lab.drbd.kernel import Kernel
from hapanel.lab.drbd.lvm import LogicalVolume, NodeGroups
from hapanel.lab.drbd.side import Side
from hapanel.lab.drbd.spec import DrbdSpec, Version
from hapanel.lab.drbd.ssh import USER, NodeSsh, key_in, public_line
from hapanel.lab.drbd.tool_server import ToolServer
from hapanel.lab.drbd.tools import NodeTools, Run
from hapanel.lab.guests.volumes import volumes_on
from hapanel.lab.links import Network
from hapanel.lab.net.listener import Serve
from hapanel.lab.world import Guest, World

TICK_SECONDS = 0.25
GUEST_KIB_PER_SECOND = 48.0
KIB = 1024
NOTHING = DrbdSpec(Version.V84, [])
CLIENT_KEY = "panel_key"


class Replication:
    """DRBD and ssh of every node. `folder` keeps keys from one start to the next; without one
    they are new each time. `more_tools` are a node's tools beside those of replication.
    """

    def __init__(
        self,
        world: World,
        spec: DrbdSpec | None,
        folder: Path | None,
        more_tools: Callable[[str], dict[str, Run]],
    ) -> None:
        self._world = world
        addresses = {name: node.ip for name, node in world.nodes.items()}
        self.kernel = Kernel(spec or NOTHING, addresses, self._rate, world.random)
        self.kernel.writes, self.kernel.wall = self._writes, world.now
        world.use_group = self._use_group
        self._temporary = Path(tempfile.mkdtemp(prefix="hapanel-lab-"))
        self._keys = folder or self._temporary / "keys"
        self._client_key = key_in(self._keys, CLIENT_KEY)
        self._was_on = dict.fromkeys(world.nodes, True)
        self.groups: dict[str, NodeGroups] = {}
        self._tools: dict[str, NodeTools] = {}
        self._servers: dict[str, ToolServer] = {}
        self._ssh: dict[str, NodeSsh] = {}
        self._ticking: asyncio.Task[None] | None = None
        for name in world.nodes:
            self._equip(name, addresses, more_tools(name))

    def _equip(self, name: str, addresses: dict[str, str], more: dict[str, Run]) -> None:
        groups = self.groups[name] = NodeGroups(self.kernel, name, self._disks_in)
        others = {**groups.tools, **more}
        self._tools[name] = NodeTools(self.kernel, name, addresses, self._world.now, others)
        host_key = key_in(self._keys, f"{name}_host_key")
        self._ssh[name] = NodeSsh(host_key, self._client_key, self._temporary / name)

    def run(self) -> None:
        """Starts the tools' servers and time; Primary from the start is whoever should be."""
        for name, tools in self._tools.items():
            self._servers[name] = ToolServer(tools, self._temporary / name)
        for side in self.kernel.sides.values():
            if side.spec.is_primary_from_start:
                self.kernel.primary(side)
                if side.spec.group:
                    self.groups[side.node].activate_all(side.spec.group)
        self.follow_world()
        self.kernel.on_change.append(self._tell)
        self._world.on_change(self.follow_world)
        self._ticking = asyncio.get_running_loop().create_task(self._tick())

    def serve_ssh(self, node: str) -> Serve:
        """What the listener of that node's port runs for each client."""
        return self._ssh[node].serve

    def ssh_of(self, node: str) -> dict[str, object]:
        """How to reach a node, for the ready line."""
        host_key = self._ssh[node].host_key
        return {
            "user": USER,
            "host_key": public_line(host_key),
            "fingerprint": host_key.get_fingerprint(),
        }

    @property
    def client_key_text(self) -> str:
        """The private key that every node lets in."""
        return (self._keys / CLIENT_KEY).read_text()

    def side(self, node: str, resource: str) -> Side | None:
        """A resource on a node."""
        return self.kernel.sides.get((resource, node))

    @property
    def resources(self) -> list[str]:
        """Their names."""
        return [resource.name for resource in self.kernel.spec.resources]

    def truth(self, node: str, resource: str) -> dict[str, object]:
        """One node's side of a resource, for `ctl status`; KiB."""
        side = self.kernel.sides[resource, node]
        return {
            "up": side.is_up,
            "role": side.role.value,
            "disks": [volume.disk.value for volume in side.volumes],
            "open_by": sorted(side.openers),
            "peers": {
                peer: {
                    "connection": connection.state.value,
                    "replication": [device.repl.value for device in connection.devices],
                    "out_of_sync": [device.out_of_sync for device in connection.devices],
                }
                for peer, connection in side.connections.items()
            },
        }

    # What moves it

    def _rate(self, one: str, other: str) -> float:
        nodes = self._world.nodes
        if not (nodes[one].is_on and nodes[other].is_on):
            return 0.0
        return self._world.links.between(one, other, Network.REPLICATION).bytes_per_second()

    def _writes(self, side: Side) -> float:
        group = side.spec.group
        used = self.groups[side.node].used.get(group, set()) if group else set()
        return GUEST_KIB_PER_SECOND * len(used)

    def follow_world(self) -> None:
        """Power and guests: what runs where holds its volumes open there."""
        for name, node in self._world.nodes.items():
            if self._was_on[name] and not node.is_on:
                self.kernel.lose_power(name)
                self.groups[name].forget()
            elif node.is_on and not self._was_on[name]:
                self.kernel.boot(name)
            self._was_on[name] = node.is_on
        for side in self.kernel.sides.values():
            if side.is_up and side.spec.group:
                self.groups[side.node].use(side.spec.group, self._in_use(side))

    def _use_group(self, node: str, group: str, size: int) -> None:
        """Somebody on that node reads a group, and writes `size` bytes there. Raises ValueError."""
        sides = self.kernel.sides_on(node)
        side = next((side for side in sides if side.spec.group == group), None)
        if side is None:
            return
        is_readable = side.is_primary or self.kernel.version is Version.V9
        if not side.is_up or not is_readable:
            raise ValueError(f"Cannot process volume group {group}")
        try:
            if size >= KIB:
                self.kernel.write(side, size // KIB)
        except Declined as fault:
            raise ValueError(str(fault)) from fault

    def _in_use(self, side: Side) -> set[str]:
        group = side.spec.group or ""
        return {
            volume.name
            for guest, volume in self._guests_in(group)
            if guest.is_running and side.node in (guest.runs_on, guest.moving_to)
        }

    def _disks_in(self, group: str) -> list[LogicalVolume]:
        return [volume for _, volume in self._guests_in(group)]

    def _guests_in(self, group: str) -> list[tuple[Guest, LogicalVolume]]:
        found = []
        for storage in self._world.storages.values():
            if storage.vgname == group:
                for volume in volumes_on(self._world, storage, ""):
                    name = volume.volid.partition(":")[2]
                    guest = self._world.guests[volume.vmid]
                    found.append((guest, LogicalVolume(name, volume.size)))
        return found

    async def _tick(self) -> None:
        clock = self._world.clock
        then = clock.now()
        while True:
            await clock.pause(TICK_SECONDS)
            now = clock.now()
            self.kernel.advance((now - then) * clock.speed)
            then = now
            for server in self._servers.values():
                server.tick()

    def _tell(self) -> None:
        for server in self._servers.values():
            server.changed()

    async def close(self) -> None:
        """Ends time, tools and their folders; kept keys stay."""
        if self._ticking is not None:
            self._ticking.cancel()
        for server in self._servers.values():
            await server.close()
        shutil.rmtree(self._temporary, ignore_errors=True)
