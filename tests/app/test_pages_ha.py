"""The HA dialogs: the promise before the deed, what is typed to confirm, and who may."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from hapanel.operations.models import Operation
from nodes.models import Cluster
from vms.models import Guest, HaResource, HaRule

HA = "/clusters/clusterubd/ha/"
ADD, ARMING = f"{HA}add/", f"{HA}arming/"
ONE, REMOVE = f"{HA}resources/vm:100/", f"{HA}resources/vm:100/remove/"
RULES, PIN = f"{HA}rules/", f"{HA}rules/pin/"
SETTINGS: dict[str, str | int] = {
    "state": "started",
    "max_restart": 1,
    "max_relocate": 1,
    "failback": "on",
}


@pytest.fixture
def managed(clusterubd: Cluster) -> Cluster:
    """A third vote, guest 100 under HA, 101 not; seen for as long as a busy machine takes."""
    later = timezone.now() + timedelta(minutes=5)
    Cluster.objects.update(observed_at=later, ha_seen_at=later)
    told = {"configured": True, "connected": True, "votes": 1, "casts_vote": True, "text": ""}
    Cluster.objects.update(qdevice=told, ha_manager_node="slave", ha_armed_state="armed")
    HaResource.objects.create(
        cluster=clusterubd, sid="vm:100", state="started", request_state="started", node="master"
    )
    HaRule.objects.create(
        cluster=clusterubd,
        rule="pin",
        type="node-affinity",
        resources=["vm:100"],
        nodes=["master:2"],
    )
    Guest.objects.filter(vmid=101).update(ha_state="")
    return clusterubd


def text(client: Client, path: str, **query: str | int) -> str:
    answer = client.get(path, query)
    assert answer.status_code == 200, path
    return " ".join(answer.content.decode().split())


def test_the_promise_stands_in_the_dialog_before_anything_is_done(
    as_oda: Client, managed: Cluster
) -> None:
    page = text(as_oda, ADD, guest=101)
    assert "101 elearning survives the loss of master: HA starts it on slave" in page
    assert not Operation.objects.exists()
    answer = as_oda.post(ADD, {"guest": 101, **SETTINGS})
    operation = Operation.objects.get()
    assert answer["Location"] == operation.get_absolute_url()
    assert (operation.kind, operation.params["key"]) == ("add_ha_resource", "ct:101")
    progress = text(as_oda, operation.get_absolute_url())
    assert "Put under HA: 101 elearning" in progress


def test_the_dialog_follows_what_is_chosen(as_oda: Client, managed: Cluster) -> None:
    page = text(as_oda, ONE)
    assert "Choose something first" in page
    page = text(as_oda, ONE, filled=1, **(SETTINGS | {"state": "disabled"}))
    assert "the HA manager shuts it down within a round" in page
    answer = as_oda.post(ONE, SETTINGS | {"max_restart": 3})
    assert answer.status_code == 302
    assert Operation.objects.get().params["resource"]["max_restart"] == 3
    assert Operation.objects.get().params["resource"]["state"] is None


def test_what_takes_protection_away_wants_to_be_typed(as_ada: Client, managed: Cluster) -> None:
    for path, wrong, right in ((REMOVE, "101", "100"), (ARMING, "slave", "clusterubd")):
        answer = as_ada.post(path, {"confirm": wrong, "mode": "freeze"})
        assert answer.status_code == 422
        assert "was not typed" in answer.content.decode()
        assert not Operation.objects.exists()
        assert as_ada.post(path, {"confirm": right, "mode": "freeze"}).status_code == 302
        Operation.objects.all().delete()
    assert "nobody starts it again when it or its node dies" in text(as_ada, REMOVE)
    assert "no longer survives the loss of master" in text(as_ada, ARMING)


def test_a_rule_is_made_and_changed_and_keeps_its_priorities(
    as_oda: Client, managed: Cluster
) -> None:
    wish = {"says": "only", "resources": ["vm:100"], "nodes": ["master", "slave"]}
    refused = as_oda.post(RULES, wish | {"rule": "second"})
    assert refused.status_code == 422
    assert "stands in another node affinity rule already" in refused.content.decode()
    assert as_oda.post(PIN, wish).status_code == 302
    changed = Operation.objects.get().params["rule"]
    assert changed["nodes"] == ["master:2", "slave"]
    assert (changed["strict"], changed["resources"]) == (True, None)
    assert "Remove HA rule" in text(as_oda, f"{PIN}remove/")


def test_who_may_not_sees_the_forecast_and_changes_nothing(
    as_hal: Client, as_oda: Client, managed: Cluster
) -> None:
    assert "You can look, not change" in text(as_hal, ADD, guest=101)
    assert as_hal.post(ADD, {"guest": 101, **SETTINGS}).status_code == 403
    assert "for administrators" in text(as_oda, ARMING)
    assert as_oda.post(ARMING, {"confirm": "clusterubd", "mode": "freeze"}).status_code == 403
    assert not Operation.objects.exists()


def test_groups_of_old_are_shown_with_the_way_to_rules(as_oda: Client, managed: Cluster) -> None:
    assert "HA groups from before" not in text(as_oda, HA)
    HaResource.objects.update(group="pair")
    assert "HA groups from before Proxmox VE 9: pair" in text(as_oda, HA)
    assert "takes no rules beside them" in text(
        as_oda, RULES, filled=1, rule="x", says="apart", resources="vm:100"
    )


def test_htmx_gets_the_dialog_alone_and_then_the_progress(as_oda: Client, managed: Cluster) -> None:
    headers = {"HX-Request": "true", "HX-Target": "dialog-content"}
    part = as_oda.get(ADD, headers=headers).content.decode()
    assert part.lstrip().startswith("<header")
    assert 'id="ha-effect"' in part
    sent = as_oda.post(ADD, {"guest": 101, **SETTINGS}, headers=headers)
    assert 'id="operation-progress"' in sent.content.decode()
