"""/cluster/bulk-action/guest: guests of the whole cluster at once; it waits for their tasks."""

from collections.abc import Callable, Iterable

from hapanel.lab.api.guest_bulk import begun, named_ids
from hapanel.lab.api.guest_migration import TARGET, move_container, move_vm
from hapanel.lab.api.guest_power import power_of, state_storage
from hapanel.lab.api.routing import Call, api
from hapanel.lab.errors import ApiError, TaskFailed
from hapanel.lab.formats import STORAGE_ID, VMID_LIST
from hapanel.lab.guests.bulk import Child, in_order, startup_of, worked_off
from hapanel.lab.migration.journey import Order
from hapanel.lab.names import Kind, RunState
from hapanel.lab.power import Action, How
from hapanel.lab.schema import Type, flag, maybe
from hapanel.lab.tasks import Task
from hapanel.lab.world import Guest

VMS = maybe("vms", Type.ARRAY, **VMID_LIST)
DOWN_SECONDS = 180
START_WORKERS, MOVE_WORKERS = 4, 1
_WORKERS = [
    maybe(name, Type.INTEGER, minimum=1, maximum=64) for name in ("max-workers", "maxworkers")
]

Begin = Callable[[Task, Guest], Child | None]


@api.on("GET", "/cluster/bulk-action/guest")
def bulk_index(_call: Call) -> object:
    """What can be done to many."""
    return [{"name": name} for name in ("start", "shutdown", "migrate", "suspend")]


@api.on(
    "POST",
    "/cluster/bulk-action/guest/start",
    params=[VMS, maybe("timeout", Type.INTEGER), *_WORKERS],
)
def bulk_start(call: Call) -> object:
    """Starts, or resumes what is paused."""
    _need(call, "VM.PowerMgmt")

    def begin(task: Task, guest: Guest) -> Child | None:
        title = f"{guest.kind.label} {guest.vmid}"
        if guest.is_running and guest.state is not RunState.PAUSED:
            task.warn(f"Skipping {title}, already running.")
            return None
        action = Action.RESUME if guest.is_running else Action.START
        task.print(f"Starting {title}")
        return begun(call, guest, lambda: power_of(call, guest, action, How()))

    return _fork(call, "start", "Starting", "start:", in_order(_guests(call)), begin)


@api.on(
    "POST",
    "/cluster/bulk-action/guest/shutdown",
    params=[
        VMS,
        maybe("timeout", Type.INTEGER, default=DOWN_SECONDS),
        flag("force-stop", default=True),
        *_WORKERS,
    ],
)
def bulk_shutdown(call: Call) -> object:
    """Shuts down what runs, last started first."""
    _need(call, "VM.PowerMgmt")

    def begin(task: Task, guest: Guest) -> Child | None:
        title = f"{guest.kind.label} {guest.vmid}"
        if not guest.is_running:
            task.warn(f"Skipping {title}, not running.")
            return None
        if guest.state is RunState.PAUSED and not call.flag("force-stop"):
            task.warn(f"Skipping {title}, resume paused VM before shutdown.")
            return None
        seconds = startup_of(guest).down
        seconds = call.number("timeout") if seconds is None else seconds
        task.print(f"Shutting down {title} (Timeout = {seconds} seconds)")
        hard = guest.state is RunState.PAUSED
        how = How(timeout=seconds, force=call.flag("force-stop"), hard=hard)
        return begun(call, guest, lambda: power_of(call, guest, Action.SHUTDOWN, how))

    groups = in_order(_guests(call), backwards=True)
    return _fork(call, "shutdown", "Shutting down", "shutdown", groups, begin)


