"""The history's facts as sentences for people."""

from __future__ import annotations

from django.utils.translation import gettext as _

from hapanel.observe.events import Fact
from hapanel.ui.replication_states import health_word
from nodes.models import Event


def sentence(event: Event) -> str:
    """The event in the reader's language; an unknown code is shown as it is."""
    names = {"subject": event.subject, **event.params}
    if event.fact == Fact.REPLICATION_JUDGED:
        names["health"] = health_word(names.get("health", ""))
    if event.fact == Fact.SSH_LOST and names.get("because"):
        names["because"] = _(names["because"])  # the panel's own words have one
    try:
        if event.fact == Fact.DRBD_LINK_CHANGED and names.get("peer"):
            return _between() % names
        return _templates()[Fact(event.fact)] % names
    except (ValueError, KeyError):
        return f"{event.fact} {event.subject}".strip()


def _templates() -> dict[Fact, str]:
    return {
        Fact.NODE_ADDED: _("Node %(subject)s joined the cluster."),
        Fact.NODE_REMOVED: _("Node %(subject)s left the cluster for good."),
        Fact.NODE_LOST: _("Node %(subject)s is gone: the cluster does not see it any more."),
        Fact.NODE_RETURNED: _("Node %(subject)s is back."),
        Fact.NODE_FENCED: _("Node %(subject)s is being fenced."),
        Fact.NODE_CUT_OFF: _("Node %(subject)s answers, but is cut off: it sees only %(sees)s."),
        Fact.MAINTENANCE_BEGAN: _("Node %(subject)s went into maintenance."),
        Fact.MAINTENANCE_ENDED: _("Node %(subject)s ended its maintenance."),
        Fact.GUEST_ADDED: _("Guest %(subject)s appeared on %(node)s."),
        Fact.GUEST_REMOVED: _("Guest %(subject)s was removed from the cluster."),
        Fact.GUEST_MOVED: _("Guest %(subject)s moved from %(source)s to %(target)s."),
        Fact.GUEST_STARTED: _("Guest %(subject)s started on %(node)s."),
        Fact.GUEST_STOPPED: _("Guest %(subject)s stopped on %(node)s."),
        Fact.GUEST_UNKNOWN: _("Node %(node)s does not report on guest %(subject)s any more."),
        Fact.GUEST_RENAMED: _(
            "Guest %(subject)s is called %(name)s now: renamed, or another guest has its number."
        ),
        Fact.GUEST_REPLACED: _("%(subject)s is another guest than %(before)s, under its number."),
        Fact.QUORUM_LOST: _("The cluster lost its quorum: nothing can be changed or recovered."),
        Fact.QUORUM_REGAINED: _("The cluster has its quorum again."),
        Fact.HA_MANAGER_MOVED: _("The HA manager moved from %(source)s to %(target)s."),
        Fact.API_UNREACHABLE: _("The panel cannot see the cluster: %(because)s"),
        Fact.REPLICATION_JUDGED: _("Replication of %(subject)s: %(health)s."),
        Fact.DRBD_ROLE_CHANGED: _("%(subject)s became %(now)s on %(node)s."),
        Fact.DRBD_DISK_CHANGED: _(
            "The copy of %(subject)s on %(node)s is %(now)s; it was %(before)s."
        ),
        Fact.DRBD_LINK_CHANGED: _(
            "The link of %(subject)s, seen from %(node)s, is %(now)s; it was %(before)s."
        ),
        Fact.SSH_LOST: _("%(subject)s is not seen over ssh any more: %(because)s."),
        Fact.SSH_REGAINED: _("%(subject)s is seen over ssh again."),
        Fact.API_REACHABLE: _("The panel sees the cluster again."),
    }


def _between() -> str:
    return _("The link of %(subject)s from %(node)s to %(peer)s is %(now)s; it was %(before)s.")
