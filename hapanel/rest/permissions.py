"""The API's door: every view names its permission in the rule table of hapanel.access."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from hapanel.access import Permission, may

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class RuleTablePermission(BasePermission):
    """Reads `see` for safe methods and `change` for the others from the view's class.

    A view without them is closed to everybody, so a forgotten line is noticed at once.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        wanted: Any = getattr(view, "see" if request.method in SAFE else "change", None)
        return isinstance(wanted, Permission) and may(request.user, wanted)
