"""/nodes/{node}/qemu|lxc/{vmid}/status/<action>: power, by a task or through HA."""

from hapanel.ha.engine.words import Requested
from hapanel.lab.api.routing import NODE, Call, Needs, api
from hapanel.lab.errors import bad_parameters, died
from hapanel.lab.formats import STORAGE_ID
from hapanel.lab.names import Kind, RunState
from hapanel.lab.power import SHUTDOWN_TIMEOUT, SUSPENDED, Action, How, task_type, work_of
from hapanel.lab.schema import Type, flag, maybe
from hapanel.lab.tasks import Task
from hapanel.lab.world import Guest

HA_WORK_SECONDS = 1.0

POWER = Needs("/vms/{vmid}", ("VM.PowerMgmt",))
_SKIP = flag("skiplock")
_TIMEOUT = maybe("timeout", Type.INTEGER, minimum=0)
_FROM = maybe("migratedfrom", pattern=NODE.pattern, invalid=NODE.invalid)
START_PARAMS = [
    _SKIP,
    _TIMEOUT,
    _FROM,
    maybe("force-cpu"),
    maybe("machine"),
    maybe("migration_network"),
    maybe("migration_type", enum=("secure", "insecure")),
    maybe("nets-host-mtu", pattern=r"net\d+=\d+(,net\d+=\d+)*"),
    maybe("stateuri", max_length=128),
    maybe("targetstorage"),
    flag("with-conntrack-state"),
]
STOP_PARAMS = [_SKIP, _TIMEOUT, _FROM, flag("overrule-shutdown"), flag("keepActive")]
SHUTDOWN_PARAMS = [_SKIP, _TIMEOUT, flag("forceStop"), flag("keepActive")]
CT_STOP_PARAMS = [_SKIP, flag("overrule-shutdown")]
CT_SHUTDOWN_PARAMS = [_TIMEOUT, flag("forceStop")]
SUSPEND_PARAMS = [_SKIP, flag("todisk"), maybe("statestorage", **STORAGE_ID, requires="todisk")]
RESUME_PARAMS = [_SKIP, flag("nocheck")]
ROUTED = (Action.START, Action.STOP, Action.SHUTDOWN)
ROOT_ONLY = (
    "skiplock", "keepActive", "migratedfrom", "nocheck", "stateuri", "migration_type",
    "migration_network", "targetstorage", "force-cpu", "nets-host-mtu",
)  # fmt: skip


@api.on(
    "POST", "/nodes/{node}/qemu/{vmid}/status/start", needs=POWER, params=START_PARAMS, proxied=True
)
def vm_start(call: Call) -> object:
    """qmstart or hastart. A running or unknown guest fails in the task, not here."""
    _check_root_only(call)
    if call.has("targetstorage") and not call.has("migratedfrom"):
        raise bad_parameters({"targetstorage": "targetstorage can only by used with migratedfrom."})
    call.need_quorum()
    return power(call, Action.START)


@api.on(
    "POST",
    "/nodes/{node}/lxc/{vmid}/status/start",
    needs=POWER,
    params=[_SKIP, flag("debug")],
    proxied=True,
)
def ct_start(call: Call) -> object:
    """vzstart or hastart; unlike a VM a running container is refused here."""
    _check_root_only(call)
    if _runs(call):
        raise died(f"CT {call.number('vmid')} already running")
    call.need_quorum()
    return power(call, Action.START)


@api.on(
    "POST", "/nodes/{node}/qemu/{vmid}/status/stop", needs=POWER, params=STOP_PARAMS, proxied=True
)
@api.on(
    "POST", "/nodes/{node}/lxc/{vmid}/status/stop", needs=POWER, params=CT_STOP_PARAMS, proxied=True
)
async def guest_stop(call: Call) -> object:
    """qmstop, vzstop or hastop; `overrule-shutdown` ends the caller's tasks that shut it down."""
    _check_root_only(call)
    _need_running_ct(call)
    if call.flag("overrule-shutdown"):
        if _managed(call) is not None:
            raise bad_parameters({"overrule-shutdown": "Not applicable for HA resources."})
        await _end_shutdowns(call)
    return power(call, Action.STOP)


