"""What Django's `check` looks at besides its own: settings that do not fit together."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

LOOPBACK_NAMES = frozenset({"localhost"})


@register(Tags.security)
def a_demo_stays_on_its_machine(**_apps: Any) -> Sequence[CheckMessage]:
    """A demo has passwords that everybody knows."""
    open_names = [name for name in settings.ALLOWED_HOSTS if not _is_loopback(name)]
    if not settings.DEMO or not open_names:
        return ()
    return [
        Error(
            f"A demo would answer to {', '.join(open_names)}.",
            hint="Remove HAPANEL_ALLOWED_HOSTS, or run ./panel up instead of a demo.",
            id="hapanel.E001",
        )
    ]


@register(Tags.security, deploy=True)
def people_come_over_https(**_apps: Any) -> Sequence[CheckMessage]:
    """Outside of a demo cookies should not travel in the clear."""
    if settings.HTTPS or settings.DEMO:
        return ()
    return [
        Warning(
            "People reach the panel over plain HTTP.",
            hint="Put a proxy with a certificate in front (deploy/) and set HAPANEL_HTTPS=1.",
            id="hapanel.W001",
        )
    ]


@register(Tags.security, deploy=True)
def forms_come_from_a_trusted_origin(**_apps: Any) -> Sequence[CheckMessage]:
    """Behind a proxy that ends TLS Django refuses every form unless it knows the origin."""
    if not settings.PROXY_COUNT or settings.CSRF_TRUSTED_ORIGINS:
        return ()
    return [
        Warning(
            "There are proxies in front, but no trusted origin.",
            hint="Set HAPANEL_TRUSTED_ORIGINS=https://NAME, as people's browsers see it.",
            id="hapanel.W002",
        )
    ]


def _is_loopback(name: str) -> bool:
    try:
        return name in LOOPBACK_NAMES or ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
