"""/nodes/{node}/startall, stopall, suspendall, migrateall: all guests of a node."""

from collections.abc import Callable, Iterable

from hapanel.lab.api.guest_migration import (
    TARGET,
    check_target,
    local_disks,
    move_container,
    move_vm,
)
from hapanel.lab.api.guest_power import power_of, state_storage
from hapanel.lab.api.routing import Call, api
from hapanel.lab.errors import ApiError, TaskFailed, died
from hapanel.lab.formats import VMID_LIST
from hapanel.lab.guests.bulk import Child, ended, in_order, startup_of, worked_off
from hapanel.lab.migration.journey import Order
from hapanel.lab.names import Kind
from hapanel.lab.power import Action, How
from hapanel.lab.schema import Type, flag, items_of, maybe
from hapanel.lab.tasks import Task
from hapanel.lab.world import Guest

VMS = maybe("vms", **VMID_LIST)
WORKERS = maybe("max-workers", Type.INTEGER, minimum=1, maximum=64)
OLD_WORKERS = maybe("maxworkers", Type.INTEGER, minimum=1, maximum=64)
START_DELAY = {Kind.QEMU: 3, Kind.LXC: 0}
DOWN_SECONDS = 180


@api.on("POST", "/nodes/{node}/startall", proxied=True, params=[VMS, flag("force"), WORKERS])
def node_startall(call: Call) -> object:
    """Guests with `onboot`, with `force` all; those under HA only when `vms` names them."""
    _need_on_all(call, "VM.PowerMgmt")
    force = call.flag("force")
    guests = [g for g in _of_node(call) if force or g.config.get("onboot")]

    async def work(task: Task) -> None:
        await _await_quorum(call, task)
        for group in in_order(guests):
            for guest in group:
                if not call.cluster.membership.is_quorate(call.node):
                    raise TaskFailed("cluster not ready - no quorum?")
                if not guest.is_running:
                    await _start_one(call, task, guest)

    return call.fork("startall", "", work)


async def _await_quorum(call: Call, task: Task) -> None:
    if not call.cluster.membership.is_quorate(call.node):
        task.print("waiting for quorum ...")
        while not call.cluster.membership.is_quorate(call.node):
            await call.world.clock.pass_time(1)
        task.print("got quorum")


async def _start_one(call: Call, task: Task, guest: Guest) -> None:
    title = f"{guest.kind.label} {guest.vmid}"
    task.print(f"Starting {title}")
    child = begun(call, guest, lambda: power_of(call, guest, Action.START, How()))
    await ended(child.task)
    if child.failure is not None:
        task.print(f"Starting {title} failed: {child.failure}")
        return
    delay = startup_of(guest).up
    if delay:
        task.print(f"Waiting for {delay} seconds (startup delay)")
    await call.world.clock.pass_time(START_DELAY[guest.kind] if delay is None else delay)


@api.on(
    "POST",
    "/nodes/{node}/stopall",
    proxied=True,
    params=[
        VMS,
        flag("force-stop", default=True),
        maybe("timeout", Type.INTEGER, minimum=0, maximum=7200, default=DOWN_SECONDS),
        WORKERS,
    ],
)
def node_stopall(call: Call) -> object:
    """Shuts down what runs, last started first; those under HA only when `vms` names them."""
    _need_on_all(call, "VM.PowerMgmt")
    guests = _of_node(call)

    async def work(task: Task) -> None:
        def begin(guest: Guest) -> Child | None:
            if not guest.is_running:
                return None
            seconds = startup_of(guest).down
            seconds = call.number("timeout") if seconds is None else seconds
            task.print(f"Stopping {guest.kind.label} {guest.vmid} (timeout = {seconds} seconds)")
            how = How(timeout=seconds, force=call.flag("force-stop"))
            return begun(call, guest, lambda: power_of(call, guest, Action.SHUTDOWN, how))

        for group in in_order(guests, backwards=True):
            await worked_off(group, _workers(call), begin)

    return call.fork("stopall", "", work)


