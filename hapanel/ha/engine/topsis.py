"""TOPSIS, the ranking behind the static and dynamic schedulers.

Each alternative has four figures, all better when small: mean and maximum of the nodes' CPU load,
mean and maximum of their memory load. Figures are normalised by column, weighted, and an
alternative scores by its distance to the worst against that to the best (0 worst, 1 best).
The weights are those of proxmox-resource-scheduling.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import fsum, sqrt
from typing import TypeAlias

Row: TypeAlias = tuple[float, float, float, float]

_WEIGHTS: Row = (1 / 18, 2 / 18, 5 / 18, 10 / 18)


def row(loads: Iterable[tuple[float, float]]) -> Row:
    """The figures of one alternative from (cpu, memory) load of each node, as fractions.

    One is added to each, so that tiny differences between idle nodes do not count much.
    """
    cpus, mems = zip(*loads, strict=True)
    return (1 + _mean(cpus), 1 + max(cpus), 1 + _mean(mems), 1 + max(mems))


def _mean(values: Sequence[float]) -> float:
    """The quadratic mean, whatever the order of the nodes, so that equal ones stay equal."""
    return sqrt(fsum(value * value for value in values) / len(values))


def scores(rows: Sequence[Row]) -> list[float]:
    """The score of each alternative, between 0 and 1, higher is better."""
    if not rows:
        return []
    columns = [_normalised([each[i] for each in rows]) for i in range(4)]
    best = [min(column) for column in columns]
    worst = [max(column) for column in columns]
    found = []
    for n in range(len(rows)):
        values = [column[n] for column in columns]
        to_best, to_worst = _distance(values, best), _distance(values, worst)
        total = to_best + to_worst
        found.append(to_worst / total if total else 0.0)
    return found


def _normalised(values: Sequence[float]) -> list[float]:
    length = sqrt(fsum(value * value for value in values))
    return [value / length for value in values] if length else list(values)


def _distance(values: Sequence[float], ideal: Sequence[float]) -> float:
    weighted = ((v - i) * w for v, i, w in zip(values, ideal, _WEIGHTS, strict=True))
    return sqrt(sum(each * each for each in weighted))
