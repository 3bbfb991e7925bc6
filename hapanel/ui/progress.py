"""The phases of an operation as people follow them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_MIGRATE: tuple[tuple[str, Promise], ...] = (
    ("preflight", _("Preflight")),
    ("intended", _("Ask Proxmox")),
    ("waiting_for_ha", _("The HA manager takes it up")),
    ("following", _("Move")),
    ("verifying", _("Check where the guest is")),
)
# Steps of the machine that people need not tell apart.
_SAME = {"accepted": "intended"}


@dataclass(frozen=True, slots=True)
class Phase:
    """One line of the list of steps."""

    state: str
    word: str
    said: str = ""


def phases(operation: Any) -> list[Phase]:
    """The phases of a migration with their states; nothing for other kinds, or before it began."""
    if operation.kind != "migrate" or operation.state in {"scheduled", "queued"}:
        return []
    codes = [code for code, _word in _MIGRATE]
    step = _SAME.get(operation.step, operation.step)
    reached = codes.index(step) if step in codes else -1
    under_ha = bool(operation.memo.get("ha"))
    found = []
    for at, (code, word) in enumerate(_MIGRATE):
        if code == "waiting_for_ha" and not under_ha:
            continue
        found.append(Phase(_state(operation.state, at, reached), str(word)))
    return found


def _state(state: str, at: int, reached: int) -> str:
    if state == "succeeded" or at < reached:
        return "ok"
    if at > reached:
        return "off"
    return {"running": "busy", "failed": "danger", "needs_attention": "warn"}.get(state, "off")


def step_word(operation: Any) -> str:
    """Where a running operation stands, in a few words."""
    return str(operation.get_step_display())
