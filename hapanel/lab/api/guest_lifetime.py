"""POST /nodes/{node}/qemu|lxc and DELETE /nodes/{node}/qemu|lxc/{vmid}: guests come and go."""

from collections.abc import Callable

from hapanel.ha.engine.words import Requested
from hapanel.lab.api.guest_config import check_disks, check_options, options_of
from hapanel.lab.api.guest_restore import (
    check_container_number,
    may_overwrite,
    restore_container,
    restore_vm,
)
from hapanel.lab.api.routing import VMID, Call, Needs, api
from hapanel.lab.errors import ApiError, TaskFailed, bad_parameters, died
from hapanel.lab.formats import POOL_ID, STORAGE_ID
from hapanel.lab.guests.life import NewGuest, creation, destruction, reserve
from hapanel.lab.guests.options import CT_OPTIONS, VM_OPTIONS
from hapanel.lab.ha.configuration import Resource
from hapanel.lab.names import Kind
from hapanel.lab.power import Action, task_type, work_of
from hapanel.lab.schema import Param, Type, flag, maybe
from hapanel.lab.tasks import Task
from hapanel.lab.world import Guest

ALLOCATE = Needs("/vms/{vmid}", ("VM.Allocate",))
_COMMON = [
    maybe("storage", **STORAGE_ID),
    maybe("pool", **POOL_ID),
    flag("start"),
    flag("ha-managed"),
]


@api.on(
    "POST",
    "/nodes/{node}/qemu",
    proxied=True,
    params=[
        VMID,
        *_COMMON,
        maybe("archive", max_length=255),
        maybe("bwlimit", Type.INTEGER, minimum=0),
        maybe("force", Type.BOOLEAN, requires="archive"),
        maybe("import-working-storage", **STORAGE_ID),
        flag("live-restore"),
        maybe("unique", Type.BOOLEAN, requires="archive"),
        *VM_OPTIONS,
    ],
)
def vm_create(call: Call) -> object:
    """qmcreate, or qmrestore with an archive. Parameters come before rights here."""
    call.need_quorum()
    if call.has("storage"):
        call.need(f"/storage/{call.text('storage')}", "Datastore.AllocateSpace")
    _check_may_create(call)
    if call.text("archive"):
        return restore_vm(call, lambda guest: _afterwards(call, guest))
    _check_disks_and_options(call)
    return _create(call, NewGuest(call.number("vmid"), Kind.QEMU, call.node, options_of(call)))


@api.on(
    "POST",
    "/nodes/{node}/lxc",
    proxied=True,
    params=[
        VMID,
        Param("ostemplate", max_length=255),
        *_COMMON,
        flag("force"),
        flag("restore"),
        maybe("unique", Type.BOOLEAN, requires="restore"),
        flag("ignore-unpack-errors"),
        maybe("bwlimit", Type.NUMBER, minimum=0),
        maybe("password", min_length=5),
        maybe("ssh-public-keys"),
        *CT_OPTIONS,
    ],
)
def ct_create(call: Call) -> object:
    """vzcreate, or vzrestore. A template or archive that does not exist fails in the task."""
    call.need_quorum()
    check_container_number(call)
    _check_may_create(call)
    if call.flag("restore"):
        return restore_container(call, lambda guest: _afterwards(call, guest))
    if call.has("storage"):
        call.need(f"/storage/{call.text('storage')}", "Datastore.AllocateSpace")
    return _create(call, _new_container(call))


def _new_container(call: Call) -> NewGuest:
    _check_disks_and_options(call)
    options = options_of(call)
    if not options.get("unprivileged"):
        options.pop("unprivileged", None)
    if "rootfs" not in options:
        if any(key.startswith("mp") for key in options):
            raise died("mount points configured, but 'rootfs' not set - aborting")
        options["rootfs"] = f"{call.text('storage', 'local')}:4"
    check_disks(call, options)
    return NewGuest(call.number("vmid"), Kind.LXC, call.node, options, call.text("ostemplate"))


def _check_may_create(call: Call) -> None:
    if call.flag("ha-managed"):
        call.need("/", "Sys.Console")
    place = f"/vms/{call.number('vmid')}"
    if call.flag("start"):
        call.need(place, "VM.PowerMgmt")
    pool = call.text("pool")
    if pool and pool not in call.world.accounts.pools:
        raise ApiError(403, f"Permission check failed (pool '{pool}' does not exist)")
    if not call.may(place, "VM.Allocate") and not (
        pool and call.may(f"/pool/{pool}", "VM.Allocate")
    ):
        is_restore = bool(call.text("archive")) or call.flag("restore")
        if not (is_restore and may_overwrite(call)):
            raise ApiError(403, "Permission check failed")