async def _end_shutdowns(call: Call) -> None:
    type_ = task_type(call.kind, Action.SHUTDOWN)
    for task in call.world.tasks.running_on(call.node):
        if (task.type, task.id) == (type_, str(call.number("vmid"))):
            await call.world.tasks.stop(task)


@api.on(
    "POST",
    "/nodes/{node}/qemu/{vmid}/status/shutdown",
    needs=POWER,
    params=SHUTDOWN_PARAMS,
    proxied=True,
)
@api.on(
    "POST",
    "/nodes/{node}/lxc/{vmid}/status/shutdown",
    needs=POWER,
    params=CT_SHUTDOWN_PARAMS,
    proxied=True,
)
def guest_shutdown(call: Call) -> object:
    """qmshutdown, vzshutdown or hastop."""
    _check_root_only(call)
    _need_running_ct(call)
    if _is_paused(call) and not call.flag("forceStop"):
        raise died("VM is paused - cannot shutdown")
    how = How(
        timeout=call.number("timeout", int(SHUTDOWN_TIMEOUT)),
        force=call.flag("forceStop"),
        hard=_is_paused(call),
        skiplock=call.flag("skiplock"),
    )
    return power(call, Action.SHUTDOWN, how)


@api.on(
    "POST", "/nodes/{node}/qemu/{vmid}/status/reboot", needs=POWER, params=[_TIMEOUT], proxied=True
)
@api.on(
    "POST", "/nodes/{node}/lxc/{vmid}/status/reboot", needs=POWER, params=[_TIMEOUT], proxied=True
)
def guest_reboot(call: Call) -> object:
    """Not routed through HA; only a running guest, and PVE calls a container VM here."""
    if _is_paused(call):
        raise died("VM is paused - cannot shutdown")
    _need_running(call, "VM")
    how = How(timeout=call.number("timeout", int(SHUTDOWN_TIMEOUT)))
    return power(call, Action.REBOOT, how)


@api.on("POST", "/nodes/{node}/qemu/{vmid}/status/reset", needs=POWER, params=[_SKIP], proxied=True)
def vm_reset(call: Call) -> object:
    """Not routed through HA; only a running guest."""
    _check_root_only(call)
    _need_running(call, "VM")
    return power(call, Action.RESET)


@api.on(
    "POST",
    "/nodes/{node}/qemu/{vmid}/status/suspend",
    needs=POWER,
    params=SUSPEND_PARAMS,
    proxied=True,
)
@api.on("POST", "/nodes/{node}/lxc/{vmid}/status/suspend", needs=POWER, proxied=True)
def guest_suspend(call: Call) -> object:
    """Not routed through HA; a managed guest must not be suspended to disk."""
    _check_root_only(call)
    _need_running(call, call.kind.label)
    how = How(skiplock=call.flag("skiplock"))
    if call.flag("todisk"):
        if _managed(call) is not None:
            raise died("Cannot suspend HA managed VM to disk")
        call.need(f"/vms/{call.number('vmid')}", "VM.Config.Disk")
        storage = call.text("statestorage") or state_storage(call, call.guest())
        call.need(f"/storage/{storage}", "Datastore.AllocateSpace")
        how = How(skiplock=how.skiplock, state_storage=storage)
    return power(call, Action.SUSPEND, how)


def state_storage(call: Call, guest: Guest) -> str:
    """Where memory goes: as configured, else a shared storage for images, else any."""
    if "vmstatestorage" in guest.config:
        return str(guest.config["vmstatestorage"])
    fits = [
        storage
        for storage in call.world.storages.values()
        if "images" in storage.content.split(",") and storage.is_on(guest.node)
    ]
    best = next((storage for storage in fits if storage.shared), fits[0] if fits else None)
    return best.storage if best is not None else "local"


