"""/nodes/{node}/qemu|lxc/{vmid}/status/<action>: power, by a task or through HA."""

from hapanel.lab.api.routing import Call, Needs, api
from hapanel.lab.errors import bad_parameters, died
from hapanel.lab.ha.model import Request
from hapanel.lab.power import Action, task_type, work_of
from hapanel.lab.schema import Type, flag, maybe
from hapanel.lab.tasks import Task
from hapanel.lab.world import Guest

HA_WORK_SECONDS = 1.0

POWER = Needs("/vms/{vmid}", ("VM.PowerMgmt",))
_TIMEOUT = maybe("timeout", Type.INTEGER, minimum=0)
START_PARAMS = [flag("skiplock"), _TIMEOUT, maybe("machine"), maybe("force-cpu"), flag("debug")]
STOP_PARAMS = [flag("skiplock"), _TIMEOUT, flag("overrule-shutdown"), flag("keepActive")]
SHUTDOWN_PARAMS = [flag("skiplock"), _TIMEOUT, flag("forceStop"), flag("keepActive")]
REBOOT_PARAMS = [_TIMEOUT]
RESET_PARAMS = [flag("skiplock")]
SUSPEND_PARAMS = [flag("skiplock"), flag("todisk"), maybe("statestorage")]
RESUME_PARAMS = [flag("skiplock"), flag("nocheck")]


@api.on(
    "POST", "/nodes/{node}/qemu/{vmid}/status/start", needs=POWER, params=START_PARAMS, proxied=True
)
@api.on(
    "POST", "/nodes/{node}/lxc/{vmid}/status/start", needs=POWER, params=START_PARAMS, proxied=True
)
def guest_start(call: Call) -> object:
    """qmstart, vzstart or hastart. A running or unknown guest fails in the task, not here."""
    call.need_quorum()
    return _power(call, Action.START)


@api.on(
    "POST", "/nodes/{node}/qemu/{vmid}/status/stop", needs=POWER, params=STOP_PARAMS, proxied=True
)
@api.on(
    "POST", "/nodes/{node}/lxc/{vmid}/status/stop", needs=POWER, params=STOP_PARAMS, proxied=True
)
def guest_stop(call: Call) -> object:
    """qmstop, vzstop or hastop."""
    return _power(call, Action.STOP)


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
    params=SHUTDOWN_PARAMS,
    proxied=True,
)
def guest_shutdown(call: Call) -> object:
    """qmshutdown, vzshutdown or hastop."""
    return _power(call, Action.SHUTDOWN)


@api.on(
    "POST",
    "/nodes/{node}/qemu/{vmid}/status/reboot",
    needs=POWER,
    params=REBOOT_PARAMS,
    proxied=True,
)
@api.on(
    "POST",
    "/nodes/{node}/lxc/{vmid}/status/reboot",
    needs=POWER,
    params=REBOOT_PARAMS,
    proxied=True,
)
def guest_reboot(call: Call) -> object:
    """Not routed through HA; only a running guest."""
    _need_running(call)
    return _power(call, Action.REBOOT)


@api.on(
    "POST", "/nodes/{node}/qemu/{vmid}/status/reset", needs=POWER, params=RESET_PARAMS, proxied=True
)
def guest_reset(call: Call) -> object:
    """Not routed through HA; only a running guest."""
    _need_running(call)
    return _power(call, Action.RESET)


@api.on(
    "POST",
    "/nodes/{node}/qemu/{vmid}/status/suspend",
    needs=POWER,
    params=SUSPEND_PARAMS,
    proxied=True,
)
@api.on(
    "POST",
    "/nodes/{node}/lxc/{vmid}/status/suspend",
    needs=POWER,
    params=SUSPEND_PARAMS,
    proxied=True,
)
def guest_suspend(call: Call) -> object:
    """Not routed through HA; a managed guest must not be suspended to disk."""
    guest = _need_running(call)
    if call.flag("todisk"):
        if call.cluster.ha.is_managed(guest):
            raise died("Cannot suspend HA managed VM to disk")
        raise died("the lab does not suspend to disk")
    return _power(call, Action.SUSPEND)


@api.on(
    "POST",
    "/nodes/{node}/qemu/{vmid}/status/resume",
    needs=POWER,
    params=RESUME_PARAMS,
    proxied=True,
)
@api.on(
    "POST",
    "/nodes/{node}/lxc/{vmid}/status/resume",
    needs=POWER,
    params=RESUME_PARAMS,
    proxied=True,
)
def guest_resume(call: Call) -> object:
    """Only a running (or paused) guest."""
    _need_running(call)
    return _power(call, Action.RESUME)


def _need_running(call: Call) -> Guest:
    guest = call.guest()
    if not guest.is_running:
        raise died(f"{guest.kind.label} {guest.vmid} not running")
    return guest


def _power(call: Call, action: Action) -> str:
    if call.flag("skiplock") and not call.principal.is_root_itself:
        raise bad_parameters({"skiplock": "Only root may use this option."})
    guest = call.world.guests.get(call.number("vmid"))
    routed = action in (Action.START, Action.STOP, Action.SHUTDOWN)
    if routed and guest is not None and call.cluster.ha.is_managed(guest):
        return _through_ha(call, guest, action)
    work = work_of(call.world, call.number("vmid"), call.kind, call.text("node"), action)
    return call.fork(task_type(call.kind, action), call.number("vmid"), work)


def _through_ha(call: Call, guest: Guest, action: Action) -> str:
    """hastart or hastop: changes the requested state and ends at once."""
    state = Request.STARTED if action is Action.START else Request.STOPPED
    word = "start" if action is Action.START else "stop"

    async def work(task: Task) -> None:
        task.print(f"Requesting HA {word} for {guest.kind.label} {guest.vmid}")
        await call.world.clock.pass_time(HA_WORK_SECONDS)
        await call.cluster.ha.write_through(call.node, f"crm-command stop {guest.sid} 0")
        call.cluster.ha.request_state(guest.sid, state)

    return call.fork(f"ha{word}", guest.vmid, work)
