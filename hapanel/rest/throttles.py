"""How often one person's programs may call: generous, and a stop for a script that runs wild."""

from __future__ import annotations

from rest_framework.throttling import UserRateThrottle


class PerPersonThrottle(UserRateThrottle):
    """All tokens of a person count together; callers who say no name are counted by address."""

    scope = "person"
