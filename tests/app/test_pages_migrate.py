"""The migration dialog: targets with reasons, refusals with remedies, progress, results."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from hapanel.accounts.models import User
from hapanel.operations import recording
from hapanel.operations.models import Kind, Operation, State, Step
from nodes.metrics import NodeMetrics, replace_metrics
from nodes.models import Cluster, Mode

PATH = "/clusters/clusterubd/guests/100/migrate/"
HTMX = {"HX-Request": "true", "HX-Target": "dialog-content"}


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "nudge", lambda operation_id: None)


@pytest.fixture
def roomy(clusterubd: Cluster) -> Cluster:
    """Both nodes measured, with room on slave."""
    nodes = [NodeMetrics(name, 0.1, 8 * 1024**3, 100) for name in ("master", "slave")]
    replace_metrics(clusterubd.pk, timezone.now(), nodes, [])
    return clusterubd


def test_the_dialog_names_the_target_its_reasons_and_a_forecast(
    as_oda: Client, roomy: Cluster
) -> None:
    text = as_oda.get(PATH, headers=HTMX).content.decode()
    assert 'value="slave"' in text
    assert "stay free there" in text
    assert "Forecast" in text
    assert "Migrate to slave" in text
    assert "<html" not in text


def test_oda_migrates_and_sees_the_progress_in_the_same_place(
    as_oda: Client, roomy: Cluster
) -> None:
    answer = as_oda.post(PATH, {"target": "slave"}, headers=HTMX)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert 'id="operation-progress"' in text
    operation = Operation.objects.get()
    assert (operation.vmid, operation.source, operation.target) == (100, "master", "slave")
    assert (operation.actor, operation.via) == ("oda", "page")


def test_without_javascript_the_form_leads_to_the_operation(as_oda: Client, roomy: Cluster) -> None:
    answer = as_oda.post(PATH, {"target": "slave"})
    assert answer["Location"] == f"/operations/{Operation.objects.get().pk}/"


def test_hal_sees_the_dialog_and_cannot_migrate(as_hal: Client, roomy: Cluster) -> None:
    text = as_hal.get(PATH).content.decode()
    assert "Migrating is for operators and administrators" in text
    assert 'id="migrate-go" aria-disabled="true" aria-describedby="migrate-why"' in text
    assert as_hal.post(PATH, {"target": "slave"}).status_code == 403
    assert not Operation.objects.exists()


def test_an_unknown_target_is_refused_in_place_with_a_remedy(
    as_oda: Client, roomy: Cluster
) -> None:
    answer = as_oda.post(PATH, {"target": "nowhere"}, headers=HTMX)
    assert answer.status_code == 422
    assert "The cluster clusterubd has no node nowhere." in answer.content.decode()


def test_the_source_is_no_target(as_oda: Client, roomy: Cluster) -> None:
    answer = as_oda.post(PATH, {"target": "master"}, headers=HTMX)
    assert "100 siakad already runs on master." in answer.content.decode()
    assert not Operation.objects.exists()


def test_a_watched_cluster_says_why_nothing_moves(as_oda: Client, roomy: Cluster) -> None:
    Cluster.objects.update(mode=Mode.WATCH)
    text = as_oda.get(PATH).content.decode()
    assert "clusterubd was added to be watched only." in text
    guest = as_oda.get("/clusters/clusterubd/guests/100/").content.decode()
    assert 'aria-disabled="true" aria-describedby="why-not"' in guest


def test_stale_data_moves_nothing(as_oda: Client, roomy: Cluster) -> None:
    Cluster.objects.update(observed_at=timezone.now() - timedelta(minutes=5))
    text = as_oda.get("/clusters/clusterubd/guests/100/").content.decode()
    assert "Not while the guest is not seen." in text


def test_while_it_runs_the_dialog_is_its_progress(
    as_oda: Client, roomy: Cluster, oda: User
) -> None:
    figures: dict[str, float] = {"transferred_bytes": 14_602_888_806, "total_bytes": 23_407_571_763}
    figures |= {"percent": 62.0, "rate": 224_395_264, "eta_seconds": 41}
    _operation(roomy, State.RUNNING, step=Step.FOLLOWING, **figures)
    text = as_oda.get(PATH, headers=HTMX).content.decode()
    for word in ("62 %", "214 MiB/s", "0:41 left", "13.6 GiB of 21.8 GiB", "Cancel migration"):
        assert word in text


def test_a_result_has_both_downtimes_beside_the_forecast(as_hal: Client, roomy: Cluster) -> None:
    found = _operation(roomy, State.SUCCEEDED, percent=100.0, downtime_ms=43,
                       client_downtime_ms=412, forecast_seconds=110)  # fmt: skip
    text = as_hal.get(f"/operations/{found.pk}/").content.decode()
    for word in ("100 siakad is on slave", "43 ms", "412 ms", "forecast 1:50", "1:52"):
        assert word in text


def test_a_failure_says_because_and_do(as_hal: Client, roomy: Cluster) -> None:
    outcome = {
        "code": "example", "because": "Proxmox says: ERROR: %(said)s", "remedy": "Mend the link.",
        "params": {"said": "connection reset by <peer>"},
    }  # fmt: skip
    found = _operation(roomy, State.FAILED, percent=62.0, outcome=outcome)
    text = as_hal.get(f"/operations/{found.pk}/").content.decode()
    assert "The migration failed at 62 %" in text
    assert "ERROR: connection reset by &lt;peer&gt;" in text
    assert "Mend the link." in text


def test_hal_can_read_but_not_cancel(as_hal: Client, roomy: Cluster) -> None:
    found = _operation(roomy, State.RUNNING, step=Step.FOLLOWING, percent=5.0)
    text = as_hal.get(f"/operations/{found.pk}/").content.decode()
    assert 'aria-disabled="true" aria-describedby="cancel-why"' in text
    assert as_hal.post(f"/operations/{found.pk}/cancel/").status_code == 403


def test_oda_cancels_what_was_not_sent_yet(as_oda: Client, roomy: Cluster) -> None:
    found = _operation(roomy, State.QUEUED)
    answer = as_oda.post(
        f"/operations/{found.pk}/cancel/", headers=HTMX | {"HX-Target": "operation-progress"}
    )
    assert "cancelled" in answer.content.decode()
    found.refresh_from_db()
    assert found.state == State.CANCELLED


def test_what_is_unclear_offers_both_ways_to_settle_it(as_oda: Client, roomy: Cluster) -> None:
    found = _operation(roomy, State.NEEDS_ATTENTION)
    text = as_oda.get(f"/operations/{found.pk}/").content.decode()
    assert "follow this task" in text
    assert "Nothing happened" in text


def _operation(cluster: Cluster, state: State, **more: object) -> Operation:
    begun = timezone.now() - timedelta(seconds=112)
    ended = begun + timedelta(seconds=112) if state in {State.SUCCEEDED, State.FAILED} else None
    return Operation.objects.create(
        kind=Kind.MIGRATE, state=state, cluster=cluster, subject="100 siakad", vmid=100,
        guest_type="qemu", source="master", target="slave", params={"mode": "online"}, actor="oda",
        started_at=begun, ended_at=ended, **more,
    )  # fmt: skip
