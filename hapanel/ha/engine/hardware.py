"""Power, network and the orderly end of nodes: what becomes of the daemons and guests on them."""

from __future__ import annotations

from msgspec.structs import replace

from hapanel.ha.engine.draft import Draft
from hapanel.ha.engine.events import CrmChanged, LrmChanged, LrmTold, WatchdogExpired
from hapanel.ha.engine.lrm import write_status
from hapanel.ha.engine.words import CrmState, Halt, LrmMode, LrmState, ServiceState, ShutdownPolicy
from hapanel.ha.engine.world import Crm, Job, Lrm, World


def power_on(draft: Draft, node: str) -> None:
    """Switch a node on: its daemons start at once, its guests only when somebody starts them."""
    machine = draft.machines[node]
    if machine.has_power:
        draft.put_machine(replace(machine, has_network=True, halt=None, lost_at=None))
        return
    draft.put_machine(
        replace(
            machine,
            has_power=True,
            has_network=True,
            halt=None,
            since=draft.now,
            lost_at=None,
            boots_at=None,
            can_write=True,
            can_update=True,
        )
    )
    start_crm(draft, node)
    start_lrm(draft, node)


def power_off(draft: Draft, node: str) -> None:
    """Cut a node's power: daemons, guests and watchdogs on it are gone."""
    machine = draft.machines[node]
    lost_at = draft.now if machine.is_up else machine.lost_at
    draft.put_machine(
        replace(
            machine,
            has_power=False,
            has_network=False,
            halt=None,
            stray_watchdog=None,
            lost_at=lost_at,
            boots_at=None,
        )
    )
    stop_daemons(draft, node)
    draft.running[node] = frozenset()


def set_network(draft: Draft, node: str, connected: bool) -> None:
    """Plug a node's cable in or out."""
    machine = draft.machines[node]
    if machine.has_network == connected:
        return
    lost_at = None if connected else draft.now
    draft.put_machine(replace(machine, has_network=connected, lost_at=lost_at))


def start_crm(draft: Draft, node: str) -> None:
    """Start a node's CRM unless it runs or the node is off."""
    if node not in draft.crms and draft.machines[node].has_power:
        draft.put_crm(node, Crm(due=draft.now))
        draft.emit(CrmChanged(at=draft.now, node=node, old=None, new=CrmState.WAIT_FOR_QUORUM))


def start_lrm(draft: Draft, node: str) -> None:
    """Start a node's LRM unless it runs or the node is off."""
    if node not in draft.lrms and draft.machines[node].has_power:
        draft.put_lrm(node, Lrm(due=draft.now, since=draft.now))
        draft.emit(LrmChanged(at=draft.now, node=node, old=None, new=LrmState.WAIT_FOR_AGENT_LOCK))


def stop_daemons(draft: Draft, node: str) -> None:
    """End both daemons without giving them a chance."""
    crm, lrm = draft.crms.get(node), draft.lrms.get(node)
    draft.put_crm(node, None)
    draft.put_lrm(node, None)
    if crm is not None:
        draft.emit(CrmChanged(at=draft.now, node=node, old=crm.state, new=None))
    if lrm is not None:
        draft.emit(LrmChanged(at=draft.now, node=node, old=lrm.state, new=None))


def stop_crm(draft: Draft, node: str) -> None:
    """Ask a node's CRM to exit in order."""
    crm = draft.crms.get(node)
    if crm is not None:
        draft.put_crm(node, replace(crm, wants_exit=True))


def halt(draft: Draft, node: str, how: Halt) -> None:
    """Ask a node to shut down or reboot in order."""
    draft.put_machine(replace(draft.machines[node], halt=how))
    if node in draft.lrms:
        _ask_lrm_to_leave(draft, node, how)
    elif not draft.profile.lockstep:
        lrm_exited(draft, node, comes_back=False)