@api.on("POST", "/nodes/{node}/suspendall", proxied=True, params=[VMS, WORKERS])
def node_suspendall(call: Call) -> object:
    """Suspends VMs to disk."""
    if not (call.may("/", "VM.PowerMgmt") and call.may("/", "VM.Config.Disk")):
        _need_on_each(call, "VM.PowerMgmt", "VM.PowerMgmt && VM.Config.Disk")
    guests = _of_node(call)

    async def work(task: Task) -> None:
        def begin(guest: Guest) -> Child | None:
            if guest.kind is not Kind.QEMU:
                task.warn(f"skipping {guest.vmid}, only VMs can be suspended")
                return None
            if not guest.is_running:
                task.print(f"VM {guest.vmid} not running, skipping suspension")
                return None
            task.print(f"Suspending VM {guest.vmid}")
            how = How(state_storage=state_storage(call, guest))
            return begun(call, guest, lambda: power_of(call, guest, Action.SUSPEND, how))

        for group in in_order(guests, backwards=True):
            await worked_off(group, _workers(call), begin)

    return call.fork("suspendall", "", work)


@api.on(
    "POST",
    "/nodes/{node}/migrateall",
    proxied=True,
    params=[TARGET, VMS, flag("with-local-disks"), WORKERS, OLD_WORKERS],
)
def node_migrateall(call: Call) -> object:
    """All guests, those under HA too; children that fail do not fail it."""
    _need_on_all(call, "VM.Migrate")
    check_target(call)
    workers = call.number("max-workers") or call.number("maxworkers")
    workers = workers or int(str(call.world.options.get("max_workers", 0)))
    if not workers:
        raise died("either 'max-workers' parameter or max_workers in datacenter.cfg must be set!")
    guests = _of_node(call, managed=True, templates=True)

    async def work(task: Task) -> None:
        if not guests:
            task.print("no virtual guests matched, nothing to do..")
            return
        children = await worked_off(guests, workers, lambda guest: _move_one(call, task, guest))
        started = sum(child.task is not None for child in children)
        if not started:
            raise TaskFailed("no migrations worker started...")
        task.print(f"All jobs finished, used {min(workers, started)} workers in total.")

    return call.fork("migrateall", "", work)


def _move_one(call: Call, task: Task, guest: Guest) -> Child | None:
    with_disks = call.flag("with-local-disks")
    order = Order(guest.vmid, guest.node, call.text("target"), with_local_disks=with_disks)
    if guest.kind is Kind.LXC:
        task.print(f"Migrating CT {guest.vmid}")
        restart = guest.is_running
        return begun(call, guest, lambda: move_container(call, guest, order, restart=restart))
    disks = local_disks(call, guest)
    if guest.is_running and disks and not with_disks:
        task.print(f"Check VM {guest.vmid}: skip VM {guest.vmid} - precondition check failed:")
        task.print(f"  Has local disks: {', '.join(str(disk['volid']) for disk in disks)}")
        return None
    task.print(f"Check VM {guest.vmid}: precondition check passed")
    task.print(f"Migrating VM {guest.vmid}")
    return begun(call, guest, lambda: move_vm(call, guest, order))


def begun(call: Call, guest: Guest, begin: Callable[[], str]) -> Child:
    """The task that `begin` gives the UPID of, or why it was refused."""
    if guest.lock is not None:
        return Child(guest, None, f"{guest.kind.label} is locked ({guest.lock})")
    try:
        return Child(guest, call.world.tasks.find(begin()))
    except ApiError as refusal:
        return Child(guest, None, refusal.message)


def _workers(call: Call) -> int:
    default = call.world.options.get("max_workers") or call.world.nodes[call.node].cores
    return call.number("max-workers") or int(str(default))


def _of_node(call: Call, *, managed: bool = False, templates: bool = False) -> list[Guest]:
    named = named_ids(call)
    return [
        guest
        for guest in call.world.guests_of(call.node)
        if (named is None or guest.vmid in named)
        and (templates or not guest.is_template)
        and (managed or named is not None or not call.cluster.ha.is_managed(guest))
    ]


def named_ids(call: Call) -> set[int] | None:
    """Numbers in `vms`; None when it was not given."""
    return {int(item) for item in items_of(call.text("vms"))} if call.has("vms") else None


def _need_on_all(call: Call, privilege: str) -> None:
    if not call.may("/", privilege):
        _need_on_each(call, privilege, privilege)


def _need_on_each(call: Call, privilege: str, words: str) -> None:
    """The privilege on each named guest; without names the caller needed it on `/`."""
    named: Iterable[int] = sorted(named_ids(call) or ())
    if not named:
        raise ApiError(403, f"Permission check failed (/, {words})")
    for vmid in named:
        call.need(f"/vms/{vmid}", privilege)
