"""How records are worded and marked; thin tags over hapanel.ui.states."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext

from hapanel.kernel.refusal import Refusal
from hapanel.ui import progress, states, words
from hapanel.ui.lab_words import fault_text, switch_text
from hapanel.ui.templatetags.panel import badge as badge_html
from hapanel.ui.templatetags.panel import gutter as gutter_html
from hapanel.ui.templatetags.panel import mark
from hapanel.ui.templatetags.panel import state as state_html

register = template.Library()

# How long after a migration's end the prober may still tell what its clients missed, generously.
COUNTED_FOR = timedelta(seconds=15)
# From here on it is no matter of a second's rounding any more.
CLOCK_IS_WRONG = 60.0

_DRAWN = {"state": state_html, "badge": badge_html, "gutter": gutter_html}


def _drawn(shown: states.Shown, how: str) -> SafeString:
    return _DRAWN[how](shown.state, shown.word)


@register.simple_tag
def node_state(status: str, stale: bool = False, how: str = "state") -> SafeString:
    """The state of a node; `how`: state, badge or gutter."""
    return _drawn(states.node_shown(status, stale=stale), how)


@register.simple_tag
def guest_state(
    guest: Any, stale: bool = False, moving: bool = False, how: str = "state"
) -> SafeString:
    """The state of a guest. `moving`: an operation of ours moves it."""
    return _drawn(states.guest_shown(guest, stale=stale, moving=moving), how)


@register.simple_tag
def ha_state(word: str, stale: bool = False, how: str = "state") -> SafeString:
    """The state of an HA resource."""
    return _drawn(states.ha_shown(word, stale=stale), how)


@register.simple_tag
def ha_word(word: str) -> str:
    """The word for a state of the HA manager, without its shape."""
    return states.ha_shown(word).word


@register.simple_tag
def lrm_state(word: str, dead: bool = False, stale: bool = False) -> SafeString:
    """The state of a node's local resource manager."""
    return _drawn(states.lrm_shown(word, dead=dead, stale=stale), "state")


@register.simple_tag
def service_state(word: str, how: str = "state") -> SafeString:
    """The state of a service."""
    return _drawn(states.service_shown(word), how)


@register.simple_tag
def operation_state(operation: Any, how: str = "state") -> SafeString:
    """The state of an operation."""
    shown = states.operation_shown(operation.state, blind=bool(operation.not_seen_since))
    return _drawn(shown, how)


@register.simple_tag
def operation_what(operation: Any) -> str:
    """What an operation does, in a few words: `Live migration, master → slave`."""
    if operation.kind == "switch_lab":
        return switch_text(operation.params)
    if operation.kind in ("drbd_action", "remove_snapshot"):
        return f"{operation.get_kind_display()}, {operation.source}"
    if operation.kind == "resolve_split_brain":
        kind = operation.get_kind_display()
        return f"{kind}, {operation.target} → {operation.source}"
    if operation.kind != "migrate":
        return str(operation.get_kind_display())
    name = {
        "online": gettext("Live migration"),
        "restart": gettext("Restart migration"),
        "offline": gettext("Offline migration"),
    }.get(_mode_of(operation), gettext("Migration"))
    return f"{name}, {operation.source} → {operation.target}"


@register.simple_tag
def rescued(operation: Any) -> list[dict[str, str]]:
    """Of each guest that a split-brain recovery copied: its name, its copy, and where it is now."""
    if operation.kind != "resolve_split_brain":
        return []
    undone = operation.state != "succeeded"
    return [
        {
            "guest": f"{guest['vmid']} {guest['name']}".strip(),
            "copy": guest.get("volid", ""),
            "node": ""
            if undone
            else operation.target
            if guest.get("goes_over")
            else operation.source,
        }
        for guest in operation.memo.get("guests", {}).values()
    ]


@register.simple_tag
def ha_done(operation: Any) -> str:
    """What a change of HA that went well has come to."""
    return str(states.HA_DONE[operation.kind]) % {"subject": operation.subject}


def _mode_of(operation: Any) -> str:
    """The mode that was asked for, or the one that the worker chose."""
    return str(operation.params.get("mode") or operation.memo.get("mode") or "")


