"""The gateway against a whole cluster that lives, moves, fails and lies: the lab."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from hapanel.gateways.proxmox import ProxmoxGateway, fetch_certificate
from hapanel.ha.quorum import judge_quorate
from hapanel.ha.verdict import Code, judge
from hapanel.kernel.names import GuestType, Upid
from hapanel.ports.cluster import MigrateOptions
from hapanel.ports.endpoint import Credentials, Endpoint
from hapanel.ports.errors import (
    ClusterError,
    Garbage,
    NodeUnreachable,
    NoSuchGuest,
    PermissionMissing,
    ServerFault,
    SignInRefused,
    Unreachable,
)
from hapanel.ports.migration_progress import MigrationProgress
from hapanel.ports.tasklog import Outcome
from tests.contract.lab_process import LabProcess, eventually, running

SPEED = 30
# A lost cluster answer is noticed and asked elsewhere within this many seconds.
GOES_ON_WITHIN = 10


@pytest.fixture(scope="module")
def shared() -> Iterator[LabProcess]:
    with running("clusterubd", SPEED) as lab:
        yield lab


@pytest.fixture
def lab(shared: LabProcess) -> Iterator[LabProcess]:
    """The shared lab; what the API was made to do ends with the test."""
    yield shared
    for node in shared.hosts:
        shared.ctl("api", node, "ok")


@pytest.fixture
def gateway(lab: LabProcess) -> Iterator[ProxmoxGateway]:
    made = ProxmoxGateway(endpoint_of(lab))
    yield made
    made.close()


def endpoint_of(lab: LabProcess, *, watch: bool = False) -> Endpoint:
    prefix = "watch_" if watch else ""
    return Endpoint(
        addresses=[node["url"] for node in lab.ready["nodes"]],
        credentials=Credentials(
            token_id=lab.ready[f"{prefix}token_id"],
            token_secret=lab.ready[f"{prefix}token_secret"],
        ),
        ca_pem=lab.ready["ca"],
    )


def urls(lab: LabProcess) -> list[str]:
    return [node["url"] for node in lab.ready["nodes"]]


def test_the_whole_picture_of_the_papers_cluster(gateway: ProxmoxGateway) -> None:
    assert gateway.version().startswith("9.")
    member = gateway.membership()
    assert [node.name for node in member.nodes] == ["master", "slave"]
    assert member.local_node == "master"
    resources = gateway.resources().resources
    assert resources is not None
    assert {guest.vmid: guest.type.value for guest in resources.guests} == {
        100: "qemu",
        101: "lxc",
    }
    assert {service.sid for service in gateway.ha_services()} == {"vm:100", "ct:101"}
    assert {lrm.node for lrm in gateway.ha_status().lrms} == {"master", "slave"}
    assert "vg_drbd" in {storage.storage for storage in gateway.storages()}
    assert gateway.permissions()["/"]["Sys.Audit"]
    assert gateway.ha_rules() == ()


def test_the_paper_s_cluster_would_not_survive_and_the_cured_one_would(
    gateway: ProxmoxGateway,
) -> None:
    def code(asked: ProxmoxGateway) -> Code:
        member = asked.membership()
        online = [node.name for node in member.nodes if node.online]
        quorate = judge_quorate(member, asked.ha_status())
        return judge("clusterubd", asked.votes(), online, asked.qdevice(), quorate).code

    assert code(gateway) is Code.WOULD_NOT_SURVIVE
    with running("clusterubd-qdevice", SPEED) as cured:
        asked = ProxmoxGateway(endpoint_of(cured))
        assert code(asked) is Code.SURVIVES_ANY_SINGLE_LOSS
        cured.ctl("qdevice", "off")
        eventually(lambda: code(asked) is Code.NO_LOSS_LEFT)
        asked.close()


def test_a_certificate_is_seen_before_any_secret_is_sent(lab: LabProcess) -> None:
    url = urls(lab)[0]
    seen = fetch_certificate(url, ca_pem=lab.ready["ca"])
    assert seen.matches_ca is True
    pinned = Endpoint(
        addresses=[url],
        credentials=endpoint_of(lab).credentials,
        fingerprints={url: seen.fingerprint},
    )
    asked = ProxmoxGateway(pinned)
    assert asked.version().startswith("9.")
    assert set(asked.node_fingerprints()) == {"master", "slave"}
    assert asked.node_fingerprints()["master"] == seen.fingerprint
    asked.close()


def test_a_ticket_does_what_a_token_does(lab: LabProcess) -> None:
    endpoint = Endpoint(
        addresses=urls(lab),
        credentials=Credentials(username="root@pam", password=lab.ready["root_password"]),
        ca_pem=lab.ready["ca"],
    )
    asked = ProxmoxGateway(endpoint)
    assert asked.membership().cluster_name == "clusterubd"
    assert asked.calls == 2
    asked.close()


def test_a_watch_only_token_is_told_which_privilege_it_lacks(lab: LabProcess) -> None:
    asked = ProxmoxGateway(endpoint_of(lab, watch=True))
    options = MigrateOptions(target="slave", online=True)
    with pytest.raises(PermissionMissing, match=r"/vms/100, VM\.Migrate") as caught:
        asked.migrate("master", GuestType.QEMU, 100, options)
    assert not caught.value.may_have_happened
    assert asked.resources().resources is not None
    asked.close()


def test_a_wrong_secret_is_refused_once(lab: LabProcess) -> None:
    credentials = Credentials(token_id=lab.ready["token_id"], token_secret="0" * 36)
    asked = ProxmoxGateway(
        Endpoint(addresses=urls(lab), credentials=credentials, ca_pem=lab.ready["ca"])
    )
    for _ in range(3):
        with pytest.raises(SignInRefused):
            asked.version()
    assert asked.calls == 1
    asked.close()


def test_a_guest_that_is_not_there_is_told_as_such(gateway: ProxmoxGateway) -> None:
    with pytest.raises(NoSuchGuest):
        gateway.guest_lock("master", GuestType.QEMU, 999)
    with pytest.raises(NoSuchGuest):
        gateway.guest_config("slave", GuestType.QEMU, 100)


@pytest.mark.parametrize("action", [("refuse",), ("hang",), ("error", "500"), ("garbage",)])
def test_whatever_is_wrong_with_one_api_the_other_one_answers(
    lab: LabProcess, gateway: ProxmoxGateway, action: tuple[str, ...]
) -> None:
    gateway.membership()
    lab.ctl("api", "master", *action)
    began = time.monotonic()
    assert gateway.membership().local_node == "slave"
    assert time.monotonic() - began < GOES_ON_WITHIN
    assert gateway.answered_by == urls(lab)[1]


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        (("refuse",), Unreachable),
        (("hang",), Unreachable),
        (("error", "500"), ServerFault),
        (("error", "401"), SignInRefused),
        (("error", "403"), PermissionMissing),
        (("error", "595"), NodeUnreachable),
        (("garbage",), Garbage),
    ],
)
def test_whatever_is_wrong_with_all_of_them_is_said_in_time(
    lab: LabProcess, gateway: ProxmoxGateway, action: tuple[str, ...], kind: type[ClusterError]
) -> None:
    for node in lab.hosts:
        lab.ctl("api", node, *action)
    began = time.monotonic()
    with pytest.raises(ClusterError) as caught:
        gateway.membership()
    assert isinstance(caught.value, kind)
    assert time.monotonic() - began < 2 * GOES_ON_WITHIN


def test_a_dropped_answer_leaves_it_open_and_exactly_one_task(lab: LabProcess) -> None:
    with running("clusterubd-runs", SPEED) as own:
        asked = ProxmoxGateway(endpoint_of(own))
        own.ctl("api", "master", "drop-answer")
        with pytest.raises(Unreachable) as caught:
            asked.migrate(
                "master", GuestType.QEMU, 100, MigrateOptions(target="slave", online=True)
            )
        assert caught.value.may_have_happened
        own.ctl("api", "master", "ok")
        begun = [task.upid for task in asked.tasks() if task.upid.type == "hamigrate"]
        assert len(begun) == 1
        asked.close()


def real_task(asked: ProxmoxGateway, wrapper: Upid) -> Upid:
    """The qmigrate that the HA manager begins for a hamigrate."""
    assert wrapper.type == "hamigrate"
    return eventually(
        lambda: next(
            (
                task.upid
                for task in asked.node_tasks(
                    wrapper.node, vmid=100, task_type="qmigrate", since=wrapper.started_at
                )
            ),
            None,
        ),
        seconds=30,
    )


def test_a_migration_is_followed_from_the_post_to_its_downtime() -> None:
    with running("clusterubd-runs", SPEED) as own:
        asked = ProxmoxGateway(endpoint_of(own))
        options = MigrateOptions(target="slave", online=True)
        upid = real_task(asked, asked.migrate("master", GuestType.QEMU, 100, options))
        progress, seen, percents = MigrationProgress(), 0, []
        while progress.task_ended is None:
            log = asked.task_log(upid, seen)
            progress, seen = progress.after(line.text for line in log.lines), log.total
            percents.append(progress.percent or 0.0)
            time.sleep(0.1)
        assert progress.outcome is Outcome.SUCCEEDED
        assert progress.started_by_ha
        assert progress.downtime_ms is not None
        assert percents == sorted(percents)
        assert asked.task_status(upid).exit_status == "OK"
        guests = eventually(lambda: asked.resources().resources)
        assert {g.vmid: g.node for g in guests.guests}[100] == "slave"
        asked.close()


def test_the_crash_of_the_asked_node_is_survived_idle_and_in_mid_migration() -> None:
    with running("clusterubd-runs", 6) as own:
        asked = ProxmoxGateway(endpoint_of(own))
        options = MigrateOptions(target="slave", online=True)
        upid = real_task(asked, asked.migrate("master", GuestType.QEMU, 100, options))
        eventually(lambda: asked.task_log(upid, 12).lines, seconds=20)
        assert asked.membership().local_node == "master"
        own.ctl("crash", "master")
        began = time.monotonic()
        with pytest.raises((NodeUnreachable, Unreachable)):
            asked.task_log(upid)
        assert asked.membership().local_node == "slave"
        assert time.monotonic() - began < GOES_ON_WITHIN
        began = time.monotonic()
        assert asked.resources().resources is not None
        assert time.monotonic() - began < 1
        own.ctl("power-on", "master")

        def is_preferred_again() -> bool:
            return asked.membership().local_node == "master"

        eventually(is_preferred_again, seconds=60)
        asked.close()