@api.on(
    "POST",
    "/cluster/bulk-action/guest/suspend",
    params=[
        VMS,
        flag("to-disk"),
        maybe("statestorage", **STORAGE_ID, requires="to-disk"),
        *_WORKERS,
    ],
)
def bulk_suspend(call: Call) -> object:
    """Pauses VMs, or puts them to disk."""
    _need(call, "VM.PowerMgmt")
    if call.flag("to-disk"):
        _need(call, "VM.Config.Disk")
        if call.has("statestorage"):
            call.need(f"/storage/{call.text('statestorage')}", "Datastore.AllocateSpace")

    def begin(task: Task, guest: Guest) -> Child | None:
        if guest.kind is not Kind.QEMU:
            task.warn(f"skipping {guest.vmid}, only VMs can be suspended")
            return None
        if not guest.is_running:
            task.warn(f"Skipping VM {guest.vmid}, not running.")
            return None
        task.print(f"Suspending VM {guest.vmid}")
        storage = call.text("statestorage") or state_storage(call, guest)
        how = How(state_storage=storage if call.flag("to-disk") else None)
        return begun(call, guest, lambda: power_of(call, guest, Action.SUSPEND, how))

    groups = in_order(_guests(call), backwards=True)
    return _fork(call, "suspend", "Suspending", "suspend", groups, begin)


@api.on(
    "POST",
    "/cluster/bulk-action/guest/migrate",
    params=[TARGET, VMS, flag("online"), flag("with-local-disks"), *_WORKERS],
)
def bulk_migrate(call: Call) -> object:
    """Moves guests to one node; `online` moves VMs live and restarts containers."""
    _need(call, "VM.Migrate")
    target, online = call.text("target"), call.flag("online")
    with_disks = call.flag("with-local-disks")

    def begin(task: Task, guest: Guest) -> Child | None:
        title = f"{guest.kind.label} {guest.vmid}"
        if guest.node == target:
            task.warn(f"{title} already on {guest.node}, skipping.")
            return None
        task.print(f"Migrating {title}")
        if target not in call.world.nodes:
            return Child(guest, None, f"no such cluster node '{target}'")
        if guest.is_running and not online:
            return Child(guest, None, "can't migrate running VM without --online")
        order = Order(guest.vmid, guest.node, target, with_local_disks=with_disks)
        if guest.kind is Kind.LXC:
            return begun(call, guest, lambda: move_container(call, guest, order, restart=online))
        return begun(call, guest, lambda: move_vm(call, guest, order))

    groups = [_guests(call, templates=True)]
    return _fork(call, "migrate", "Migrating", "migrate", groups, begin, MOVE_WORKERS)


def _fork(
    call: Call,
    name: str,
    word: str,
    failed: str,
    groups: Iterable[list[Guest]],
    begin: Begin,
    default_workers: int = START_WORKERS,
) -> str:
    """`bulk-<name>`: fails when one of its guests did."""
    workers = call.number("max-workers") or call.number("maxworkers", default_workers)
    named = sorted(named_ids(call) or ())
    suffix = f" to {call.text('target')}" if call.has("target") else ""

    async def work(task: Task) -> None:
        listed = f"guests{suffix}: {', '.join(map(str, named))}"
        task.print(f"{word} {listed}" if named else f"{word} all guests{suffix}")
        failures: list[str] = []
        for group in groups:
            for child in await worked_off(group, workers, lambda guest: begin(task, guest)):
                if child.failure is not None:
                    title = f"{child.guest.kind.label} {child.guest.vmid}"
                    verb = word if name in ("start", "migrate") else "Stopping"
                    task.warn(f"{verb} {title} failed: {child.failure}")
                    failures.append(str(child.guest.vmid))
        if failures:
            raise TaskFailed(f"Some guests failed to {failed} {', '.join(failures)}")

    return call.fork(f"bulk-{name}", "", work)


def _guests(call: Call, *, templates: bool = False) -> list[Guest]:
    """Named ones or all; those under HA only when named, except for moves."""
    named = named_ids(call)
    return [
        guest
        for guest in call.world.guests.values()
        if (named is None or guest.vmid in named)
        and (templates or not guest.is_template)
        and (templates or named is not None or not call.cluster.ha.is_managed(guest))
    ]


def _need(call: Call, privilege: str) -> None:
    named = sorted(named_ids(call) or ())
    for vmid in named:
        call.need(f"/vms/{vmid}", privilege)
    if not named and not call.may("/", privilege):
        raise ApiError(403, f"Permission check failed (/, {privilege})")
