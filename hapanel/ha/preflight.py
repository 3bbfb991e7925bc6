"""Whether a guest may move to a node: every check there is, over plain facts.

Pure, so a page can ask it from records and a worker from what Proxmox says right before the step.
A check yields findings; a finding hinders or only warns. A check that yields nothing has passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hapanel.ha import migration_refusals as no
from hapanel.ha.migration_facts import ClusterFacts, DiskFacts, MigrationMode, MoveFacts, RuleFacts
from hapanel.kernel.names import GuestType
from hapanel.kernel.refusal import Refusal
from hapanel.kernel.units import format_bytes

# HA states in which the manager has nothing in hand (pve-ha-manager, HA/Tools.pm).
_RESTING = frozenset({"started", "stopped", "disabled"})


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; `hinders` is False for a warning."""

    refusal: Refusal
    hinders: bool = True


@dataclass(frozen=True, slots=True)
class Judgement:
    """All findings together, and the codes of the checks that found nothing."""

    refusals: tuple[Refusal, ...]
    warnings: tuple[Refusal, ...]
    passed: tuple[str, ...]


Findings = Iterator[Finding]


def judge(facts: MoveFacts) -> Judgement:
    """Run every check. Order: what hinders everything first, so the first refusal explains most."""
    refusals: list[Refusal] = []
    warnings: list[Refusal] = []
    passed: list[str] = []
    for code, check in CHECKS.items():
        findings = list(check(facts))
        refusals += [finding.refusal for finding in findings if finding.hinders]
        warnings += [finding.refusal for finding in findings if not finding.hinders]
        if not findings:
            passed.append(code)
    return Judgement(tuple(refusals), tuple(warnings), tuple(passed))


def why_not_seen(cluster: ClusterFacts) -> Refusal | None:
    """Why nothing can be judged of the cluster now; None when it is seen."""
    if cluster.sees:
        return None
    if cluster.why_blind or cluster.age_seconds is None:
        return no.CLUSTER_NOT_SEEN(cluster=cluster.name, reason=cluster.why_blind or "-")
    return no.CLUSTER_STALE(cluster=cluster.name, seconds=round(cluster.age_seconds))


def _cluster_is_seen(facts: MoveFacts) -> Findings:
    blind = why_not_seen(facts.cluster)
    if blind is not None:
        yield Finding(blind)


def _panel_may(facts: MoveFacts) -> Findings:
    cluster = facts.cluster
    if not cluster.may_operate:
        yield Finding(no.WATCH_ONLY(cluster=cluster.name))
    elif "VM.Migrate" in cluster.missing_privileges:
        yield Finding(no.PRIVILEGE_MISSING(cluster=cluster.name, privilege="VM.Migrate"))


def _quorum(facts: MoveFacts) -> Findings:
    cluster = facts.cluster
    if cluster.quorate is False:
        yield Finding(no.NO_QUORUM(cluster=cluster.name))
    elif cluster.quorate is None:
        yield Finding(no.QUORUM_UNKNOWN(cluster=cluster.name), hinders=False)


def _guest_can_move(facts: MoveFacts) -> Findings:
    guest = facts.guest
    if guest.template:
        yield Finding(no.TEMPLATE(guest=guest.label))
    if guest.status == "unknown":
        yield Finding(no.GUEST_UNKNOWN(guest=guest.label, node=guest.node))


def _nobody_else_works_on_it(facts: MoveFacts) -> Findings:
    guest = facts.guest
    if facts.other_operation is not None:
        yield Finding(no.OPERATION_IN_PROGRESS(guest=guest.label, operation=facts.other_operation))
    elif guest.lock:
        tool = "qm" if guest.type is GuestType.QEMU else "pct"
        command = f"{tool} unlock {guest.vmid}"
        yield Finding(
            no.GUEST_LOCKED(guest=guest.label, lock=guest.lock, node=guest.node, command=command)
        )


def _source(facts: MoveFacts) -> Findings:
    guest, node = facts.guest, facts.node(facts.guest.node)
    if node is not None and node.status not in {"online", "maintenance"}:
        yield Finding(no.SOURCE_NOT_ONLINE(guest=guest.label, node=node.name, status=node.status))


