"""What is not known about a cluster, and for which HA manager a forecast is proven."""

from __future__ import annotations

from hapanel.ha.engine.words import Scheduler
from hapanel.ha.forecast.reasons import Code, Reason, because
from hapanel.ha.forecast.snapshot import Snapshot

PROVEN = "5.2"
_PROVEN_PVE = (9, 2)  # Proxmox VE 9.2 comes with pve-ha-manager 5.2


def is_verified(pve_version: str) -> bool:
    """Whether the forecast is proven for the HA manager of this Proxmox VE."""
    numbers = pve_version.split("~")[0].split("-")[0].split(".")[:2]
    return len(numbers) == 2 and tuple(map(str, _PROVEN_PVE)) == tuple(numbers)


def is_vote_missing(seen: Snapshot) -> bool:
    """Whether the votes of a node were not read, so that nobody can count."""
    return not seen.nodes or any(node.votes is None for node in seen.nodes)


def cluster_doubts(seen: Snapshot) -> tuple[Reason, ...]:
    """What was not known and may change the answer for every guest."""
    found = []
    if not is_verified(seen.pve_version):
        version = seen.pve_version or "?"
        found.append(because(Code.VERSION_UNVERIFIED, proven=PROVEN, version=version))
    managed = any(guest.managed for guest in seen.guests)
    if managed and seen.quorate and (not seen.manager_node or seen.manager_state == "dead"):
        found.append(because(Code.MANAGER_AWAY))
    for node in seen.nodes:
        if node.status == "unknown":
            found.append(because(Code.NODE_NOT_SEEN, node=node.name))
        elif not node.is_member:
            found.append(because(Code.AWAY_ALREADY, node=node.name))
    if managed and seen.options is None:
        found.append(because(Code.OPTIONS_NOT_READ))
    elif managed and seen.options and seen.options.scheduler == Scheduler.DYNAMIC:
        found.append(because(Code.LOAD_NOT_KNOWN))
    return tuple(found)
