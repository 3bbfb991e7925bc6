"""Scenarios: JSON files that describe a cluster, and how a world is made of one."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from hapanel.lab.auth.accounts import Pool
from hapanel.lab.clock import Clock
from hapanel.lab.drbd.spec import DrbdSpec
from hapanel.lab.guests.sizes import GIB, MIB
from hapanel.lab.guests.volumes import volume_id
from hapanel.lab.ha.rules import Rule, RuleType
from hapanel.lab.names import Kind
from hapanel.lab.world import Busyness, Guest, Node, Serves, Storage, World

FOLDER = Path(__file__).parent / "scenarios"
FIRST_NODE_HOST = 20
FIRST_GUEST_HOST = 100
GUEST_PORT = 8080
UPTIME_AT_START = 86_400.0


class NodeSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A node; sizes in GiB."""

    name: str
    cores: int = 8
    memory_gib: int = 32
    disk_gib: int = 240
    votes: int = 1


class StorageSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A storage; sizes in GiB. `templates` are files that containers can be made of, `options`
    further lines of its storage.cfg entry.
    """

    storage: str
    type: str
    content: str
    shared: bool = False
    total_gib: int = 100
    used_gib: int = 20
    nodes: list[str] = []
    vgname: str | None = None
    device: str | None = None
    path: str | None = None
    options: dict[str, str | int] = {}
    templates: list[str] = []


class ServesSpec(msgspec.Struct, forbid_unknown_fields=True):
    """The guest's web service; `boot_seconds` until it answers after a start."""

    name: str
    boot_seconds: float = 12.0


class GuestSpec(msgspec.Struct, forbid_unknown_fields=True):
    """A guest; `dirty_mib` is what it dirties a second, `working_set_mib` at most how much.

    `behind` names the service that another guest serves and that needs this one.
    """

    vmid: int
    kind: Kind
    name: str
    node: str
    memory_mib: int
    disk_gib: int
    cores: int = 2
    storage: str = "vg_drbd"
    running: bool = True
    ha: bool = False
    onboot: bool = False
    dirty_mib: float = 10.0
    working_set_mib: int = 512
    resident: float = 0.92
    tags: str | None = None
    serves: ServesSpec | None = None
    behind: str | None = None


class RuleSpec(msgspec.Struct, forbid_unknown_fields=True):
    """An HA rule over guests, by their numbers."""

    rule: str
    type: RuleType
    guests: list[int]
    nodes: list[str] = []
    strict: bool = False
    affinity: str | None = None
    comment: str | None = None


class Scenario(msgspec.Struct, forbid_unknown_fields=True):
    """A whole cluster. A `standalone` node has no corosync; no storages mean PVE's own `local`.
    `pools` name guests by their numbers, `drbd` are the nodes' DRBD resources.
    """

    cluster: str
    nodes: list[NodeSpec]
    storages: list[StorageSpec]
    guests: list[GuestSpec]
    qdevice: str | None = None
    crm_master: str | None = None
    leaf_without_aki: bool = False
    standalone: bool = False
    rules: list[RuleSpec] = []
    pools: dict[str, list[int]] = {}
    drbd: DrbdSpec | None = None
    seed: int = 1


DEFAULT_STORAGE = StorageSpec(
    storage="local",
    type="dir",
    content="backup,images,iso,rootdir,snippets,vztmpl",
    path="/var/lib/vz",
    options={"prune-backups": "keep-all=1", "priority": 0},
)


class UnknownScenario(ValueError):
    """No such file, or none of a scenario; the text says what there is, or what is wrong."""


def load(name: str) -> Scenario:
    """Reads a scenario by its name or by the path of a file."""
    path = Path(name) if name.endswith(".json") else FOLDER / f"{name}.json"
    if not path.is_file():
        known = sorted(file.stem for file in FOLDER.glob("*.json"))
        raise UnknownScenario(f"no scenario {name!r}; there are: {', '.join(known)} and scale")
    try:
        return msgspec.json.decode(path.read_bytes(), type=Scenario)
    except (OSError, msgspec.MsgspecError) as fault:
        raise UnknownScenario(f"{path} is no scenario: {fault}") from fault


def rules_of(scenario: Scenario, world: World) -> Iterator[Rule]:
    """The scenario's HA rules in the manager's words."""
    for spec in scenario.rules:
        yield Rule(
            spec.rule,
            spec.type,
            resources=[world.guests[vmid].sid for vmid in spec.guests],
            nodes=dict.fromkeys(spec.nodes),
            strict=spec.strict,
            affinity=spec.affinity,
            comment=spec.comment,
        )


