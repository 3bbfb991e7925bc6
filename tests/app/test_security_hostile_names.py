"""Names, tags, comments and addresses come from people and clusters: pages show them as text."""

from __future__ import annotations

from django.test import Client

from hapanel.helpdesk.models import Service
from nodes.models import Cluster
from vms.models import Guest, HaResource

HOSTILE = "<img src=x onerror=alert(1)>"
PAGES = (
    "/clusters/clusterubd/",
    "/clusters/clusterubd/guests/",
    "/clusters/clusterubd/guests/?q=<img",
    "/clusters/clusterubd/guests/100/",
    "/clusters/clusterubd/guests/100/ha/",
    "/clusters/clusterubd/guests/100/migrate/",
    "/clusters/clusterubd/ha/",
    "/search/?q=<img",
    "/services/",
    "/status/",
    "/operations/?by=<img",
    "/audit/?q=<img&action=<img",
)


def test_hostile_names_are_shown_as_text_on_every_page(as_ada: Client, clusterubd: Cluster) -> None:
    Guest.objects.filter(cluster=clusterubd, vmid=100).update(
        name=HOSTILE, tags=f"{HOSTILE};b", status=HOSTILE[:24], lock="<img", ha_state=HOSTILE
    )
    HaResource.objects.update_or_create(
        cluster=clusterubd,
        sid="vm:100",
        defaults={"comment": HOSTILE, "group": HOSTILE, "state": "<img", "node": "<img"},
    )
    Service.objects.create(cluster=clusterubd, name=HOSTILE, url="http://x/?<img", vmids=[100])
    shown = 0
    for page in PAGES:
        text = as_ada.get(page).content.decode()
        assert "<img" not in text, page
        shown += "&lt;img" in text
    assert shown == len(PAGES)
