"""/nodes/{node}/qemu|lxc/{vmid}/migrate: preconditions, and the call that starts a move."""

from hapanel.lab.api.routing import NODE, Call, Needs, api
from hapanel.lab.errors import bad_parameters, died
from hapanel.lab.migration.container import container_migration
from hapanel.lab.migration.disks import disks_of, local_disks_of
from hapanel.lab.migration.journey import Order
from hapanel.lab.migration.live import live_migration, offline_migration
from hapanel.lab.schema import Param, Type, flag, items_of, maybe
from hapanel.lab.tasks import Task
from hapanel.lab.world import Guest

Row = dict[str, object]

MIGRATE = Needs("/vms/{vmid}", ("VM.Migrate",))
TARGET = Param("target", pattern=NODE.pattern, invalid=NODE.invalid)
MAYBE_TARGET = maybe("target", pattern=NODE.pattern, invalid=NODE.invalid)
ROOT_ONLY = ("force", "migration_type", "migration_network")
HA_COMMAND_SECONDS = 1.0
STORAGE_MAP = r"1|[\w.-]+(:[\w.-]+)?([,; ][\w.-]+:[\w.-]+)*"


@api.on(
    "GET",
    "/nodes/{node}/qemu/{vmid}/migrate",
    needs=MIGRATE,
    proxied=True,
    protected=True,
    params=[MAYBE_TARGET],
)
def vm_preconditions(call: Call) -> object:
    """Where a VM may go and what holds it back; does not ask whether a node is online."""
    call.need_quorum()
    guest = _unlocked(call)
    others = [name for name in call.world.nodes if name != guest.node]
    missing = {name: unavailable(call, guest, name) for name in others}
    answer: Row = {
        "running": int(guest.is_running),
        "allowed_nodes": [name for name in others if not missing[name]],
        "not_allowed_nodes": {
            name: {"unavailable_storages": gone} if gone else {} for name, gone in missing.items()
        },
        "local_disks": local_disks(call, guest),
        "local_resources": [],
        "mapped-resources": [],
        "mapped-resource-info": {},
        "has-dbus-vmstate": 1,
    }
    if call.cluster.ha.is_managed(guest):
        answer["dependent-ha-resources"] = []
    return answer


@api.on(
    "GET",
    "/nodes/{node}/lxc/{vmid}/migrate",
    needs=MIGRATE,
    proxied=True,
    protected=True,
    params=[MAYBE_TARGET],
)
def ct_preconditions(call: Call) -> object:
    """The container's spelling has dashes and says nothing of storages."""
    call.need_quorum()
    guest = _unlocked(call)
    answer: Row = {
        "running": int(guest.is_running),
        "allowed-nodes": [name for name in call.world.nodes if name != guest.node],
        "not-allowed-nodes": {},
    }
    if call.cluster.ha.is_managed(guest):
        answer["dependent-ha-resources"] = []
    return answer


def _unlocked(call: Call) -> Guest:
    guest = call.guest()
    if guest.lock is not None:
        raise died(f"{guest.kind.label} is locked ({guest.lock})")
    return guest


def local_disks(call: Call, guest: Guest) -> list[Row]:
    """Volumes on storages that are not shared."""
    return [
        {
            "volid": d.volume,
            "drivename": d.key,
            "size": d.size,
            "cdrom": 0,
            "is_attached": int(not d.key.startswith("unused")),
            "is_cloudinit": 0,
            "is_tpmstate": int(d.key.startswith("tpmstate")),
            "is_unused": int(d.key.startswith("unused")),
            "is_vmstate": 0,
            "replicate": 1,
            "shared": 0,
        }
        for d in local_disks_of(call.world, guest)
    ]


def unavailable(call: Call, guest: Guest, node: str) -> list[str]:
    """Storages of the guest that are not on that node."""
    storages = call.world.storages
    used = {disk.storage for disk in disks_of(guest) if disk.storage in storages}
    return sorted(name for name in used if not storages[name].is_on(node))


