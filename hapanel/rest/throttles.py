"""How often one token may call: generous for people, a stop for a script that runs wild."""

from __future__ import annotations

from rest_framework.throttling import UserRateThrottle


class PerTokenThrottle(UserRateThrottle):
    """Counted per user; anonymous callers are counted by address."""

    scope = "token"