@api.on(
    "POST",
    "/nodes/{node}/qemu/{vmid}/status/resume",
    needs=POWER,
    params=RESUME_PARAMS,
    proxied=True,
)
def vm_resume(call: Call) -> object:
    """Only a running (or paused) guest."""
    _check_root_only(call)
    guest = _here(call)
    if guest is None or guest.lock != SUSPENDED:
        _need_running(call, "VM")
    return power(call, Action.RESUME)


@api.on("POST", "/nodes/{node}/lxc/{vmid}/status/resume", needs=POWER, proxied=True)
def ct_resume(call: Call) -> object:
    """From a checkpoint, which no container here has."""
    if _runs(call):
        raise died(f"CT {call.number('vmid')} already running")
    call.guest()
    return power(call, Action.RESUME)


def _check_root_only(call: Call) -> None:
    for name in ROOT_ONLY:
        if call.has(name) and call.values[name] and not call.principal.is_root_itself:
            raise bad_parameters({name: "Only root may use this option."})


def _here(call: Call) -> Guest | None:
    """The guest of that kind whose configuration lies on the node of the path."""
    guest = call.world.guests.get(call.number("vmid"))
    fits = guest is not None and guest.kind is call.kind and guest.node == call.text("node")
    return guest if fits else None


def _runs(call: Call) -> bool:
    guest = _here(call)
    return guest is not None and guest.is_running


def _need_running(call: Call, label: str) -> None:
    """PVE looks for a VM's configuration on the way, and not for a container's."""
    vmid = call.number("vmid")
    if _here(call) is None and call.kind is Kind.QEMU:
        node = call.text("node")
        raise died(f"unable to find configuration file for VM {vmid} on node '{node}'")
    if not _runs(call):
        raise died(f"{label} {vmid} not running")


def _need_running_ct(call: Call) -> None:
    if call.kind is Kind.LXC:
        _need_running(call, "CT")


def _is_paused(call: Call) -> bool:
    guest = _here(call)
    return guest is not None and guest.state is RunState.PAUSED


def _managed(call: Call) -> Guest | None:
    guest = call.world.guests.get(call.number("vmid"))
    return guest if guest is not None and call.cluster.ha.is_managed(guest) else None


def power(call: Call, action: Action, how: How | None = None) -> str:
    """The task of that action on the guest of the path, known or not; its UPID."""
    how = how or How(skiplock=call.flag("skiplock"))
    guest = _managed(call)
    if action in ROUTED and guest is not None:
        return through_ha(call, guest, action, how)
    work = work_of(call.world, call.number("vmid"), call.kind, call.text("node"), action, how=how)
    type_ = task_type(call.kind, action, to_disk=how.state_storage is not None)
    return call.fork(type_, call.number("vmid"), work)


def power_of(call: Call, guest: Guest, action: Action, how: How) -> str:
    """The same for a guest of a list, as a task of its own node."""
    if action in ROUTED and call.cluster.ha.is_managed(guest):
        return through_ha(call, guest, action, how)
    work = work_of(call.world, guest.vmid, guest.kind, guest.node, action, how=how)
    type_ = task_type(guest.kind, action, to_disk=how.state_storage is not None)
    return call.fork(type_, guest.vmid, work, node=guest.node)


def through_ha(call: Call, guest: Guest, action: Action, how: How) -> str:
    """hastart changes the requested state, hastop asks the manager for it; both end at once."""
    word = "start" if action is Action.START else "stop"
    seconds = 0 if action is Action.STOP else how.timeout
    command = f"crm-command stop {guest.sid} {seconds:g}"
    if action is Action.START:
        command = f"set {guest.sid} --state started"

    async def work(task: Task) -> None:
        task.print(f"Requesting HA {word} for {guest.kind.label} {guest.vmid}")
        await call.world.clock.pass_time(HA_WORK_SECONDS)
        await call.cluster.ha.write_through(call.node, command)
        if action is Action.START:
            call.cluster.ha.request_state(guest.sid, Requested.STARTED)
        else:
            call.cluster.ha.command(f"stop {guest.sid} {seconds:g}")

    return call.fork(f"ha{word}", guest.vmid, work, node=guest.node)