def _target(facts: MoveFacts) -> Findings:
    target = facts.node(facts.target)
    if target is None:
        names = ", ".join(n.name for n in facts.nodes if n.name != facts.guest.node)
        yield Finding(
            no.UNKNOWN_TARGET(cluster=facts.cluster.name, node=facts.target, nodes=names or "-")
        )
    elif target.name == facts.guest.node:
        yield Finding(no.TARGET_IS_SOURCE(guest=facts.guest.label, node=target.name))
    elif target.status == "maintenance":
        yield Finding(no.TARGET_IN_MAINTENANCE(node=target.name))
    elif target.status != "online":
        yield Finding(no.TARGET_NOT_ONLINE(node=target.name, status=target.status))
    if facts.proxmox_against:
        said = "; ".join(facts.proxmox_against)
        yield Finding(no.PROXMOX_FORBIDS(guest=facts.guest.label, node=facts.target, said=said))


def _mode(facts: MoveFacts) -> Findings:
    guest, fitting = facts.guest, facts.fitting_mode
    if facts.mode in (None, fitting) or guest.status == "unknown":
        return
    kind = "container" if guest.type is GuestType.LXC else "virtual machine"
    state = f"a {'running' if guest.is_running else 'stopped'} {kind}"
    yield Finding(
        no.MODE_DOES_NOT_FIT(
            guest=guest.label, mode=facts.mode.value, state=state, fitting=fitting.value
        )
    )


def _memory(facts: MoveFacts) -> Findings:
    guest, target = facts.guest, facts.node(facts.target)
    if target is None or not guest.is_running or guest.maxmem is None:
        return
    free = target.free_memory
    if free is None:
        yield Finding(no.MEMORY_UNKNOWN(node=target.name), hinders=False)
        return
    needed = min(guest.used_memory or guest.maxmem, guest.maxmem)
    words = {"guest": guest.label, "node": target.name, "free": format_bytes(max(0, free))}
    if needed > free:
        yield Finding(no.NOT_ENOUGH_MEMORY(needed=format_bytes(needed), **words))
    elif guest.maxmem > free:
        yield Finding(no.TIGHT_MEMORY(needed=format_bytes(guest.maxmem), **words), hinders=False)


def _disks(facts: MoveFacts) -> Findings:
    guest = facts.guest
    if guest.disks is None:
        yield Finding(no.CONFIG_NOT_READ(guest=guest.label), hinders=False)
        return
    local = [disk for disk in guest.disks if _is_local(disk, facts)]
    cds = [disk.volume for disk in local if disk.is_cdrom]
    if cds:
        yield Finding(no.LOCAL_CDROM(guest=guest.label, node=guest.node, volumes=", ".join(cds)))
    volumes = ", ".join(disk.volume for disk in local if not disk.is_cdrom)
    if not volumes:
        return
    # Proxmox copies by itself where nothing runs meanwhile, and HA always asks for the copy.
    goes_along = facts.with_local_disks or guest.is_under_ha
    if goes_along or facts.fitting_mode is not MigrationMode.ONLINE:
        yield Finding(no.DISKS_ARE_COPIED(guest=guest.label, volumes=volumes), hinders=False)
    else:
        yield Finding(no.LOCAL_DISKS(guest=guest.label, node=guest.node, volumes=volumes))


def _is_local(disk: DiskFacts, facts: MoveFacts) -> bool:
    """A volume that only the source has. A CD drive without a storage is an empty one."""
    if facts.proxmox_local is not None:
        return disk.volume in facts.proxmox_local
    if not disk.storage:
        return not disk.is_cdrom
    here = facts.storage(disk.storage, facts.guest.node)
    return here is not None and not here.shared


def _storage_on_target(facts: MoveFacts) -> Findings:
    guest = facts.guest
    if facts.target_storage and not guest.is_under_ha:
        yield from _asked_storage(facts)
        return
    if facts.node(facts.target) is None or facts.target == guest.node:
        return
    for name in sorted({disk.storage for disk in guest.disks or () if disk.storage}):
        if not any(entry.storage == name for entry in facts.storages):
            continue  # the token may not see this storage anywhere; Proxmox judges it itself
        there = facts.storage(name, facts.target)
        if there is None or not there.available:
            yield Finding(no.STORAGE_MISSING(storage=name, guest=guest.label, node=facts.target))


