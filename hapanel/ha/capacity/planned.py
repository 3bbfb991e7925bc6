"""A guest that is only planned: does it fit, and does everything still fit with one node less?"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from hapanel.ha.capacity.loss import CROWDED, Fit, Loss, Survey
from hapanel.ha.forecast.snapshot import (
    SeenDisk,
    SeenGuest,
    SeenNode,
    SeenResource,
    SeenStorage,
    Snapshot,
)
from hapanel.kernel.refusal import Translate, gettext_noop, untranslated

# No guest of Proxmox has a number below 100.
PLANNED_VMID = 0
_SID = f"vm:{PLANNED_VMID}"
# Nodes that are tried one after the other until one works out also after a loss.
_TRIES = 3
_MIB = 1024**2
_GIB = 1024**3


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """What it shall have: cores, bytes of memory and disk. storage: blank to let us choose."""

    cores: float
    memory: int
    disk: int = 0
    storage: str = ""


class Because(msgspec.Struct, frozen=True):
    """Why it does not fit on a node: an English template and its values."""

    code: str
    template: str
    params: dict[str, object] = {}

    def sentence(self, translate: Translate = untranslated) -> str:
        """In the reader's language."""
        return translate(self.template) % self.params


class NodeFit(msgspec.Struct, frozen=True, kw_only=True):
    """A node and the planned guest. storage: where its disk would go, blank without a disk."""

    node: str
    fit: Fit
    storage: str = ""
    is_shared: bool = True
    free_memory: int | None = None
    reason: Because | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The answer. node, storage: where it should go, None when nowhere. losses: what has to fit
    where with it there; pushed_out: sids that fit before and do not any more, by the node that
    dies, the planned guest among them."""

    wanted: Planned
    nodes: tuple[NodeFit, ...]
    node: str | None = None
    storage: str = ""
    losses: tuple[Loss, ...] = ()
    pushed_out: dict[str, tuple[str, ...]] = {}

    @property
    def fits_now(self) -> bool | None:
        """Whether any node can take it; None: not known."""
        if self.node is not None:
            return True
        return None if any(each.fit is Fit.UNKNOWN for each in self.nodes) else False

    @property
    def fits_after_a_loss(self) -> bool | None:
        """Whether it, and all that fit before, still fits whichever node dies; None: not known."""
        if self.node is None or self.pushed_out:
            return None if self.fits_now is None else False
        own = [a.fit for loss in self.losses for a in loss.arrivals if a.sid == _SID]
        return None if Fit.UNKNOWN in own else True


def plan(seen: Snapshot, wanted: Planned, before: tuple[Loss, ...]) -> Plan:
    """Whether `wanted` fits. before: the losses without it."""
    nodes = tuple(_node_fit(seen, node, wanted) for node in seen.nodes if node.status == "online")
    able = [each for each in nodes if each.fit in (Fit.FITS, Fit.TIGHT)]
    able.sort(key=lambda each: (not each.is_shared, each.fit, -(each.free_memory or 0), each.node))
    best: Plan | None = None
    for each in able[:_TRIES]:
        found = _tried(seen, wanted, nodes, each, before)
        if best is None or (found.fits_after_a_loss and not best.fits_after_a_loss):
            best = found
        if found.fits_after_a_loss:
            break
    return best or Plan(wanted=wanted, nodes=nodes)


def _tried(
    seen: Snapshot,
    wanted: Planned,
    nodes: tuple[NodeFit, ...],
    place: NodeFit,
    before: tuple[Loss, ...],
) -> Plan:
    losses = Survey(_with_it(seen, wanted, place)).each()
    could_not = {loss.node: {a.sid for a in loss.left_out} for loss in before}
    pushed = {
        loss.node: tuple(
            a.sid for a in loss.left_out if a.sid not in could_not.get(loss.node, set())
        )
        for loss in losses
    }
    return Plan(
        wanted=wanted,
        nodes=nodes,
        node=place.node,
        storage=place.storage,
        losses=losses,
        pushed_out={node: sids for node, sids in pushed.items() if sids},
    )


def _with_it(seen: Snapshot, wanted: Planned, place: NodeFit) -> Snapshot:
    """The cluster with the planned guest running on its node, and its memory in use there."""
    disks = (SeenDisk(key="scsi0", storage=place.storage),) if place.storage else ()
    guest = SeenGuest(
        sid=_SID,
        vmid=PLANNED_VMID,
        node=place.node,
        maxcpu=wanted.cores,
        maxmem=wanted.memory,
        disks=disks,
        resource=SeenResource(state="started", request="started", node=place.node),
    )
    nodes = tuple(
        replace(node, mem=node.mem + wanted.memory)
        if node.name == place.node and node.mem is not None
        else node
        for node in seen.nodes
    )
    return replace(seen, nodes=nodes, guests=(*seen.guests, guest))


def _node_fit(seen: Snapshot, node: SeenNode, wanted: Planned) -> NodeFit:
    free = None if node.maxmem is None or node.mem is None else max(0, node.maxmem - node.mem)
    storage, why = _storage_on(seen, node.name, wanted)
    fit = Fit.UNKNOWN if free is None else Fit.FITS
    if node.maxcpu is not None and wanted.cores > node.maxcpu:
        fit = Fit.NO
        why = why or Because("no-cores", _CORES, {"node": node.name, "cores": round(node.maxcpu)})
    if why is not None:
        fit = Fit.NO
    elif free is not None and wanted.memory > free:
        fit, why = Fit.NO, _no_memory(node.name, free, wanted.memory)
    elif node.maxcpu and _assigned(seen, node.name) + wanted.cores > CROWDED * node.maxcpu:
        fit = Fit.TIGHT if fit is Fit.FITS else fit
    return NodeFit(
        node=node.name,
        fit=fit,
        storage=storage.storage if storage else "",
        is_shared=storage is None or storage.is_shared,
        free_memory=free,
        reason=why,
    )


def _assigned(seen: Snapshot, node: str) -> float:
    return sum(g.maxcpu or 0.0 for g in seen.guests if g.node == node and g.is_running)


_MEMORY = gettext_noop("%(node)s has %(free)d MiB of memory free and it needs %(needed)d MiB.")
_CORES = gettext_noop("%(node)s has %(cores)d cores; no guest can have more than its node.")
_DISK = gettext_noop("No storage of %(node)s has %(needed)d GiB free for its disk.")
_STORAGE = gettext_noop("%(storage)s on %(node)s does not have %(needed)d GiB free for its disk.")


def _no_memory(node: str, free: int, needed: int) -> Because:
    words = {"node": node, "free": free // _MIB, "needed": -(-needed // _MIB)}
    return Because("no-memory", _MEMORY, words)


def _storage_on(
    seen: Snapshot, node: str, wanted: Planned
) -> tuple[SeenStorage | None, Because | None]:
    """Where its disk would go on `node`: shared storages first, then the one with most room."""
    if not wanted.disk and not wanted.storage:
        return None, None
    found = [
        each
        for each in _disk_storages(seen, node)
        if (not wanted.storage or each.storage == wanted.storage)
        and (each.free is not None and each.free >= wanted.disk)
    ]
    if not found:
        words = {"node": node, "needed": -(-wanted.disk // _GIB), "storage": wanted.storage}
        kind = ("no-storage", _STORAGE if wanted.storage else _DISK)
        return None, Because(*kind, words)
    reach = {
        name: sum(each.storage == name and each.is_shared for each in seen.storages)
        for name in {each.storage for each in found}
    }
    return min(found, key=lambda s: (-reach[s.storage], -(s.free or 0), s.storage)), None


def _disk_storages(seen: Snapshot, node: str) -> Iterable[SeenStorage]:
    for each in seen.storages:
        holds = "images" in each.content.split(",")
        if each.node == node and each.is_available and holds:
            yield each