@register.simple_tag
def lab_fault(fault: str) -> str:
    """How a lab node's API fails, in words."""
    return fault_text(fault)


@register.simple_tag
def operation_time(operation: Any) -> str:
    """What is left of a running operation, what an ended one took, when a scheduled one starts."""
    if operation.state == "scheduled" and operation.not_before:
        return gettext("at %(time)s") % {"time": when(operation.not_before)}
    if operation.state == "running" and operation.eta_seconds is not None:
        return gettext("%(time)s left") % {"time": words.duration_text(operation.eta_seconds)}
    if operation.started_at and operation.ended_at:
        return words.duration_text((operation.ended_at - operation.started_at).total_seconds())
    return ""


@register.simple_tag
def when(moment: datetime | None) -> str:
    """The time of day of a moment of today, with its date when it is another day's."""
    if moment is None:
        return words.NOTHING
    local = timezone.localtime(moment)
    if local.date() == timezone.localtime().date():
        return clock(moment)
    return f"{date_format(local, 'j M Y')}, {clock(moment)}"


@register.filter
def clock(moment: datetime) -> str:
    """The time of day as the reader's country writes it."""
    return time_format(timezone.localtime(moment), pgettext("time of day", "H:i:s"))


@register.simple_tag
def is_counting(operation: Any) -> bool:
    """Whether the clients' figure of a migration may still come: probes look on for a while."""
    ended = operation.ended_at if operation.client_downtime_ms is None else None
    return ended is not None and bool(timezone.now() - ended < COUNTED_FOR)


@register.simple_tag
def volume_word(storage_type: str, shared: bool) -> SafeString:
    """What kind of storage it is, and whether every node sees the same."""
    return format_html(
        '{}, <span class="muted">{}</span>',
        storage_type,
        gettext("shared") if shared else gettext("local"),
    )


@register.simple_tag
def role_name(user: Any) -> str:
    """The role of an account in the reader's language."""
    return str(states.ROLES.get(user.role, gettext("no role")))


@register.simple_tag
def audit_action(code: str) -> str:
    """What somebody did, as a sentence's end; a code that has no words is shown as it is."""
    return str(states.ACTIONS.get(code, code.replace("_", " ")))


@register.simple_tag
def audit_outcome(outcome: str) -> SafeString:
    """How it ended; nothing for acts that cannot fail once they stand in the log."""
    if not outcome:
        return SafeString("")
    return _drawn(states.outcome_shown(outcome), "state")


@register.simple_tag
def guest_url(cluster: str, vmid: int) -> str:
    """The guest's page; put together by hand, since a list has a hundred of them."""
    return f"{_path('guests', cluster)}{vmid}/"


@register.simple_tag
def path_to(name: str, *names: str) -> str:
    """What `{% url %}` gives, remembered: a tree of 32 nodes asks for each of them on each page."""
    return _path(name, *names)


@lru_cache(maxsize=2048)
def _path(name: str, *names: str) -> str:
    return reverse(name, args=names)


@register.simple_tag
def tag_list(tags: str) -> SafeString:
    """Proxmox's tags of a guest, joined with semicolons there."""
    return format_html_join(
        " ", '<span class="tag">{}</span>', ((t,) for t in tags.split(";") if t)
    )


@register.simple_tag(takes_context=True)
def sorted_by(context: dict[str, Any], key: str) -> str:
    """The present address with another sort column; the same column again turns the order."""
    query = context["request"].GET.copy()
    query.pop("page", None)
    # Loads are asked for from the largest on.
    first = f"-{key}" if key in {"cpu", "mem"} else key
    second = key if key in {"cpu", "mem"} else f"-{key}"
    query["sort"] = second if query.get("sort", "vmid") == first else first
    return f"?{query.urlencode()}"


@register.simple_tag
def met(condition: Any, how: str = "state") -> SafeString:
    """Whether a condition of readiness is met, of a cluster or of a guest."""
    return _drawn(states.met_shown(condition.met.value, condition.level.value), how)


@register.simple_tag
def fit(word: Any, how: str = "state") -> SafeString:
    """Whether guests find room."""
    return _drawn(states.fit_shown(word.value), how)