def stop_lrm(draft: Draft, node: str) -> None:
    """Ask a node's LRM to freeze its services and exit; guests run on."""
    _ask_lrm_to_leave(draft, node, None)


def restart_lrm(draft: Draft, node: str) -> None:
    """Restart a node's LRM, as an update of the package does."""
    lrm = draft.lrms.get(node)
    if lrm is not None:
        draft.put_lrm(node, replace(lrm, comes_back=True))
        _ask_lrm_to_leave(draft, node, draft.machines[node].halt)


def _ask_lrm_to_leave(draft: Draft, node: str, how: Halt | None) -> None:
    """Choose the LRM's mode by the policy, and queue stops for the guests when they have to."""
    lrm = draft.lrms.get(node)
    if lrm is None or lrm.wants_exit:
        return
    mode = _mode_of_exit(draft.options.shutdown_policy, lrm.mode, how)
    jobs = dict(lrm.jobs)
    if how is not None and mode is not LrmMode.MAINTENANCE:
        for sid, service in lrm.seen.items():
            running = sid in jobs and jobs[sid].is_running
            if service.node == node and not running:
                jobs[sid] = Job(sid=sid, uid=None, state=ServiceState.REQUEST_STOP)
    lrm = replace(lrm, mode=mode, wants_exit=True, jobs=jobs)
    draft.put_lrm(node, lrm)
    draft.emit(LrmTold(at=draft.now, node=node, mode=mode))
    write_status(draft, node, lrm)


def _mode_of_exit(policy: ShutdownPolicy, mode: LrmMode, how: Halt | None) -> LrmMode:
    """Maintenance by hand overrules the policy; a mere restart of the LRM freezes."""
    if how is None:
        return LrmMode.RESTART
    if mode is LrmMode.MAINTENANCE or policy is ShutdownPolicy.MIGRATE:
        return LrmMode.MAINTENANCE
    freezes = policy is ShutdownPolicy.FREEZE or (
        policy is ShutdownPolicy.CONDITIONAL and how is Halt.REBOOT
    )
    return LrmMode.RESTART if freezes else LrmMode.SHUTDOWN


def crm_exited(draft: Draft, node: str) -> None:
    """A CRM is gone: at the end of an orderly shutdown the node goes off after it."""
    how = draft.machines[node].halt
    if how is not None:
        power_off(draft, node)
    if how is Halt.REBOOT:
        draft.put_machine(replace(draft.machines[node], boots_at=draft.now + draft.profile.reboot))
        boot_due(draft)


def boot_due(draft: Draft) -> None:
    """Switch on every node whose reboot has come so far."""
    for node, machine in list(draft.machines.items()):
        if machine.boots_at is not None and machine.boots_at <= draft.now:
            power_on(draft, node)


def lrm_exited(draft: Draft, node: str, comes_back: bool) -> None:
    """An LRM is gone: it starts anew, or the CRM follows it on the node's way down."""
    if comes_back:
        start_lrm(draft, node)
    elif draft.machines[node].halt is not None:
        if node in draft.crms:
            stop_crm(draft, node)
        elif not draft.profile.lockstep:
            crm_exited(draft, node)


def check_watchdogs(draft: Draft) -> None:
    """Reset every node with a watchdog client that was not fed for too long."""
    for node in list(draft.machines):
        deadline = next_reset(draft, node)
        if deadline < draft.now or (deadline == draft.now and not draft.profile.lockstep):
            power_off(draft, node)
            draft.emit(WatchdogExpired(at=draft.now, node=node))


def next_reset(draft: Draft | World, node: str) -> float:
    """Until when a node lives if nobody feeds its watchdog; for ever without one."""
    crm, lrm = draft.crms.get(node), draft.lrms.get(node)
    fed = (
        crm.watchdog if crm else None,
        lrm.watchdog if lrm else None,
        draft.machines[node].stray_watchdog,
    )
    clients = [at for at in fed if at is not None]
    return min(clients) + draft.profile.watchdog if clients else float("inf")
