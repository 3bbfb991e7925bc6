"""/nodes/{node}/qemu|lxc/{vmid}/migrate: preconditions, and the call that starts a move."""

from hapanel.lab.api.routing import NODE, Call, Needs, api
from hapanel.lab.errors import bad_parameters, died
from hapanel.lab.migration.container import container_migration
from hapanel.lab.migration.disks import disks_of, local_disks_of
from hapanel.lab.migration.journey import Order
from hapanel.lab.migration.live import live_migration, offline_migration
from hapanel.lab.schema import Param, Type, flag, maybe
from hapanel.lab.tasks import Task
from hapanel.lab.world import Guest

Row = dict[str, object]

MIGRATE = Needs("/vms/{vmid}", ("VM.Migrate",))
TARGET = Param("target", pattern=NODE.pattern, invalid=NODE.invalid)
MAYBE_TARGET = maybe("target", pattern=NODE.pattern, invalid=NODE.invalid)
ROOT_ONLY = ("force", "migration_type", "migration_network")
HA_COMMAND_SECONDS = 1.0


@api.on(
    "GET", "/nodes/{node}/qemu/{vmid}/migrate", needs=MIGRATE, proxied=True, params=[MAYBE_TARGET]
)
def vm_preconditions(call: Call) -> object:
    """Where a VM may go and what holds it back; does not ask whether a node is online."""
    call.need_quorum()
    guest = _unlocked(call)
    others = [name for name in call.world.nodes if name != guest.node]
    missing = {name: _unavailable(call, guest, name) for name in others}
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
    "GET", "/nodes/{node}/lxc/{vmid}/migrate", needs=MIGRATE, proxied=True, params=[MAYBE_TARGET]
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
        {"volid": d.volume, "drivename": d.key, "size": d.size, "cdrom": 0, "is_unused": 0}
        for d in local_disks_of(call.world, guest)
    ]


def _unavailable(call: Call, guest: Guest, node: str) -> list[str]:
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
        maybe("targetstorage"),
    ],
)
def vm_migrate(call: Call) -> object:
    """qmigrate, or hamigrate for a guest under HA."""
    guest = _ready_vm(call)
    if call.cluster.ha.is_managed(guest):
        return _through_ha(call, guest)
    order = Order(
        guest.vmid,
        guest.node,
        call.text("target"),
        limit_kib=call.number("bwlimit"),
        with_local_disks=call.flag("with-local-disks"),
    )
    guest.lock = "migrate"
    start = live_migration if guest.is_running else offline_migration
    return call.fork(guest.kind.migration_task, guest.vmid, start(call.world, order))


def _ready_vm(call: Call) -> Guest:
    """What a VM's migration is refused for at once, in PVE's order."""
    for name in ROOT_ONLY:
        if call.has(name) and not call.principal.is_root_itself:
            raise bad_parameters({name: "Only root may use this option."})
    guest = _ready_to_go(call)
    if guest.is_running and not call.flag("online"):
        raise died("can't migrate running VM without --online")
    for storage in _unavailable(call, guest, call.text("target")):
        raise died(f"storage '{storage}' is not available on node '{call.text('target')}'")
    if call.text("targetstorage", "1") != "1" and local_disks(call, guest):
        raise died("the lab does not change the storage of a disk")
    return guest


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
        maybe("target-storage"),
    ],
)
def ct_migrate(call: Call) -> object:
    """vzmigrate (its task refuses online), or hamigrate for a guest under HA."""
    guest = _ready_to_go(call)
    if call.cluster.ha.is_managed(guest):
        return _through_ha(call, guest)
    order = Order(guest.vmid, guest.node, call.text("target"))
    guest.lock = "migrate"
    restart, online = call.flag("restart"), call.flag("online")
    work = container_migration(call.world, order, restart=restart, online=online)
    return call.fork(guest.kind.migration_task, guest.vmid, work)


def _ready_to_go(call: Call) -> Guest:
    """The checks both kinds share, in PVE's order."""
    target = call.text("target")
    if target == call.text("node"):
        raise bad_parameters({"target": "target is local node."})
    call.need_quorum()
    if target not in call.world.nodes:
        raise died(f"no such cluster node '{target}'")
    return _unlocked(call)


def _through_ha(call: Call, guest: Guest) -> str:
    """hamigrate: queues the wish for the manager and ends at once. OK only means queued."""
    target, title = call.text("target"), guest.kind.label

    async def work(task: Task) -> None:
        task.print(f"Requesting HA migration for {title} {guest.vmid} to node {target}")
        await call.world.clock.pass_time(HA_COMMAND_SECONDS)
        await call.cluster.ha.write_through(call.node, f"migrate {guest.sid} {target}")
        call.cluster.ha.request_migration(guest.sid, target)

    return call.fork("hamigrate", guest.vmid, work)
