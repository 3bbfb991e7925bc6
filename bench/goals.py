"""What is measured, what it should be, and whether it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure. `goal` is the most it may be; None for what is only told.

    `beside` holds what it was computed from, for whoever reads results.json.
    """

    name: str
    value: float
    unit: str
    goal: float | None = None
    beside: dict[str, Any] = field(default_factory=dict)

    @property
    def is_missed(self) -> bool:
        return self.goal is not None and self.value > self.goal

    @property
    def verdict(self) -> str:
        if self.goal is None:
            return ""
        return "MISSED" if self.is_missed else "met"

    def as_record(self) -> dict[str, Any]:
        """Plain values for results.json."""
        return asdict(self) | {"verdict": self.verdict}


def table(figures: Iterable[Figure]) -> str:
    """The figures as people read them."""
    lines = [f"{'':60} {'measured':>14} {'goal':>10}"]
    for figure in figures:
        measured = f"{figure.value:.2f} {figure.unit}"
        goal = f"<= {figure.goal:g}" if figure.goal is not None else ""
        lines.append(f"{figure.name:60} {measured:>14} {goal:>10}  {figure.verdict}")
    return "\n".join(lines)


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of the values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
