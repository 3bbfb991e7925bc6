"""The panel's template language: marks, bars, ages, figures and refusals.

The tags return finished HTML for the smallest things, which stand a thousand times on a page;
what is larger is a template in templates/components.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from django import template
from django.conf import settings
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import conditional_escape, escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from hapanel.kernel.refusal import Refusal
from hapanel.ui import words

register = template.Library()


def told(value: Any) -> float | None:
    """A figure, or None when there is none: templates write an empty text for what is missing."""
    return None if value in (None, "") else float(value)


def _filter(name: str, worded: Callable[[float | None], str]) -> None:
    register.filter(name, lambda value: worded(told(value)))


_filter("bytes", words.bytes_text)
_filter("rate", words.rate_text)
_filter("percent", words.percent_text)
_filter("milliseconds", words.milliseconds_text)
_filter("duration", words.duration_text)
_filter("span", words.span_text)


@register.filter
def lettered(things: Sequence[Any]) -> list[tuple[str, Any]]:
    """Things with a name, each behind the few letters that tell it apart from the others."""
    return list(zip(words.letters_of([thing.name for thing in things]), things, strict=True))


@cache
def _sprite() -> str:
    return static("img/sprite.svg")


@cache
def _svg(css_class: str, symbol: str) -> SafeString:
    return mark_safe(  # noqa: S308 - both come from templates and code, never from a cluster
        f'<svg class="{css_class}" aria-hidden="true"><use href="{_sprite()}#{symbol}"/></svg>'
    )


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon of static/img/sprite.svg, such as `vm`; always decoration, words stand beside it."""
    return _svg("icon", f"i-{name}")


@register.simple_tag
def mark(state: str, large: bool = False) -> SafeString:
    """The shape of a state: ok, busy, warn, danger, fence, maint, off or unknown."""
    return _svg("mark mark-large" if large else "mark", f"m-{state}")


@register.simple_tag
def state(name: str, word: str) -> SafeString:
    """A state as shape, word and colour in running text."""
    return _stateful("state", name, word)


@register.simple_tag
def badge(name: str, word: str) -> SafeString:
    """A state as a badge."""
    return _stateful("badge", name, word)


@register.simple_tag
def gutter(name: str, word: str) -> SafeString:
    """A state as its shape alone; the word is there for those who do not see it."""
    return mark_safe(  # noqa: S308
        f'<span data-state="{name}" title="{conditional_escape(word)}">{mark(name)}'
        f'<span class="hidden-text">{conditional_escape(word)}</span></span>'
    )


def _stateful(css_class: str, name: str, word: str) -> SafeString:
    # "was:" is shown by the style sheet as soon as the part around it is stale. What was not known
    # then is not known now either.
    # The word stands on a line of its own: xgettext does not look into f-strings.
    word_was = escape(gettext("was:"))
    was = "" if name == "unknown" else f'<span class="was">{word_was} </span>'
    return mark_safe(  # noqa: S308
        f'<span class="{css_class}" data-state="{name}">{mark(name)}'
        f"<span>{was}{conditional_escape(word)}</span></span>"
    )


def load_state(fraction: float) -> str:
    """How a load is coloured: grey until 80 %, warn from there, danger from 90 %."""
    if fraction >= 0.9:
        return ' data-state="danger"'
    return ' data-state="warn"' if fraction >= 0.8 else ""


@register.simple_tag
def meter(fraction: Any) -> SafeString:
    """How much of something is used, as a bar. The figure stands beside it in words."""
    share = min(max(told(fraction) or 0.0, 0.0), 1.0)
    return mark_safe(  # noqa: S308 - numbers only
        f'<svg class="meter" aria-hidden="true"{load_state(share)}>'
        f'<rect width="{share * 100:.0f}%" height="100%"/></svg>'
    )


