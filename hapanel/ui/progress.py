"""The phases of an operation as people follow them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from hapanel.ui import words
from hapanel.ui.recovery_words import step_words

_MIGRATE: tuple[tuple[str, Promise], ...] = (
    ("preflight", _("Preflight")),
    ("intended", _("Ask Proxmox")),
    ("waiting_for_ha", _("The HA manager takes it up")),
    ("following", _("Move")),
    ("verifying", _("Check where the guest is")),
)
_HA: tuple[tuple[str, Promise], ...] = (
    ("preflight", _("Preflight")),
    ("intended", _("Ask Proxmox")),
    ("confirming", _("Read it back")),
)
# The timeline's codes (hapanel.operations.words) with which each phase ends.
_ENDS: dict[str, tuple[str, ...]] = {
    "preflight": ("preflight_passed", "ha_preflight_passed"),
    "intended": ("accepted", "adopted", "ha_taken", "ha_answer_lost", "ha_unsure"),
    "waiting_for_ha": ("ha_task_found", "ha_moved_it"),
    "following": ("task_ended",),
    "verifying": ("succeeded",),
    "confirming": ("ha_succeeded",),
}
# Steps of the machine that people need not tell apart.
_SAME = {"accepted": "intended"}


@dataclass(frozen=True, slots=True)
class Phase:
    """One line of the list of steps."""

    state: str
    word: str
    said: str = ""


def phases(operation: Any) -> list[Phase]:
    """The phases of a migration, a change of HA or a split-brain recovery with their states;
    nothing for other kinds, or before it began."""
    if operation.state in {"scheduled", "queued"}:
        return []
    if operation.kind == "resolve_split_brain":
        return _recovery(operation)
    all_phases = _HA if operation.is_about_ha else _MIGRATE if operation.kind == "migrate" else ()
    codes = [code for code, _word in all_phases]
    step = _SAME.get(operation.step, operation.step)
    reached = codes.index(step) if step in codes else -1
    under_ha = bool(operation.memo.get("ha"))
    moments = {entry.code: entry.at for entry in operation.timeline.all()}
    found, since = [], operation.started_at
    for at, (code, word) in enumerate(all_phases):
        if code == "waiting_for_ha" and not under_ha:
            continue
        until = next((moments[end] for end in _ENDS[code] if end in moments), None)
        said = words.milliseconds_text(_between(since, until)) if since and until else ""
        found.append(Phase(_state(operation.state, at, reached), str(word), said))
        since = until or since
    return found


def _recovery(operation: Any) -> list[Phase]:
    """A look at both sides, then the steps that it led to."""
    guests = operation.memo.get("guests", {})
    steps = [step_words(record, guests) for record in operation.memo.get("steps", ())]
    reached = operation.memo.get("at", 0) + 1 if steps else 0
    return [
        Phase(_state(operation.state, at, reached), word)
        for at, word in enumerate([gettext("Look at both sides"), *steps])
    ]


def _between(since: datetime, until: datetime) -> float:
    """Milliseconds, never less than none."""
    return max(0.0, (until - since).total_seconds() * 1000)


def _state(state: str, at: int, reached: int) -> str:
    if state == "succeeded" or at < reached:
        return "ok"
    if at > reached:
        return "off"
    return {"running": "busy", "failed": "danger", "needs_attention": "warn"}.get(state, "off")


def step_word(operation: Any) -> str:
    """Where a running operation stands, in a few words."""
    steps = operation.memo.get("steps") if operation.kind == "resolve_split_brain" else None
    if steps:
        step = steps[min(operation.memo["at"], len(steps) - 1)]
        return step_words(step, operation.memo.get("guests", {}))
    if operation.resource and operation.step == "intended":
        return gettext("About to tell the node")  # over ssh; Proxmox has no part in it
    return str(operation.get_step_display())
