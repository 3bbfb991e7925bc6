"""Auto-rebalancing: one bundle a round moves when the nodes' loads have differed long enough.

Imbalance is the coefficient of variation of the nodes' loads, a load being the mean of CPU and
memory. Newer releases of proxmox-resource-scheduling (2.1) divide it by sqrt(n - 1); the figures
here are those of 2.0, which belongs to pve-ha-manager 5.2.0.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import fsum, sqrt, trunc

import msgspec

from hapanel.ha.engine import topsis
from hapanel.ha.engine.commands import order_move
from hapanel.ha.engine.events import Rebalanced, RebalanceFailed
from hapanel.ha.engine.placement import classes, occupied
from hapanel.ha.engine.round import Round
from hapanel.ha.engine.usage import NodeLoad, SizedUsage
from hapanel.ha.engine.words import BalanceMethod, ServiceState

_DIGITS = 10**15
_ON_THE_WAY = frozenset({ServiceState.MIGRATE, ServiceState.RELOCATE})


class Candidate(msgspec.Struct, frozen=True):
    """A bundle that could move, by its first service, with the load that it takes along."""

    sid: str
    source: str
    target: str
    cpu: float
    mem: float


def imbalance(nodes: Collection[NodeLoad]) -> float:
    """How unequal the loads are: 0 when all are alike."""
    loads = [sum(node.fractions) / 2 for node in nodes]
    if len(loads) < 2 or not any(loads):
        return 0.0
    mean = fsum(loads) / len(loads)
    return sqrt(fsum((load - mean) ** 2 for load in loads) / len(loads)) / mean


def rebalance(turn: Round) -> None:
    """Count the rounds of imbalance and order one move when there were enough."""
    wish, usage = turn.draft.options.auto_rebalance, turn.scene.usage
    if not wish.enabled or not isinstance(usage, SizedUsage):
        return
    services = turn.draft.services.values()
    if any(each.state in _ON_THE_WAY or each.order is not None for each in services):
        return
    before = imbalance(usage.nodes().values())
    rounds = turn.memory.imbalanced_rounds + 1 if before > wish.threshold else 0
    enough = rounds >= wish.hold_rounds
    turn.memory = msgspec.structs.replace(turn.memory, imbalanced_rounds=0 if enough else rounds)
    if enough:
        _order_best(turn, usage, before)


def _order_best(turn: Round, usage: SizedUsage, before: float) -> None:
    candidates = _candidates(turn, usage)
    if not candidates:
        return
    wish = turn.draft.options.auto_rebalance
    choose = _by_topsis if wish.method is BalanceMethod.TOPSIS else _by_imbalance
    best = choose(usage, candidates)
    after = imbalance(_after(usage, best).values())
    if (before - after) / before < wish.margin:
        return
    turn.draft.emit(
        Rebalanced(at=turn.draft.now, sid=best.sid, node=best.target, before=before, after=after)
    )
    verb = "migrate" if best.sid.startswith("vm:") else "relocate"
    order_move(turn, f"{verb} {best.sid} {best.target}", best.sid, best.target)


def _candidates(turn: Round, usage: SizedUsage) -> list[Candidate]:
    """All bundles that may move, each with the nodes it may go to; none when a node is lost.

    A bundle is a service with those of its positive partners that are started as well.
    """
    found: list[Candidate] = []
    services = turn.draft.services
    started = {sid for sid, each in services.items() if each.state is ServiceState.STARTED}
    for sid in sorted(started):
        bundle = sorted({sid} | turn.scene.rules.partners(sid) & started)
        if bundle[0] != sid:
            continue
        source = services[sid].node
        places = {usage.place_of(each)[0] for each in bundle}
        if None in places:
            turn.draft.emit(RebalanceFailed(at=turn.draft.now, sid=sid))
            return []
        if len(places) == 1:
            _, best = classes(turn.scene, sid)
            cpu, mem = (fsum(part) for part in zip(*map(usage.moved_load, bundle), strict=True))
            found.extend(
                Candidate(sid, source, target, cpu, mem)
                for target in sorted(best.difference(occupied(turn.scene, sid), {source}))
            )
    return found


def _after(usage: SizedUsage, move: Candidate) -> dict[str, NodeLoad]:
    nodes = usage.nodes()
    nodes[move.source] = nodes[move.source].plus(-move.cpu, -move.mem)
    nodes[move.target] = nodes[move.target].plus(move.cpu, move.mem)
    return nodes


def _by_imbalance(usage: SizedUsage, candidates: Sequence[Candidate]) -> Candidate:
    def rank(move: Candidate) -> tuple[float, str, str, str]:
        after = trunc(imbalance(_after(usage, move).values()) * _DIGITS) / _DIGITS
        return after, move.sid, move.source, move.target

    return min(candidates, key=rank)


def _by_topsis(usage: SizedUsage, candidates: Sequence[Candidate]) -> Candidate:
    rows = [
        topsis.row(node.fractions for node in _after(usage, move).values()) for move in candidates
    ]
    scores = topsis.scores(rows)
    return max(zip(scores, candidates, strict=True), key=lambda pair: pair[0])[1]