@register.simple_tag
def used(fraction: Any, text: str | None = None) -> SafeString:
    """A figure with its bar; a dash alone when nothing was told."""
    share = told(fraction)
    if share is None:
        return mark_safe(f'<span class="muted">{words.NOTHING}</span>')  # noqa: S308
    shown = conditional_escape(text or words.percent_text(share))
    return mark_safe(f'<span class="used"><span>{shown}</span>{meter(share)}</span>')  # noqa: S308


@register.simple_tag
def bar(
    percent: float | None, name: str | int, label: str, tall: bool = False, place: str = "at"
) -> SafeString:
    """How much of a work is done, in percent; None when its length is not known.

    `place` and `name` together are unique on a page and stay the same: htmx carries the width of an
    element with the same id over, so that the bar moves instead of jumping.
    """
    css_class = "bar bar-tall" if tall else "bar"
    if percent is None:
        return format_html(
            '<svg class="{}" role="progressbar" aria-label="{}" data-unknown>'
            '<rect width="30%" height="100%"/></svg>',
            css_class,
            label,
        )
    done = f"{min(max(percent, 0.0), 100.0):.0f}"
    return format_html(
        '<svg class="{}" role="progressbar" aria-label="{}" aria-valuemin="0" aria-valuemax="100"'
        ' aria-valuenow="{}"><rect id="bar-{}-{}" width="{}%" height="100%"/></svg>',
        css_class,
        label,
        done,
        place,
        name,
        done,
    )


@register.simple_tag
def age(moment: datetime | None) -> SafeString:
    """How long ago `moment` was, as a time element that goes on counting in the browser."""
    if moment is None:
        return SafeString(words.NOTHING)
    return format_html(
        '<time data-age="{0}" datetime="{0}">{1}</time>',
        moment.isoformat(timespec="milliseconds"),
        words.span_text((timezone.now() - moment).total_seconds()),
    )


@register.simple_tag
def seen_age(moment: datetime | None, cluster: str) -> SafeString:
    """The age of what was seen of a cluster: starts anew with each round of observation."""
    if moment is None:
        return SafeString(words.NOTHING)
    return format_html(
        '<time data-seen="{0}" data-age="{1}" datetime="{1}">{2}</time>',
        cluster,
        moment.isoformat(timespec="milliseconds"),
        words.span_text((timezone.now() - moment).total_seconds()),
    )


@register.simple_tag
def seen(moment: datetime | None, cluster: str) -> SafeString:
    """Attributes that let a part turn grey by itself when nobody has seen its cluster for long."""
    if moment is None:
        return mark_safe("")
    return format_html(
        ' data-seen="{}" data-observed-at="{}" data-stale-after="{}"',
        cluster,
        moment.isoformat(timespec="milliseconds"),
        settings.STALE_AFTER_SECONDS,
    )


@register.filter
def is_stale(moment: datetime | None) -> bool:
    """Whether what was seen at `moment` is too old to be shown as the present."""
    if moment is None:
        return True
    return (timezone.now() - moment).total_seconds() > settings.STALE_AFTER_SECONDS


@register.filter
def sentence(told: Any) -> str:
    """Whatever has a `sentence` (a reason, a difference), in the reader's language."""
    return words.with_local_decimals(told.sentence(gettext))


@register.filter
def because(refusal: Refusal) -> str:
    """What hinders, in the reader's language."""
    return words.with_local_decimals(refusal.because(gettext))


@register.filter
def remedy(refusal: Refusal) -> str:
    """What to do about it, in the reader's language."""
    return words.with_local_decimals(refusal.remedy(gettext))


@register.filter
def share_of(part: Any, whole: Any) -> float | None:
    """`part` as a fraction of `whole`; None when one of them is not told."""
    share, all_of_it = told(part), told(whole)
    return None if share is None or not all_of_it else share / all_of_it


@register.simple_tag(takes_context=True)
def here(context: dict[str, Any], name: str) -> SafeString:
    """aria-current for the entry `name` of a row of tabs or a list of links."""
    return SafeString(' aria-current="page"' if context.get("section") == name else "")
