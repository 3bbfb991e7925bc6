"""From Proxmox's answers to facts, by the panel's own rules. Pure.

Sources of the rules: /cluster/resources knows at once that a node is offline, but keeps the last
status of its guests for 300 s and then forgets their names and sizes with it (pmxcfs, status.c).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hapanel.observe.facts import (
    UNKNOWN,
    NodeFacts,
    ServiceFacts,
    StorageFacts,
    StorageKey,
)
from hapanel.ports.cluster import (
    HaStatus,
    LrmState,
    Membership,
    NodeState,
    Resources,
    StorageState,
)


def node_facts(
    resources: Resources,
    membership: Membership | None,
    ha: HaStatus | None,
    before: Mapping[str, NodeFacts],
) -> dict[str, NodeFacts]:
    """Every node that any of the answers names."""
    rows = {node.name: node for node in resources.nodes}
    members = {node.name: node for node in membership.nodes} if membership else {}
    lrms = {lrm.node: lrm for lrm in ha.lrms} if ha else {}
    names = sorted(rows.keys() | members.keys())
    return {
        name: _node(name, rows.get(name), members.get(name), lrms.get(name), before.get(name))
        for name in names
    }


def _node(
    name: str,
    row: NodeState | None,
    member: NodeState | None,
    lrm: LrmState | None,
    before: NodeFacts | None,
) -> NodeFacts:
    old = before or NodeFacts(name=name, status=UNKNOWN)
    nothing = NodeState(name=name, online=False)
    measured, listed = row or nothing, member or nothing
    return NodeFacts(
        name=name,
        status=_node_status(row, member, lrm),
        node_id=_first(listed.node_id, old.node_id),
        ip=listed.ip or old.ip,
        maxcpu=_first(measured.maxcpu, old.maxcpu),
        maxmem=_first(measured.maxmem, old.maxmem),
        lrm_state=lrm.state if lrm else "",
        lrm_dead=lrm.dead if lrm else False,
    )


_TOLD = frozenset(("online", "offline"))


def _first(new: int | None, old: int | None) -> int | None:
    return old if new is None else new


def _node_status(row: NodeState | None, member: NodeState | None, lrm: LrmState | None) -> str:
    """The panel's word for a node. The row of /cluster/resources is the freshest about membership;
    its `unknown` means a member without measurements, and then /cluster/status decides."""
    ha_word = row.hastate if row else None
    told = next((each for each in (row, member) if each and each.status in _TOLD), None)
    if told is None:
        return UNKNOWN
    online = told.online
    if ha_word == "fence":
        return "fence"
    if not online:
        return "offline"
    in_maintenance = ha_word == "maintenance" or (lrm is not None and lrm.state == "maintenance")
    return "maintenance" if in_maintenance else "online"


def storage_facts(
    rows: Iterable[StorageState],
    nodes: Mapping[str, NodeFacts],
    before: Mapping[StorageKey, StorageFacts],
) -> dict[StorageKey, StorageFacts]:
    """The storages; on a node that is not seen they are unknown."""
    unseen = {name for name, node in nodes.items() if not node.is_seen}
    return {
        (row.node, row.storage): _storage(
            row, UNKNOWN if row.node in unseen else row.status, before.get((row.node, row.storage))
        )
        for row in rows
    }


def _storage(row: StorageState, status: str, old: StorageFacts | None) -> StorageFacts:
    return StorageFacts(
        node=row.node,
        storage=row.storage,
        status=status,
        type=row.type or (old.type if old else ""),
        shared=row.shared,
        content=row.content or (old.content if old else ""),
        total=_first(row.total, old.total if old else None),
        used=settled_use(row.used, row.total, old),
    )


def settled_use(used: int | None, total: int | None, old: StorageFacts | None) -> int | None:
    """The recorded use until the real one is more than a hundredth of the storage away from it."""
    if old is None or old.used is None or used is None:
        return used if used is not None or old is None else old.used
    return used if abs(used - old.used) * 100 > (total or used) else old.used


def service_facts(ha: HaStatus) -> dict[str, ServiceFacts]:
    """The HA resources that the HA manager reports."""
    return {
        service.sid: ServiceFacts(
            sid=service.sid,
            node=service.node or "",
            state=service.state,
            crm_state=service.crm_state or "",
            request_state=service.request_state or "",
            max_restart=service.max_restart,
            max_relocate=service.max_relocate,
            failback=service.failback,
        )
        for service in ha.services
    }
