"""Power actions of guests, as tasks. Durations are those of a small server, before `speed`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from hapanel.lab.errors import TaskFailed
from hapanel.lab.guests.config import apply_pending
from hapanel.lab.guests.flock import LockTimeout, config_lock
from hapanel.lab.names import Kind, RunState
from hapanel.lab.tasks import Task, Work, stamp_of
from hapanel.lab.world import Guest, World

START_SECONDS = 1.5
STOP_SECONDS = 0.6
POWER_OFF_SECONDS = 6.0
SHUTDOWN_TIMEOUT = 60.0
STATE_BYTES_PER_SECOND = 400e6
SUSPENDED = "suspended"


@dataclass(frozen=True)
class How:
    """Options of a power action; `timeout` in seconds, `hard` pulls the plug of a paused VM.

    `state_storage` is where a VM that is suspended to disk leaves its memory.
    """

    timeout: float = SHUTDOWN_TIMEOUT
    force: bool = False
    hard: bool = False
    skiplock: bool = False
    state_storage: str | None = None


class Action(StrEnum):
    """The last part of POST .../status/<action>."""

    START = "start"
    STOP = "stop"
    SHUTDOWN = "shutdown"
    REBOOT = "reboot"
    RESET = "reset"
    SUSPEND = "suspend"
    RESUME = "resume"


def task_type(kind: Kind, action: Action, *, to_disk: bool = False) -> str:
    """`qmstart`, `vzstop`, ...; suspending a VM without going to disk is `qmpause`."""
    if kind is Kind.QEMU and action is Action.SUSPEND and not to_disk:
        return "qmpause"
    return f"{kind.prefix}{action}"


def work_of(
    world: World,
    guest_id: int,
    kind: Kind,
    node: str,
    action: Action,
    *,
    by_ha: bool = False,
    how: How | None = None,
) -> Work:
    """What the task of that action does. HA kills a VM that does not go by itself."""
    how = how or How(force=by_ha and kind is Kind.QEMU)

    async def work(task: Task) -> None:
        if by_ha:
            task.print("task started by HA resource agent")
        guest = world.guests.get(guest_id)
        if guest is None or guest.kind is not kind:
            raise TaskFailed(_no_config(kind, guest_id, node, action))
        try:
            async with config_lock(world, guest, task.print):
                if guest.node != node or guest_id not in world.guests:
                    raise TaskFailed(_no_config(kind, guest_id, node, action))
                if guest.lock != SUSPENDED or action not in (Action.START, Action.RESUME):
                    check_lock(guest, how)
                await _DO[action](world, task, guest, how)
        except LockTimeout as timeout:
            raise TaskFailed(str(timeout)) from timeout
        if action is Action.REBOOT:
            start = work_of(world, guest_id, kind, node, Action.START)
            type_ = task_type(kind, Action.START)
            world.tasks.start(world.nodes[node], type_, str(guest_id), "root@pam", start)

    return work


def _no_config(kind: Kind, vmid: int, node: str, action: Action) -> str:
    if action is Action.START or kind is Kind.LXC:
        return f"Configuration file 'nodes/{node}/{kind.config_folder}/{vmid}.conf' does not exist"
    return f"unable to find configuration file for VM {vmid} on node '{node}'"


def check_lock(guest: Guest, how: How | None = None) -> None:
    """Raises TaskFailed when the configuration says that somebody is at work on the guest."""
    if guest.lock is not None and not (how is not None and how.skiplock):
        raise TaskFailed(f"{guest.kind.label} is locked ({guest.lock})")


async def _start(world: World, task: Task, guest: Guest, _how: How) -> None:
    if guest.is_template:
        word = "vm" if guest.kind is Kind.QEMU else "CT"
        raise TaskFailed(f"you can't start a {word} if it's a template")
    if guest.is_running:
        raise TaskFailed(f"{guest.kind.label} {guest.vmid} already running")
    apply_pending(guest)
    if guest.lock == SUSPENDED:
        task.print("Resuming suspended VM")
    await world.clock.pass_time(START_SECONDS)
    if guest.lock == SUSPENDED:
        task.print("Resumed VM, removing state")
        guest.config.pop("vmstate", None)
        guest.lock = None
    world.start_guest(guest, guest.node)


async def _stop(world: World, _task: Task, guest: Guest, _how: How) -> None:
    if guest.is_running:
        await world.clock.pass_time(STOP_SECONDS)
        world.stop_guest(guest)


async def _shutdown(world: World, task: Task, guest: Guest, how: How) -> None:
    """A guest that hears the power button is off after a while; others only by force."""
    if not guest.is_running:
        return
    obeys = guest.has_system and guest.state is not RunState.PAUSED
    if how.hard:
        await world.clock.pass_time(STOP_SECONDS)
    elif obeys and how.timeout > POWER_OFF_SECONDS:
        await world.clock.pass_time(POWER_OFF_SECONDS)
    else:
        await world.clock.pass_time(how.timeout)
        _give_up_waiting(task, guest, how)
        await world.clock.pass_time(STOP_SECONDS)
    world.stop_guest(guest)


def _give_up_waiting(task: Task, guest: Guest, how: How) -> None:
    if guest.kind is Kind.LXC:
        if not how.force:
            command = f"lxc-stop -n {guest.vmid} --nokill --timeout {how.timeout:g}"
            raise TaskFailed(f"command '{command}' failed: exit code 1")
    elif how.force:
        task.print("VM still running - terminating now with SIGTERM")
    else:
        raise TaskFailed("VM quit/powerdown failed - got timeout")


async def _reset(world: World, _task: Task, guest: Guest, _how: How) -> None:
    if not guest.is_running:
        raise TaskFailed(f"VM {guest.vmid} not running")
    world.start_guest(guest, guest.node)


async def _suspend(world: World, task: Task, guest: Guest, how: How) -> None:
    if guest.kind is Kind.LXC:
        _no_checkpoints(guest, "-s")
    if how.state_storage is not None:
        await _suspend_to_disk(world, task, guest, how.state_storage)
        return
    guest.state = RunState.PAUSED
    world.changed()


async def _suspend_to_disk(world: World, task: Task, guest: Guest, storage: str) -> None:
    guest.lock = "suspending"
    try:
        seconds = guest.memory * guest.busy.resident / STATE_BYTES_PER_SECOND
        await world.clock.pass_time(STOP_SECONDS + seconds)
    finally:
        if not task.lost:
            guest.lock = None
    day = stamp_of(world.now())[:10]
    guest.config["vmstate"] = f"{storage}:vm-{guest.vmid}-state-suspend-{day}"
    guest.lock = SUSPENDED
    world.stop_guest(guest)


async def _resume(world: World, task: Task, guest: Guest, how: How) -> None:
    if guest.kind is Kind.LXC:
        _no_checkpoints(guest, "-r --foreground")
    if guest.lock == SUSPENDED:
        await _start(world, task, guest, how)
        return
    guest.state = RunState.RUNNING
    world.changed()


def _no_checkpoints(guest: Guest, options: str) -> None:
    """Containers cannot be frozen into files: a node has no CRIU."""
    command = f"lxc-checkpoint -n {guest.vmid} {options} -D /var/lib/vz/dump"
    raise TaskFailed(f"command '{command}' failed: exit code 1")


_DO: dict[Action, Callable[[World, Task, Guest, How], Awaitable[None]]] = {
    Action.START: _start,
    Action.STOP: _stop,
    Action.SHUTDOWN: _shutdown,
    Action.REBOOT: _shutdown,
    Action.RESET: _reset,
    Action.SUSPEND: _suspend,
    Action.RESUME: _resume,
}
