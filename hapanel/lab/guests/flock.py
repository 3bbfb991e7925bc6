"""The lock file of a guest's configuration: one task at a time, others wait ten seconds for it.

It is another thing than the `lock` written into the configuration, which outlives tasks. Facts:
pve-guest-common AbstractConfig.pm.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from hapanel.lab.names import Kind

if TYPE_CHECKING:
    from hapanel.lab.world import Guest, World

WAIT_SECONDS = 10.0
POLL_SECONDS = 0.2


class LockTimeout(Exception):
    """Nobody let go of it; the text is PVE's."""


@asynccontextmanager
async def config_lock(
    world: "World", guest: "Guest", say: Callable[[str], None] = lambda _text: None
) -> AsyncIterator[None]:
    """Holds the lock file inside; `say` gets the lines about waiting. Raises LockTimeout."""
    if is_held(world, guest):
        say("trying to acquire lock...")
        await _wait(world, guest)
        say(" OK")
    owner = guest.holder = object()
    try:
        yield
    finally:
        if guest.holder is owner:
            guest.holder = None


async def _wait(world: "World", guest: "Guest") -> None:
    deadline = world.now() + world.clock.shortened(WAIT_SECONDS)
    while is_held(world, guest):
        if world.now() > deadline:
            raise LockTimeout(f"can't lock file '{_file(guest)}' - got timeout")
        await world.clock.pause(POLL_SECONDS / world.clock.speed)


def _file(guest: "Guest") -> str:
    if guest.kind is Kind.QEMU:
        return f"/var/lock/qemu-server/lock-{guest.vmid}.conf"
    return f"/run/lock/lxc/pve-config-{guest.vmid}.lock"


def is_held(world: "World", guest: "Guest") -> bool:
    """Whether a task has it; a migration has it all the way."""
    return guest.holder is not None or (guest.lock == "migrate" and is_moving(world, guest))


def is_moving(world: "World", guest: "Guest") -> bool:
    """Whether a migration of the guest is alive; after a crash only its mark is left behind."""
    return any(
        task.type == guest.kind.migration_task and task.id == str(guest.vmid) and not task.lost
        for node in world.nodes
        for task in world.tasks.running_on(node)
    )
