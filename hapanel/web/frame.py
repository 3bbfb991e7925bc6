"""What stands around every page: tree, cluster switch, task drawer, language and theme.

Everything is computed when a template asks for it, so the parts that htmx fetches pay nothing.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import Resolver404, resolve
from django.utils import timezone
from django.utils.translation import get_language, gettext

from hapanel.access import Permission, may
from hapanel.accounts.models import Theme
from hapanel.ui.states import ROLES
from hapanel.ui.words import unit_names
from hapanel.web.tasks import TaskDrawer, drawer
from hapanel.web.tree import Place, TreeCluster, tree
from nodes.models import Cluster
from vms.models import Guest


class Frame:
    """The frame of one request's page."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    @cached_property
    def now(self) -> str:
        return timezone.now().isoformat(timespec="milliseconds")

    @property
    def last_hint(self) -> str:
        """From which hint on the page listens, so that none is lost while it travels."""
        # A request that is refused at the door has met no middleware.
        return getattr(self.request, "newest_hint", "")

    @cached_property
    def units(self) -> str:
        """The unit names that static/js/ages.js goes on counting with."""
        return " ".join(unit_names())

    # ---- Preferences -------------------------------------------------------------------------

    @property
    def languages(self) -> list[tuple[str, Any]]:
        return [("en", "English"), ("id", "Bahasa Indonesia")]

    @property
    def language_name(self) -> str:
        return str(dict(self.languages).get(get_language() or "en", "English"))

    @property
    def themes(self) -> list[tuple[str, Any]]:
        return list(Theme.choices)

    @cached_property
    def theme(self) -> str:
        # A request that is refused at the door (an unknown host name) has no user.
        user = getattr(self.request, "user", None)
        chosen = getattr(user, "theme", "") or self.request.COOKIES.get("theme", "")
        return chosen if chosen in Theme.values else Theme.AUTO.value

    @property
    def theme_name(self) -> str:
        return str(Theme(self.theme).label)

    @property
    def next_theme(self) -> str:
        """What the one button of the plain pages changes to."""
        order = list(Theme.values)
        return order[(order.index(self.theme) + 1) % len(order)]

    @property
    def next_theme_name(self) -> str:
        return str(Theme(self.next_theme).label)

    # ---- Person ------------------------------------------------------------------------------

    @property
    def role_name(self) -> str:
        role = getattr(self.request.user, "role", None)
        return str(ROLES.get(role, gettext("no role")))

    def _may(self, permission: Permission) -> bool:
        return may(self.request.user, permission)

    @cached_property
    def may_see_audit(self) -> bool:
        return self._may(Permission.SEE_AUDIT)

    @cached_property
    def may_see_settings(self) -> bool:
        return self._may(Permission.SEE_SETTINGS)

    @cached_property
    def may_switch_lab(self) -> bool:
        return bool(settings.LAB_URL) and self._may(Permission.SWITCH_LAB)

    @cached_property
    def may_repair(self) -> bool:
        return self._may(Permission.REPAIR_REPLICATION)

    @cached_property
    def may_migrate(self) -> bool:
        return self._may(Permission.MIGRATE_GUESTS)

    # ---- Clusters, tree, tasks ---------------------------------------------------------------

    @cached_property
    def place(self) -> Place:
        """Where the reader stands: for a part that is fetched, the page that it belongs to."""
        match = self.request.resolver_match
        current = getattr(getattr(self.request, "htmx", None), "current_url_abs_path", None)
        if current:
            try:
                match = resolve(current.partition("?")[0])
            except Resolver404:
                match = None
        kwargs = match.kwargs if match else {}
        name, node, vmid = kwargs.get("cluster", ""), kwargs.get("node", ""), kwargs.get("vmid")
        if vmid is None:
            return Place(name, node)
        at = Guest.objects.filter(cluster__name=name, vmid=vmid).values_list("node", flat=True)
        return Place(name, at.first() or "", vmid)

    @cached_property
    def clusters(self) -> list[Cluster]:
        return list(Cluster.objects.order_by("name").defer("ca_pem", "encrypted_secret"))

    @property
    def cluster_name(self) -> str:
        return self.place.cluster

    @cached_property
    def tree(self) -> list[TreeCluster]:
        toggled = self.request.COOKIES.get("tree", "")
        query = self.request.GET.get("q", "") if self.is_tree_request else ""
        return tree(self.clusters, self.place, toggled, query)

    @property
    def is_tree_request(self) -> bool:
        match = self.request.resolver_match
        return match is not None and match.url_name == "tree"

    @cached_property
    def tasks(self) -> TaskDrawer:
        return drawer(is_open=self.request.COOKIES.get("drawer") == "open")


def frame(request: HttpRequest) -> dict[str, Any]:
    """The context processor: one lazy object for every template."""
    return {"frame": Frame(request), "is_demo": settings.DEMO}