@api.on(
    "POST",
    "/nodes/{node}/qemu/{vmid}/migrate",
    needs=MIGRATE,
    proxied=True,
    params=[
        TARGET,
        flag("online"),
        flag("force"),
        flag("with-local-disks"),
        flag("with-conntrack-state"),
        maybe("bwlimit", Type.INTEGER, minimum=0),
        maybe("migration_network"),
        maybe("migration_type", enum=("secure", "insecure")),
        maybe("targetstorage", pattern=STORAGE_MAP),
    ],
)
def vm_migrate(call: Call) -> object:
    """qmigrate, or hamigrate for a guest under HA."""
    for name in ROOT_ONLY:
        if call.has(name) and not call.principal.is_root_itself:
            raise bad_parameters({name: "Only root may use this option."})
    guest, target = _ready_to_go(call), call.text("target")
    if guest.is_running and not call.flag("online"):
        raise died("can't migrate running VM without --online")
    storages = _storage_map(call, guest, "targetstorage")
    if not storages:
        for storage in unavailable(call, guest, target):
            raise died(f"storage '{storage}' is not available on node '{target}'")
    order = Order(
        guest.vmid,
        guest.node,
        target,
        limit_kib=call.number("bwlimit"),
        with_local_disks=call.flag("with-local-disks"),
        storages=storages,
    )
    return move_vm(call, guest, order)


def move_vm(call: Call, guest: Guest, order: Order) -> str:
    """The task that moves a VM, live when it runs; its UPID."""
    if call.cluster.ha.is_managed(guest):
        return _through_ha(call, guest, order.target)
    guest.lock = "migrate"
    start = live_migration if guest.is_running else offline_migration
    work = start(call.world, order)
    return call.fork(guest.kind.migration_task, guest.vmid, work, node=guest.node)


@api.on(
    "POST",
    "/nodes/{node}/lxc/{vmid}/migrate",
    needs=MIGRATE,
    proxied=True,
    params=[
        TARGET,
        flag("online"),
        flag("restart"),
        maybe("timeout", Type.INTEGER),
        maybe("bwlimit", Type.NUMBER, minimum=0),
        maybe("target-storage", pattern=STORAGE_MAP),
    ],
)
def ct_migrate(call: Call) -> object:
    """vzmigrate (its task refuses online), or hamigrate for a guest under HA."""
    guest = _ready_to_go(call)
    online, restart = call.flag("online"), call.flag("restart")
    if guest.is_running and not online and not restart:
        raise died("can't migrate running container without --online or --restart")
    storages = _storage_map(call, guest, "target-storage")
    order = Order(guest.vmid, guest.node, call.text("target"), storages=storages)
    return move_container(call, guest, order, restart=restart, online=online)


def move_container(
    call: Call, guest: Guest, order: Order, *, restart: bool, online: bool = False
) -> str:
    """The task that moves a container; its UPID."""
    if call.cluster.ha.is_managed(guest):
        return _through_ha(call, guest, order.target)
    guest.lock = "migrate"
    work = container_migration(call.world, order, restart=restart, online=online)
    return call.fork(guest.kind.migration_task, guest.vmid, work, node=guest.node)


def _storage_map(call: Call, guest: Guest, name: str) -> dict[str, str]:
    """Where disks of which storage go; `""` is for all others. Empty when each stays."""
    text = call.text(name)
    if text in ("", "1"):
        return {}
    pairs = [pair.rpartition(":") for pair in items_of(text)]
    storages = {source: into for source, _, into in pairs}
    call.need(f"/vms/{guest.vmid}", "VM.Config.Disk")
    for storage in storages.values():
        if storage not in call.world.storages:
            raise died(f"storage '{storage}' does not exist")
        if not call.world.storages[storage].is_on(call.text("target")):
            raise died(f"storage '{storage}' is not available on node '{call.text('target')}'")
        call.need(f"/storage/{storage}", "Datastore.AllocateSpace")
    return storages


def _ready_to_go(call: Call) -> Guest:
    """The checks both kinds share, in PVE's order."""
    check_target(call)
    return _unlocked(call)


def check_target(call: Call) -> None:
    """Another node of a cluster that has quorum."""
    target = call.text("target")
    if target == call.values.get("node"):
        raise bad_parameters({"target": "target is local node."})
    call.need_quorum()
    if target not in call.world.nodes:
        raise died(f"no such cluster node '{target}'")


def _through_ha(call: Call, guest: Guest, target: str) -> str:
    """hamigrate: queues the wish for the manager and ends at once. OK only means queued."""
    title = guest.kind.label

    async def work(task: Task) -> None:
        task.print(f"Requesting HA migration for {title} {guest.vmid} to node {target}")
        await call.world.clock.pass_time(HA_COMMAND_SECONDS)
        await call.cluster.ha.write_through(call.node, f"migrate {guest.sid} {target}")
        call.cluster.ha.command(f"migrate {guest.sid} {target}")

    return call.fork("hamigrate", guest.vmid, work, node=guest.node)
