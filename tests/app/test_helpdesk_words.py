"""What is known of a service, and how the help desk says it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from hapanel.helpdesk import recent, words
from hapanel.helpdesk.models import Service, ServiceState
from hapanel.helpdesk.selectors import Cause, ServiceNow, service_now, services_now
from hapanel.helpdesk.verdict import Look
from hapanel.operations.models import Operation, State
from nodes.models import Cluster, Node
from vms.models import Guest


@pytest.fixture
def siakad(clusterubd: Cluster) -> Service:
    return service(clusterubd, "SIAKAD", 100)


def service(cluster: Cluster, name: str, vmid: int, state: str = "up") -> Service:
    made = Service.objects.create(
        cluster=cluster,
        name=name,
        vmids=[vmid],
        url=f"http://127.0.42.{vmid}:8080/",
        state=state,
        since=timezone.localtime().replace(hour=10, minute=42, second=8, microsecond=0),
        added_at=timezone.now() - timedelta(days=3),
    )
    recent.note({made.pk: Look(timezone.now(), 12, 200)})
    return made


def known(made: Service, **changes: object) -> ServiceNow:
    if changes:
        Service.objects.filter(pk=made.pk).update(**changes)
    found = service_now(made.pk)
    assert found is not None
    return found


def test_a_dead_service_on_a_running_guest_says_so(siakad: Service) -> None:
    now = known(siakad, state=ServiceState.DOWN)
    assert now.cause is Cause.RUNS
    assert words.sentence(now) == (
        "SIAKAD has not answered since 10:42:08. "
        "It is still listed as running on master, but nothing in it answers."
    )
    assert words.sentence(now, internals=False) == "SIAKAD has not answered since 10:42:08."


def test_a_lost_server_explains_more_than_a_guest_that_runs(siakad: Service) -> None:
    Node.objects.filter(name="master").update(status="offline")
    now = known(siakad, state=ServiceState.DOWN)
    assert now.cause is Cause.SERVER_LOST
    assert "Its server (master) does not answer either." in words.sentence(now)


def test_a_guest_that_is_being_recovered_is_said_to_be_tried(siakad: Service) -> None:
    Guest.objects.filter(vmid=100).update(ha_state="recovery")
    now = known(siakad, state=ServiceState.DOWN)
    assert now.cause is Cause.COMING_BACK
    assert "trying to start it" in words.sentence(now)
    assert "trying to start it" in words.to_tell(now, [now])


def test_a_stopped_guest_is_switched_off(siakad: Service) -> None:
    Guest.objects.filter(vmid=100).update(status="stopped")
    assert known(siakad, state=ServiceState.DOWN).cause is Cause.SWITCHED_OFF


def test_a_migration_says_who_is_on_it(siakad: Service) -> None:
    Operation.objects.create(
        kind="migrate",
        state=State.RUNNING,
        cluster=siakad.cluster,
        vmid=100,
        actor="oda",
        started_at=timezone.now(),
    )
    now = known(siakad, state=ServiceState.DOWN)
    assert now.cause is Cause.MOVING
    assert words.on_it(now).startswith("oda, since ")
    assert "Our staff are working on it." in words.to_tell(now, [now])


def test_nobody_is_promised_who_is_not_known(siakad: Service) -> None:
    now = known(siakad, state=ServiceState.DOWN)
    assert "Nobody that the panel knows of" in words.on_it(now)
    assert "I cannot tell you yet when it will be back." in words.to_tell(now, [now])


def test_what_was_not_probed_for_long_is_unknown_never_green(siakad: Service) -> None:
    later = timezone.now() + timedelta(minutes=2)
    [now] = services_now(now=later)
    assert now.state is ServiceState.UNKNOWN
    assert "is not known: it was last checked at" in words.sentence(now)


def test_a_service_that_was_never_probed_says_so(clusterubd: Cluster) -> None:
    made = Service.objects.create(cluster=clusterubd, name="Portal", url="http://10.0.0.1/")
    assert words.sentence(known(made)) == "Portal has not been checked yet."


def test_the_caller_s_side_is_judged_by_the_other_services(siakad: Service) -> None:
    other = service(siakad.cluster, "E-Learning", 101)
    Service.objects.filter(pk=siakad.pk).update(state=ServiceState.DOWN)
    down, up = services_now()
    assert words.caller_side(down, [down, up]).startswith("Not only:")
    assert words.still_works(down, [down, up]) == "E-Learning"
    assert words.caller_side(up, [down, up]) == "Perhaps: it answers the panel (12 ms)."
    Service.objects.filter(pk=other.pk).update(state=ServiceState.DOWN)
    both = services_now()
    assert "the panel's own connection" in words.caller_side(both[0], both)


def test_the_worst_stands_first(siakad: Service) -> None:
    service(siakad.cluster, "E-Learning", 101, state="degraded")
    service(siakad.cluster, "Portal", 101, state="down")
    found = services_now()
    assert [now.name for now in found] == ["Portal", "E-Learning", "SIAKAD"]
    state, headline = words.headline(found)
    assert (state, headline) == (ServiceState.DOWN, "Portal cannot be opened at the moment")
    assert words.others_line(found) == "Also: E-Learning (impaired). The other services work."


def test_all_that_is_known_takes_the_same_queries_for_any_number_of_services(
    siakad: Service, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(12):
        service(siakad.cluster, f"Service {number}", 101)
    with django_assert_num_queries(4):
        assert len(services_now()) == 13