def _asked_storage(facts: MoveFacts) -> Findings:
    wanted = "images" if facts.guest.type is GuestType.QEMU else "rootdir"
    fitting = [
        s.storage
        for s in facts.storages
        if s.node == facts.target and s.available and wanted in s.content
    ]
    if facts.target_storage not in fitting:
        yield Finding(
            no.TARGET_STORAGE_MISSING(
                node=facts.target,
                storage=facts.target_storage,
                storages=", ".join(sorted(fitting)) or "-",
            )
        )


def _devices(facts: MoveFacts) -> Findings:
    guest = facts.guest
    if guest.passthrough:
        yield Finding(
            no.LOCAL_RESOURCES(
                guest=guest.label, node=guest.node, devices=", ".join(guest.passthrough)
            )
        )


def _ha_state(facts: MoveFacts) -> Findings:
    guest, cluster = facts.guest, facts.cluster
    if not guest.is_under_ha:
        return
    if guest.ha_state == "error":
        yield Finding(no.HA_ERROR(guest=guest.label))
    elif guest.ha_state not in _RESTING:
        yield Finding(no.HA_BUSY(guest=guest.label, state=guest.ha_state))
    if cluster.ha_armed_state in {"disarmed", "disarming"}:
        yield Finding(no.HA_DISARMED(cluster=cluster.name, state=cluster.ha_armed_state))
    source = facts.node(guest.node)
    if cluster.ha_manager_dead:
        yield Finding(no.HA_MANAGER_DOWN(where=cluster.name))
    elif source is not None and source.lrm_dead:
        yield Finding(no.HA_MANAGER_DOWN(where=source.name))
    if facts.target_storage or facts.has_own_limit:
        yield Finding(no.HA_FIXES_OPTIONS(guest=guest.label), hinders=False)


def _ha_rules(facts: MoveFacts) -> Findings:
    guest = facts.guest
    if not guest.is_under_ha:
        return
    for rule in facts.rules:
        if rule.disabled or guest.sid not in rule.resources:
            continue
        if rule.type == "node-affinity":
            yield from _node_affinity(rule, facts)
        elif rule.type == "resource-affinity":
            yield from _resource_affinity(rule, facts)


def _node_affinity(rule: RuleFacts, facts: MoveFacts) -> Findings:
    if facts.target in rule.nodes:
        return
    kind = no.HA_RULE_FORBIDS if rule.strict else no.HA_RULE_PREFERS
    words = {"rule": rule.rule, "guest": facts.guest.label, "nodes": ", ".join(rule.nodes)}
    yield Finding(kind(**words), hinders=rule.strict)


def _resource_affinity(rule: RuleFacts, facts: MoveFacts) -> Findings:
    others = [sid for sid in rule.resources if sid != facts.guest.sid]
    if rule.affinity == "negative":
        there = [sid for sid in others if facts.neighbours.get(sid) == facts.target]
        if there:
            words = {"rule": rule.rule, "guest": facts.guest.label, "node": facts.target}
            yield Finding(no.HA_KEPT_APART(others=", ".join(there), **words))
    elif others:
        words = {"rule": rule.rule, "guest": facts.guest.label}
        yield Finding(no.HA_MOVES_ALONG(others=", ".join(others), **words), hinders=False)


CHECKS: dict[str, Callable[[MoveFacts], Findings]] = {
    "cluster-seen": _cluster_is_seen,
    "privileges": _panel_may,
    "quorum": _quorum,
    "guest": _guest_can_move,
    "lock": _nobody_else_works_on_it,
    "source": _source,
    "target": _target,
    "mode": _mode,
    "memory": _memory,
    "disks": _disks,
    "storage": _storage_on_target,
    "devices": _devices,
    "ha-state": _ha_state,
    "ha-rules": _ha_rules,
}