def _check_disks_and_options(call: Call) -> None:
    options = options_of(call)
    check_disks(call, options)
    check_options(call, options)


def _create(call: Call, order: NewGuest) -> str:
    world, label = call.world, order.kind.label
    there = world.guests.get(order.vmid)
    if there is not None:
        what = f"{there.kind.label} {there.vmid} already exists on node '{there.node}'"
        raise died(f"unable to create {label} {order.vmid} - {what}")
    guest = reserve(world, order)
    work = creation(world, guest, order, _afterwards(call, guest))
    return call.fork(f"{order.kind.prefix}create", order.vmid, work)


def _afterwards(call: Call, guest: Guest) -> Callable[[], None]:
    """HA and the first start follow the creation, as tasks of the same user."""
    node, pool = call.world.nodes[call.node], call.text("pool")
    start, managed, who = call.flag("start"), call.flag("ha-managed"), call.principal

    def then() -> None:
        if pool in call.world.accounts.pools:
            call.world.accounts.pools[pool].vms.add(guest.vmid)
        if managed:
            state = Requested.STARTED if start else Requested.STOPPED
            call.cluster.ha.configuration.write(Resource(guest.sid, state))
        elif start:
            work = work_of(call.world, guest.vmid, guest.kind, node.name, Action.START)
            type_ = task_type(guest.kind, Action.START)
            call.world.tasks.start(node, type_, str(guest.vmid), who.user, work, token=who.token)

    return then


@api.on(
    "DELETE",
    "/nodes/{node}/qemu/{vmid}",
    needs=ALLOCATE,
    proxied=True,
    params=[flag("destroy-unreferenced-disks"), flag("purge"), flag("skiplock")],
)
def vm_destroy(call: Call) -> object:
    """qmdestroy; refused when protected, under HA or running."""
    if call.flag("skiplock") and not call.principal.is_root_itself:
        raise bad_parameters({"skiplock": "Only root may use this option."})
    guest = call.guest()

    def check() -> None:
        _check_unprotected(call, guest)
        if guest.is_running:
            raise died(f"VM {guest.vmid} is running - destroy failed")

    check()
    return _destroy(call, guest, check)


@api.on(
    "DELETE",
    "/nodes/{node}/lxc/{vmid}",
    needs=ALLOCATE,
    proxied=True,
    params=[flag("destroy-unreferenced-disks"), flag("force"), flag("purge")],
)
def ct_destroy(call: Call) -> object:
    """vzdestroy; with `force` a running container is stopped first."""
    guest = call.guest()
    force = call.flag("force")

    def check() -> None:
        _check_unprotected(call, guest)
        if guest.is_running and not force:
            raise died(f"unable to destroy CT {guest.vmid} - container is running")

    if guest.lock is not None:
        raise died(f"CT is locked ({guest.lock})")
    check()
    return _destroy(call, guest, check)


def _check_unprotected(call: Call, guest: Guest) -> None:
    title = f"{guest.kind.label} {guest.vmid}"
    if guest.config.get("protection"):
        raise died(f"can't remove {title} - protection mode enabled")
    if guest.sid in call.cluster.ha.configuration.resources and not call.flag("purge"):
        raise died(f"unable to remove {title} - used in HA resources and purge parameter not set.")


def _destroy(call: Call, guest: Guest, check: Callable[[], None]) -> str:
    purged = call.flag("purge")

    def check_again() -> None:
        try:
            check()
        except ApiError as refusal:
            raise TaskFailed(refusal.message) from refusal
        call.need_writable_in_task(guest)

    def purge(task: Task) -> None:
        if not purged:
            return
        title = f"{guest.kind.label} {guest.vmid}"
        task.print(f"purging {title} from related configurations..")
        if guest.sid in call.cluster.ha.configuration.resources:
            call.cluster.ha.configuration.remove(guest.sid, purge=True)
            task.print(f"NOTE: removed {title} from HA resource configuration.")

    skip = call.flag("skiplock")
    work = destruction(call.world, guest, check_again, purge, skiplock=skip)
    return call.fork(f"{guest.kind.prefix}destroy", guest.vmid, work)
