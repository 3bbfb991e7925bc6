"""HA groups of Proxmox VE 8 becoming rules for good, once the whole cluster understands rules."""

from __future__ import annotations

import re

from msgspec.structs import replace

from hapanel.ha.engine.events import GroupsMigrated
from hapanel.ha.engine.round import Round, group_rules
from hapanel.ha.engine.words import LrmMode, LrmState, NodeState, ServiceState

_EVERY_ROUNDS = 6
# The pve-manager that first came with rules was 9.0.0~16, a pre-release.
_FIRST_VERSION = (9, 0, 0)
_FIRST_PRERELEASE = 16
_IDLE = frozenset(
    {ServiceState.STOPPED, ServiceState.FREEZE, ServiceState.ERROR, ServiceState.REQUEST_START}
)


def try_to_migrate(turn: Round) -> None:
    """Turn groups into rules when all nodes are ready, else try again some rounds later."""
    if not turn.draft.groups:
        return
    left = turn.memory.group_countdown - 1
    turn.memory = replace(turn.memory, group_countdown=left if left > 0 else _EVERY_ROUNDS)
    if left > 0:
        return
    obstacles = (_obstacle(turn, node) for node in sorted(turn.draft.node_states))
    obstacle = next((each for each in obstacles if each), None)
    turn.draft.emit(GroupsMigrated(at=turn.draft.now, reason=obstacle))
    if obstacle is None:
        _migrate(turn)


def _migrate(turn: Round) -> None:
    draft = turn.draft
    draft.rules += group_rules(draft)
    for sid, guest in draft.guests.items():
        if guest.group in draft.groups:
            failback = not draft.groups[guest.group].nofailback
            draft.guests[sid] = replace(guest, group=None, failback=failback)
    draft.groups = {}


def _obstacle(turn: Round, node: str) -> str | None:
    """Why this node is not ready for rules, None when it is."""
    status = turn.draft.lrm_status.get(node)
    if turn.nodes.state(node) is not NodeState.ONLINE:
        return f"node '{node}' is not online"
    if status is None:
        return f"could not retrieve state for lrm '{node}'"
    waits = status.state is LrmState.WAIT_FOR_AGENT_LOCK and not _has_active_services(turn, node)
    if status.state is not LrmState.ACTIVE and not waits:
        return f"lrm '{node}' is not in state 'active' or 'idle'"
    if status.mode is not LrmMode.ACTIVE:
        return f"lrm '{node}' is not in mode 'active'"
    if not knows_rules(turn.draft.machines[node].version):
        return f"node '{node}' needs a newer pve-manager"
    return None


def _has_active_services(turn: Round, node: str) -> bool:
    return any(service.state not in _IDLE for _, service in turn.draft.services_of(node))


def knows_rules(version: str) -> bool:
    """Whether a pve-manager of that version knows HA rules ('9.0.0~16' and later)."""
    match = re.match(r"(\d+)\.(\d+)\.(\d+)(?:~(\d+))?", version)
    if match is None:
        return False
    numbers = tuple(int(part) for part in match.groups()[:3])
    if numbers != _FIRST_VERSION:
        return numbers > _FIRST_VERSION
    return match[4] is None or int(match[4]) >= _FIRST_PRERELEASE
