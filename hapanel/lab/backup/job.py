"""The vzdump task: one guest after the other, one job at a time on each node.

Facts: pve-manager VZDump.pm and API2/VZDump.pm.
"""

import asyncio
from collections.abc import Iterator

from hapanel.lab.backup.order import DEFAULT_STORAGE, DumpOrder, Rules
from hapanel.lab.backup.retention import keep_of
from hapanel.lab.backup.turn import Target, Turn
from hapanel.lab.backup.wording import Report
from hapanel.lab.errors import TaskFailed
from hapanel.lab.tasks import Task, Work
from hapanel.lab.world import Storage, World

LOCK_POLL_SECONDS = 0.2
INTERRUPTED = "interrupted by signal"
TASK_TYPE = "vzdump"


def dumping(world: World, node: str, order: DumpOrder, rules: Rules) -> Work:
    """The task's work."""

    async def work(task: Task) -> None:
        target = _target(world, node, order)
        report = Report(task)
        await _wait_for_turn(world, task, report)
        report.info(f"starting new backup job: {order.command}")
        if order.skipped:
            report.info(f"skip external VMs: {', '.join(map(str, order.skipped))}")
        failed = 0
        for vmid in _permitted(order, rules):
            turn = Turn(world, task, target, order, rules, vmid)
            try:
                failed += not await turn.run()
            except asyncio.CancelledError as end:
                if task.lost:
                    raise
                report.error(f"Backup job failed - {INTERRUPTED}")
                raise TaskFailed(INTERRUPTED) from end
        report.info(f"Backup job finished {'with errors' if failed else 'successfully'}")
        if failed:
            raise TaskFailed("job errors")

    return work


def _target(world: World, node: str, order: DumpOrder) -> Target:
    """The storage, if archives may go there. Raises TaskFailed with all that is against it."""
    if order.storage and "dumpdir" in order.places:
        raise TaskFailed("cannot use options 'storage' and 'dumpdir' at the same time")
    name, faults = order.storage or DEFAULT_STORAGE, _not_there(order)
    storage = world.storages.get(name)
    fault = _not_usable(storage, name, node)
    if fault:
        faults.append(f"could not activate storage '{name}': {fault}")
    info = "could not get storage information for"
    if storage is None:
        faults.append(f"{info} '{name}': {fault}")
    elif "backup" not in storage.content.split(","):
        because = f"can't use storage '{name}' for backups - wrong content type"
        faults.append(f"{info} '{name}': {because}")
    if faults or storage is None:
        raise TaskFailed("\n".join(faults))
    keep = order.keep
    if keep is None:
        keep = keep_of(str(storage.options.get("prune-backups", "keep-all=1")))
    return Target(storage, node, keep)


def _not_there(order: DumpOrder) -> list[str]:
    """Directories and hook scripts that nobody finds on the node."""
    places, faults = order.places, []
    if "script" in places:
        faults.append(f"The hook script '{places['script']}' is not executable.")
    for name in ("dumpdir", "tmpdir"):
        if name in places:
            faults.append(f"{name} '{places[name]}' does not exist")
    return faults


def _not_usable(storage: Storage | None, name: str, node: str) -> str | None:
    if storage is None:
        return f"storage '{name}' does not exist"
    if storage.is_disabled:
        return f"storage '{name}' is disabled"
    return None if storage.is_on(node) else f"storage '{name}' is not available on node '{node}'"


async def _wait_for_turn(world: World, task: Task, report: Report) -> None:
    """A node does one backup job at a time."""
    if not any(_is_at_work(other) for other in _earlier(world, task)):
        return
    report.info("trying to get global lock - waiting...")
    while any(_is_at_work(other) for other in _earlier(world, task)):
        await world.clock.pause(LOCK_POLL_SECONDS)
    report.info("got global lock")


def _earlier(world: World, task: Task) -> Iterator[Task]:
    """Backup jobs of the node that were begun before this one."""
    newest_first = iter(world.tasks.of_node(task.node))
    found = task in newest_first  # takes the newer ones away
    return (other for other in newest_first if found and other.type == TASK_TYPE)


def _is_at_work(task: Task) -> bool:
    return task.is_running and not task.lost


def _permitted(order: DumpOrder, rules: Rules) -> list[int]:
    """Whoever asks for a guest by its number must be allowed to; of all others are left out."""
    permitted = []
    for vmid in order.vmids:
        if rules.may_back_up(vmid):
            permitted.append(vmid)
        elif not order.everyone:
            raise TaskFailed(f"403 Permission check failed (/vms/{vmid}, VM.Backup)")
    return permitted
