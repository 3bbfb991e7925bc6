"""Power actions of guests, as tasks. Durations are those of a small server, before `speed`."""

from enum import StrEnum

from hapanel.lab.errors import TaskFailed
from hapanel.lab.names import Kind, RunState
from hapanel.lab.tasks import Task, Work
from hapanel.lab.world import Guest, World

START_SECONDS = 1.5
STOP_SECONDS = 0.6
POWER_OFF_SECONDS = 6.0
LOCK_WAIT_SECONDS = 10.0
LOCK_POLL_SECONDS = 0.2


class Action(StrEnum):
    """The last part of POST .../status/<action>."""

    START = "start"
    STOP = "stop"
    SHUTDOWN = "shutdown"
    REBOOT = "reboot"
    RESET = "reset"
    SUSPEND = "suspend"
    RESUME = "resume"


def task_type(kind: Kind, action: Action) -> str:
    """`qmstart`, `vzstop`, ...; suspending a VM without going to disk is `qmpause`."""
    if kind is Kind.QEMU and action is Action.SUSPEND:
        return "qmpause"
    return f"{kind.prefix}{action}"


def work_of(
    world: World, guest_id: int, kind: Kind, node: str, action: Action, *, by_ha: bool = False
) -> Work:
    """What the task of that action does."""

    async def work(task: Task) -> None:
        if by_ha:
            task.print("task started by HA resource agent")
        guest = world.guests.get(guest_id)
        if guest is not None and guest.kind is kind:
            await _acquire_lock(world, task, guest)
        if guest is None or guest.kind is not kind or guest.node != node:
            raise TaskFailed(_no_config(kind, guest_id, node, action))
        await _DO[action](world, guest)

    return work


def _no_config(kind: Kind, vmid: int, node: str, action: Action) -> str:
    if action is Action.START or kind is Kind.LXC:
        return f"Configuration file 'nodes/{node}/{kind.config_folder}/{vmid}.conf' does not exist"
    return f"unable to find configuration file for VM {vmid} on node '{node}'"


async def _acquire_lock(world: World, task: Task, guest: Guest) -> None:
    """A migration holds the configuration's lock: others wait at most ten seconds for it."""
    if not _is_locked(guest):
        return
    if guest.lock != "migrate" or not _is_moving(world, guest):
        raise TaskFailed(f"{guest.kind.label} is locked ({guest.lock})")
    task.print("trying to acquire lock...")
    deadline = world.now() + world.clock.shortened(LOCK_WAIT_SECONDS)
    while _is_locked(guest):
        if world.now() > deadline:
            folder = "qemu-server" if guest.kind is Kind.QEMU else "lxc"
            name = (
                f"lock-{guest.vmid}.conf"
                if guest.kind is Kind.QEMU
                else f"pve-config-{guest.vmid}.lock"
            )
            raise TaskFailed(f"can't lock file '/var/lock/{folder}/{name}' - got timeout")
        await world.clock.pause(LOCK_POLL_SECONDS / world.clock.speed)
    task.print(" OK")


def _is_moving(world: World, guest: Guest) -> bool:
    """Whether a migration of the guest is alive; after a crash only its mark is left behind."""
    return any(
        task.type == guest.kind.migration_task and task.id == str(guest.vmid) and not task.lost
        for node in world.nodes
        for task in world.tasks.running_on(node)
    )


def _is_locked(guest: Guest) -> bool:
    return guest.lock is not None


async def _start(world: World, guest: Guest) -> None:
    if guest.is_running:
        raise TaskFailed(f"{guest.kind.label} {guest.vmid} already running")
    await world.clock.pass_time(START_SECONDS)
    world.start_guest(guest, guest.node)


async def _stop(world: World, guest: Guest) -> None:
    if guest.is_running:
        await world.clock.pass_time(STOP_SECONDS)
        world.stop_guest(guest)


async def _shutdown(world: World, guest: Guest) -> None:
    if guest.is_running:
        await world.clock.pass_time(POWER_OFF_SECONDS)
        world.stop_guest(guest)


async def _reboot(world: World, guest: Guest) -> None:
    await _shutdown(world, guest)
    await _start(world, guest)


async def _reset(world: World, guest: Guest) -> None:
    if not guest.is_running:
        raise TaskFailed(f"VM {guest.vmid} not running")
    world.start_guest(guest, guest.node)


async def _suspend(world: World, guest: Guest) -> None:
    guest.state = RunState.PAUSED
    world.changed()


async def _resume(world: World, guest: Guest) -> None:
    guest.state = RunState.RUNNING
    world.changed()


_DO = {
    Action.START: _start,
    Action.STOP: _stop,
    Action.SHUTDOWN: _shutdown,
    Action.REBOOT: _reboot,
    Action.RESET: _reset,
    Action.SUSPEND: _suspend,
    Action.RESUME: _resume,
}