@register.filter
def said(sentence: Any) -> str:
    """Something that a pure room says, in the reader's language and decimal sign."""
    return words.with_local_decimals(str(sentence.sentence(gettext)))


@register.simple_tag
def translated(template_text: str) -> str:
    """An English sentence of a pure room (marked there with gettext_noop) in the reader's words."""
    return gettext(template_text)


@register.simple_tag
def severity(name: str) -> str:
    """The state that an event's severity is shown as."""
    return states.severity_state(name)


@register.simple_tag
def severity_mark(name: str) -> SafeString:
    """The shape of an event's severity."""
    return mark(states.severity_state(name))


@register.simple_tag
def milestone(code: str) -> str:
    """The state that a line of a timeline is shown as."""
    return states.milestone_state(code)


@register.simple_tag
def milestone_mark(code: str) -> SafeString:
    """The shape of a line of a timeline."""
    return mark(states.milestone_state(code))


@register.simple_tag
def operation_steps(operation: Any) -> list[progress.Phase]:
    """The phases of an operation, for `{% for %}`."""
    return progress.phases(operation)


@register.simple_tag
def step_word(operation: Any) -> str:
    """Where a running operation stands."""
    return progress.step_word(operation)


@register.simple_tag
def refusal_of(operation: Any) -> Refusal | None:
    """Why an operation did not end well; None when it did, or has not ended."""
    try:
        return Refusal.from_record(operation.outcome) if operation.outcome else None
    except KeyError:
        return None


@register.simple_tag
def guest_word(guest: Any, stale: bool = False, moving: bool = False) -> str:
    """The word for a guest's state, without its shape."""
    return states.guest_shown(guest, stale=stale, moving=moving).word


@register.simple_tag
def status_word(status: str) -> str:
    """The word for what Proxmox calls a guest's status, such as `running`."""
    return states.status_shown(status).word


@register.simple_tag
def ha_manager(cluster: Any, nodes: Iterable[Any], stale: bool = False) -> states.Shown:
    """The HA manager's shape and word, judged beside the state of its node."""
    online = {node.name for node in nodes if node.is_online}
    silent = cluster.ha_manager_node not in online
    return states.ha_manager_shown(cluster.ha_manager_state, silent=silent, stale=stale)


@register.simple_tag
def fencing_state(state: str) -> SafeString:
    """Whether the HA manager may fence."""
    return _drawn(states.fencing_shown(state), "state")


@register.simple_tag
def mode_word(mode: str) -> str:
    """How a guest moves, as a phrase."""
    return {
        "online": gettext("live: it keeps running"),
        "restart": gettext("shut down, moved, started again"),
        "offline": gettext("while it is stopped"),
    }.get(str(mode), str(mode))


@register.simple_tag
def reach_state(cluster: Any) -> SafeString:
    """How a cluster is reached."""
    if cluster.is_reachable:
        return _drawn(states.Shown("ok", gettext("reachable")), "state")
    name = "unknown" if cluster.reach in {"never", "ok"} else "danger"
    word = cluster.get_reach_display() if cluster.reach != "ok" else gettext("not seen")
    return _drawn(states.Shown(name, str(word)), "state")


@register.simple_tag
def clock_word(offset: float | None) -> SafeString:
    """How far a cluster's clock (seconds ahead of ours, None: as ours) is off, and whether that is
    so much that times and forecasts cannot be compared. It may break into lines."""
    if not offset:
        return format_html("{}", gettext("as the panel's"))
    ahead, behind = gettext("%(time)s ahead of the panel's"), gettext("%(time)s behind the panel's")
    text = (ahead if offset > 0 else behind) % {"time": words.duration_text(abs(offset))}
    shape = "warn" if abs(offset) >= CLOCK_IS_WRONG else "off"
    return format_html('<span data-state="{}">{}</span> {}', shape, mark(shape), text)


@register.simple_tag
def sight_badge(cluster: Any) -> SafeString:
    """How well a cluster is seen, where that is not simply now."""
    if cluster.sight not in {"minority", "stale"}:
        return SafeString("")
    return _drawn(states.sight_shown(cluster.sight), "badge")
