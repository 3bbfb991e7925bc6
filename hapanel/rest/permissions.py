"""The API's door: every view names its permission in the rule table of hapanel.access."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from hapanel.access import Permission, may

if TYPE_CHECKING:
    # rest_framework.views imports this module while it is loading itself: it is named in settings.
    from rest_framework.views import APIView

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class RuleTablePermission(BasePermission):
    """Reads `see` for safe methods and `change` for the others from the view's class.

    A view without them is closed to everybody, so a forgotten line is noticed at once. A view that
    has no writes needs no `change`: whoever may see it hears 405, not 403.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        see: Any = getattr(view, "see", None)
        if not isinstance(see, Permission) or not may(request.user, see):
            return False
        if request.method in SAFE or request.method not in view.allowed_methods:
            return True
        change: Any = getattr(view, "change", None)
        return isinstance(change, Permission) and may(request.user, change)