def build(scenario: Scenario, clock: Clock, net: str) -> World:
    """A world as the scenario says, with addresses below `net` (three octets)."""
    world = World(clock, scenario.cluster, scenario.seed)
    for number, node in enumerate(scenario.nodes):
        world.nodes[node.name] = _node(node, number, net, clock.now())
    world.has_corosync = not scenario.standalone
    world.has_storage_config = bool(scenario.storages)
    for storage in scenario.storages or [DEFAULT_STORAGE]:
        world.storages[storage.storage] = _storage(storage)
    serving = 0
    for spec in sorted(scenario.guests, key=lambda guest: guest.vmid):
        address = f"{net}.{FIRST_GUEST_HOST + serving}"
        serving += spec.serves is not None
        guest = world.guests[spec.vmid] = _guest(world, spec, address)
        if spec.running:
            _run_since_yesterday(world, guest)
    for name, vmids in scenario.pools.items():
        world.accounts.pools[name] = Pool(name, vms=set(vmids))
    return world


def _node(spec: NodeSpec, number: int, net: str, now: float) -> Node:
    return Node(
        name=spec.name,
        node_id=number + 1,
        ip=f"{net}.{FIRST_NODE_HOST + number}",
        cores=spec.cores,
        memory=spec.memory_gib * GIB,
        disk=spec.disk_gib * GIB,
        booted_at=now - UPTIME_AT_START - 600 * number,
        votes=spec.votes,
    )


def _storage(spec: StorageSpec) -> Storage:
    return Storage(
        storage=spec.storage,
        type=spec.type,
        content=spec.content,
        shared=spec.shared,
        total=spec.total_gib * GIB,
        used=spec.used_gib * GIB,
        nodes=tuple(spec.nodes),
        vgname=spec.vgname,
        device=spec.device,
        path=spec.path,
        options=dict(spec.options),
        templates=tuple(spec.templates),
    )


def _guest(world: World, spec: GuestSpec, address: str) -> Guest:
    disk = volume_id(world.storages[spec.storage], spec.vmid, 0) + f",size={spec.disk_gib}G"
    config = _vm_config(spec, disk) if spec.kind is Kind.QEMU else _ct_config(spec, disk)
    if spec.onboot:
        config["onboot"] = 1
    if spec.tags:
        config["tags"] = spec.tags
    serves = Serves(spec.serves.name, address, spec.serves.boot_seconds) if spec.serves else None
    return Guest(
        vmid=spec.vmid,
        kind=spec.kind,
        node=spec.node,
        config=config,
        host_cores=world.nodes[spec.node].cores,
        busy=Busyness(spec.dirty_mib * MIB, spec.working_set_mib * MIB, spec.resident),
        serves=serves,
    )


def _mac(vmid: int) -> str:
    tail = hashlib.sha256(str(vmid).encode()).hexdigest()[:6].upper()
    return f"BC:24:11:{tail[0:2]}:{tail[2:4]}:{tail[4:6]}"


def _uuid(spec: GuestSpec, what: str) -> str:
    digest = hashlib.sha256(f"{what}{spec.vmid}".encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"


def _vm_config(spec: GuestSpec, disk: str) -> dict[str, object]:
    """QEMU keeps `memory` as a string (recordings)."""
    return {
        "name": spec.name,
        "memory": str(spec.memory_mib),
        "cores": spec.cores,
        "sockets": 1,
        "cpu": "x86-64-v2-AES",
        "ostype": "l26",
        "boot": "order=scsi0;net0",
        "scsihw": "virtio-scsi-single",
        "scsi0": disk,
        "net0": f"virtio={_mac(spec.vmid)},bridge=vmbr0",
        "smbios1": f"uuid={_uuid(spec, 'smbios')}",
        "vmgenid": _uuid(spec, "gen"),
        "meta": "creation-qemu=10.1.2,ctime=1790000000",
    }


def _ct_config(spec: GuestSpec, disk: str) -> dict[str, object]:
    return {
        "hostname": spec.name,
        "arch": "amd64",
        "ostype": "debian",
        "memory": spec.memory_mib,
        "swap": 512,
        "cores": spec.cores,
        "rootfs": disk,
        "net0": f"name=eth0,bridge=vmbr0,hwaddr={_mac(spec.vmid)},ip=dhcp,type=veth",
        "unprivileged": 1,
    }


def _run_since_yesterday(world: World, guest: Guest) -> None:
    world.start_guest(guest, guest.node)
    guest.started_at = world.nodes[guest.node].booted_at + 90
    if guest.serves is not None:
        guest.serves.ready_at = 0.0
