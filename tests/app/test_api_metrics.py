"""/metrics: the panel's own figures, for whom they are meant, and never an old one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from hapanel.accounts.models import ApiToken, User
from hapanel.helpdesk import recent
from hapanel.helpdesk.models import Service
from nodes.models import Cluster, Reach
from nodes.upstream import calls_per_second_of

ELSEWHERE = "192.0.2.7"


def figures(client: Client) -> str:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def seen(clusterubd: Cluster) -> Cluster:
    clusterubd.observed_at = timezone.now()
    clusterubd.reach, clusterubd.quorate = Reach.OK, True
    clusterubd.save()
    return clusterubd


def test_a_cluster_that_is_seen_has_all_its_figures(client: Client, seen: Cluster) -> None:
    said = figures(client)
    assert 'hapanel_cluster_reachable{cluster="clusterubd"} 1.0' in said
    assert 'hapanel_cluster_quorate{cluster="clusterubd"} 1.0' in said
    assert 'hapanel_cluster_observed_age_seconds{cluster="clusterubd"}' in said
    assert 'hapanel_cluster_nodes{cluster="clusterubd",state="online"}' in said
    assert 'hapanel_guests{cluster="clusterubd",state="running"}' in said
    assert 'hapanel_operations{state="needs_attention"} 0.0' in said
    assert 'hapanel_upstream_calls_per_second{cluster="clusterubd"} 0.0' in said
    assert "process_cpu_seconds_total" in said


def test_what_is_stale_is_absent_and_only_its_age_is_told(client: Client, seen: Cluster) -> None:
    Cluster.objects.update(observed_at=timezone.now() - timedelta(hours=1))
    said = figures(client)
    assert 'hapanel_cluster_observed_age_seconds{cluster="clusterubd"} 36' in said
    for name in ("cluster_reachable", "cluster_quorate", "cluster_nodes", "guests"):
        assert f"hapanel_{name}{{" not in said


def test_a_cluster_that_does_not_answer_is_0(client: Client, seen: Cluster) -> None:
    old = timezone.now() - timedelta(hours=1)
    Cluster.objects.update(observed_at=old, reach=Reach.UNREACHABLE)
    assert 'hapanel_cluster_reachable{cluster="clusterubd"} 0.0' in figures(client)


@pytest.mark.parametrize(("age", "is_told"), [(0, True), (3600, False)])
def test_a_service_is_told_while_it_is_probed(
    client: Client, seen: Cluster, monkeypatch: pytest.MonkeyPatch, age: int, is_told: bool
) -> None:
    service = Service.objects.create(cluster=seen, name="Siakad", url="http://a.test", state="up")
    probe = recent.LastProbe(timezone.now() - timedelta(seconds=age), 3.0)
    monkeypatch.setattr("hapanel.api.figures.last_probes", lambda: {service.pk: probe})
    line = 'hapanel_service_up{cluster="clusterubd",service="Siakad"} 1.0'
    assert (line in figures(client)) is is_told


def test_the_questions_do_not_grow_with_the_clusters(
    client: Client, seen: Cluster, django_assert_num_queries: Any
) -> None:
    for number in range(3):
        Cluster.objects.create(name=f"more{number}", observed_at=timezone.now())
    with django_assert_num_queries(5):
        figures(client)


def test_calls_are_counted_for_each_cluster_of_its_own(clusterubd: Cluster) -> None:
    assert calls_per_second_of([]) == {}
    assert calls_per_second_of([1, 2]) == {1: 0.0, 2: 0.0}


def test_a_stranger_from_elsewhere_is_asked_for_a_token(client: Client, seen: Cluster) -> None:
    answer = client.get("/metrics", REMOTE_ADDR=ELSEWHERE)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert b"clusterubd" not in answer.content


@pytest.mark.parametrize(
    ("remote", "forwarded"),
    [("127.0.0.1", ELSEWHERE), (ELSEWHERE, "127.0.0.1"), ("127.0.0.1", f"::1, {ELSEWHERE}")],
)
def test_a_proxy_does_not_make_a_stranger_local(
    client: Client, remote: str, forwarded: str
) -> None:
    headers = {"X-Forwarded-For": forwarded}
    assert client.get("/metrics", headers=headers, REMOTE_ADDR=remote).status_code == 401


def test_hals_token_opens_it_from_elsewhere_and_a_person_without_a_role_is_refused(
    client: Client, hal: User, seen: Cluster
) -> None:
    nobody = User.objects.create_user("nobody", password="demo")
    for user, status in ((hal, 200), (nobody, 403)):
        _token, secret = ApiToken.issue(user, "prometheus")
        headers = {"Authorization": f"Bearer {secret}"}
        answer = client.get("/metrics", headers=headers, REMOTE_ADDR=ELSEWHERE)
        assert answer.status_code == status
