"""Replication from a node's recorded answer to record, history, page and API, in each state."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from msgspec.structs import replace

from hapanel.accounts.vault import seal
from hapanel.drbd.findings import Code, Fact
from hapanel.drbd.recording import judged_of, nodes_of, read_recording
from hapanel.live.stream import STREAM, connection
from hapanel.observe import replication_desk
from hapanel.observe.replication_desk import RecordedReplication
from hapanel.ports.node_shell import (
    ConfigurationFile,
    LvmDisk,
    LvmGroup,
    LvmReport,
    LvmVolume,
)
from hapanel.ports.replication import DiskState, NodeStatus, ResourceState, Volume
from hapanel.ports.ssh_errors import HostKeyChanged
from hapanel.ui import replication_states
from hapanel.ui.replication_states import health_word
from nodes import replication
from nodes.models import Cluster, DrbdNode, DrbdResource, DrbdSide, Event, SshAccess, Storage
from nodes.replication_figures import forget_statuses, note_status
from tests.contract.drbd_states import JUDGED
from tests.machine import FACTS
from vms.models import Guest, GuestDisk
from vms.replication import replication_of

GIB = 1024**3


def _one_of_each() -> list[str]:
    """A recorded state for each judgement of each series."""
    found: dict[tuple[str, str], str] = {}
    for name, judged in JUDGED.items():
        if list(judged) == ["rs"] and judged["rs"][0] != "not-up":
            found.setdefault((name.split("/")[0], judged["rs"][0]), name)
    return list(found.values())


STATES = _one_of_each()


@pytest.fixture(autouse=True)
def own_connection_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replication_desk, "close_old_connections", lambda: None)


@pytest.fixture(autouse=True)
def a_busy_machine_makes_nothing_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replication, "STALE_AFTER", timedelta(minutes=10))


@pytest.fixture
def watched(clusterubd: Cluster) -> Cluster:
    """The paper's cluster, reached over ssh."""
    SshAccess.objects.create(cluster=clusterubd, user="hapanel", encrypted_key=seal("a key"))
    return clusterubd


def statuses(name: str) -> dict[str, NodeStatus]:
    file = FACTS / "drbd" / f"{name}.json"
    if not file.exists():
        pytest.skip("no recordings of DRBD here")
    return {one.node: one.status for one in nodes_of(read_recording(file.read_bytes()))}


def record_configured(cluster: Cluster, name: str) -> None:
    """What the recorded `drbdadm dump` means, as reading the files would have told it."""
    for one in nodes_of(read_recording((FACTS / "drbd" / f"{name}.json").read_bytes())):
        meant = {
            m.name: {"members": list(m.members), "dual_primary": m.dual_primary}
            for m in one.configured
        }
        DrbdNode.objects.filter(cluster=cluster, node=one.node).update(configured=meant)


def tell(cluster: Cluster, told: dict[str, NodeStatus]) -> None:
    for node, status in told.items():
        RecordedReplication().saw(cluster.pk, node, status)


def lvm(cluster: Cluster, *nodes: str, free: int = 100 * GIB) -> None:
    report = LvmReport(
        groups=(LvmGroup(vg="vg_drbd", size=400 * GIB, free=free),),
        volumes=(LvmVolume(vg="vg_drbd", lv="vm-100-disk-0", size=40 * GIB),),
        disks=(LvmDisk(pv="/dev/drbd0", vg="vg_drbd", size=400 * GIB, free=free),),
    )
    for node in nodes:
        RecordedReplication().read_lvm(cluster.pk, node, report)


def page(client: Client, path: str = "/clusters/clusterubd/replication/") -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("name", STATES)
def test_each_judged_state_is_said_on_the_page_and_over_rest(
    watched: Cluster, as_oda: Client, name: str
) -> None:
    if not (FACTS / "drbd" / f"{name}.json").exists():
        pytest.skip("no recordings of DRBD here")
    recorded = read_recording((FACTS / "drbd" / f"{name}.json").read_bytes())
    nodes = list(nodes_of(recorded))
    if {one.node for one in nodes} == {"master"}:
        pytest.skip("recorded on one node only; the cluster here has two")
    [(_joined, judgement)] = judged_of(nodes)
    code = judgement.health.value
    tell(watched, statuses(name))
    record_configured(watched, name)
    tell(watched, statuses(name))
    [resource] = replication_of(watched).resources
    assert resource.judgement.health.value == code
    assert DrbdResource.objects.get().health == code
    shown = page(as_oda)
    assert f"{health_word(code)}</span></span>" in shown
    told = as_oda.get("/api/v1/drbd-resources/clusterubd/rs/").json()
    assert told["health"] == code
    assert told["split_brain"] is (code == "split-brain")
    assert {node["node"] for node in told["nodes"]} >= {"master", "slave"}
    for node in told["nodes"]:
        assert node["sight"] == "current" or (node["because"] is not None or not node["seen_at"])


def test_everything_that_is_judged_has_a_word() -> None:
    for code in Code:
        assert code in replication_states._HEALTH, code
    assert set(Fact) == set(replication_states._FACT)


def test_an_unchanged_answer_writes_no_record(
    watched: Cluster, django_assert_max_num_queries: object
) -> None:
    told = statuses("drbd9/10-primary-secondary")
    tell(watched, told)
    before = list(DrbdSide.objects.values_list("changed_at", flat=True))
    events = Event.objects.count()
    connection().delete(STREAM)
    tell(watched, told)
    assert list(DrbdSide.objects.values_list("changed_at", flat=True)) == before
    assert Event.objects.count() == events


def test_a_split_brain_is_told_with_its_evidence_and_its_history(
    watched: Cluster, as_oda: Client
) -> None:
    tell(watched, statuses("drbd84/12-primary-primary"))
    tell(watched, statuses("drbd84/16c-SPLIT-BRAIN"))
    facts = list(Event.objects.values_list("fact", "severity"))
    assert ("replication_judged", "danger") in facts
    assert "drbd_link_changed" in dict(facts)
    shown = page(as_oda)
    assert "rs is in a split brain" in shown
    assert "What this rests on" in shown
    assert "Replication of rs: split brain." in shown
    assert DrbdResource.objects.get().apart_since is not None


def test_a_node_that_is_not_seen_any_more_is_never_green(watched: Cluster, as_oda: Client) -> None:
    tell(watched, statuses("drbd9/10-primary-secondary"))
    error = HostKeyChanged(pinned="SHA256:" + "a" * 43, seen="SHA256:" + "b" * 43, address="x")
    RecordedReplication().missed(watched.pk, "slave", error)
    shown = page(as_oda)
    assert "slave is not seen over ssh" in shown
    assert error.seen in shown
    assert error.pinned in shown
    [resource] = replication_of(watched).resources
    assert resource.judgement.severity.value != "ok"
    told = as_oda.get("/api/v1/drbd-resources/clusterubd/rs/").json()
    assert told["nodes"][1]["sight"] == "unknown"
    assert told["nodes"][1]["role"] is None
    assert "host key" in told["nodes"][1]["because"]
    assert Event.objects.filter(fact="ssh_lost", subject="slave").count() == 1
    RecordedReplication().missed(watched.pk, "slave", error)
    assert Event.objects.filter(fact="ssh_lost").count() == 1
    tell(watched, statuses("drbd9/10-primary-secondary"))
    assert Event.objects.filter(fact="ssh_regained").exists()


def test_nothing_is_green_once_nobody_asks_any_more(watched: Cluster, as_oda: Client) -> None:
    tell(watched, statuses("drbd9/10-primary-secondary"))
    later = timezone.now() + timedelta(minutes=11)
    [resource] = replication_of(watched, later).resources
    assert resource.judgement.health.value == "not-observed"
    forget_statuses(watched.pk)
    [resource] = replication_of(watched).resources
    assert resource.judgement.health.value == "not-observed"
    assert "was:" in page(as_oda)
    SshAccess.objects.update(is_on=False)
    assert "switched off" in page(as_oda)


def test_without_ssh_the_shared_group_is_shown_and_replication_is_not_observed(
    clusterubd: Cluster, as_oda: Client, as_ada: Client
) -> None:
    for node in ("master", "slave"):
        Storage.objects.create(
            cluster=clusterubd,
            node=node,
            storage="vg_drbd",
            type="lvm",
            shared=True,
            vg="vg_drbd",
            total=400 * GIB,
            used=72 * GIB,
        )
    shown = page(as_oda)
    assert "Replication is not observed" in shown
    assert "ask an administrator" in shown
    assert "400 GiB" in shown
    assert 'data-state="ok"' not in shown[shown.index('id="replication"') :]
    assert "/settings/clusters/clusterubd/#ssh" in page(as_ada)
    assert as_oda.get("/api/v1/drbd-resources/").json()["results"] == []


def test_guests_and_volume_groups_are_placed_on_the_resource(
    watched: Cluster, as_oda: Client
) -> None:
    tell(watched, statuses("drbd84/10-primary-secondary"))
    for node in ("master", "slave"):
        Storage.objects.create(
            cluster=watched, node=node, storage="vg_drbd", type="lvm", shared=True, vg="vg_drbd"
        )
    guest = Guest.objects.get(vmid=100)
    GuestDisk.objects.create(guest=guest, key="scsi0", volume="vg_drbd:x", storage="vg_drbd")
    lvm(watched, "master")
    [resource] = replication_of(watched).resources
    assert resource.groups == ("vg_drbd",)
    assert resource.guests == (guest,)
    shown = page(as_oda)
    assert "100 siakad" in shown
    assert "vm-100-disk-0" in shown
    assert "differs" not in shown
    storages = as_oda.get("/api/v1/storages/?storage=vg_drbd").json()["results"]
    assert {row["node"]: row["drbd_resource"] for row in storages} == {
        "master": "rs",
        "slave": None,
    }


def counted(told: NodeStatus, mib: int, *, congested: bool = False) -> NodeStatus:
    """The status with so much more written and sent by this node than it had."""
    [state] = told.resources
    more = mib * 2**20
    volumes = tuple(replace(one, written=(one.written or 0) + more) for one in state.volumes)
    peers = tuple(
        replace(
            peer,
            congested=congested,
            volumes=tuple(replace(one, sent=(one.sent or 0) + more) for one in peer.volumes),
        )
        for peer in state.peers
    )
    return replace(told, resources=(replace(state, volumes=volumes, peers=peers),))


def test_writing_is_measured_and_a_link_too_thin_is_said_with_its_figures(
    watched: Cluster, as_oda: Client
) -> None:
    forget_statuses(watched.pk)
    told = statuses("drbd84/10-primary-secondary")
    now = timezone.now() + timedelta(seconds=20)  # so that a slow machine does not make it stale
    note_status(watched.pk, "master", now - timedelta(seconds=20), told["master"])
    tell(watched, told)
    assert "needs two looks" in page(as_oda)
    for step in range(1, 6):
        at = now - timedelta(seconds=20 - 4 * step)
        note_status(watched.pk, "master", at, counted(told["master"], 40 * step))
    shown = page(as_oda)
    assert "not known: it was not full" in shown
    [load, other] = as_oda.get("/api/v1/drbd-resources/clusterubd/rs/").json()["load"]
    assert (load["node"], load["peer"], other["write_rate"]) == ("master", "slave", None)
    assert load["write_rate"] == load["sent_rate"] == load["most_sent_rate"] == 10 * 2**20
    assert load["link_rate"] is None
    forget_statuses(watched.pk)
    tell(watched, told)
    for step in range(6):
        at = now - timedelta(seconds=20 - 4 * step)
        thin = counted(told["master"], 40 * step, congested=True)
        note_status(watched.pk, "master", at, thin)
    shown = page(as_oda)
    assert "The guests write 10.0 MiB a second to rs, and its link takes 10.0 MiB" in shown
    assert "full in 6 of 6 looks" in shown
    told_now = as_oda.get("/api/v1/drbd-resources/clusterubd/rs/").json()
    assert told_now["health"] == "link-too-thin"
    assert told_now["load"][0]["link_rate"] == 10 * 2**20


def test_groups_that_differ_between_nodes_are_warned_of(watched: Cluster, as_oda: Client) -> None:
    tell(watched, statuses("drbd84/12-primary-primary"))
    lvm(watched, "master")
    lvm(watched, "slave", free=90 * GIB)
    assert "differs" in page(as_oda)


def test_the_shared_secret_is_in_no_record_and_on_no_page(watched: Cluster, as_ada: Client) -> None:
    tell(watched, statuses("drbd84/10-primary-secondary"))
    text = 'resource rs {\n net { shared-secret "hush-hush"; }\n}\n'
    file = ConfigurationFile(path="/etc/drbd.d/rs.res", text=text)
    RecordedReplication().read_files(watched.pk, "master", (file,))
    row = DrbdNode.objects.get(node="master")
    assert row.files[0]["path"] == "/etc/drbd.d/rs.res"
    assert "hush" not in json.dumps(row.files) + json.dumps(row.findings)
    assert "hush" not in page(as_ada)


def test_a_node_that_says_nonsense_keeps_what_was_known(watched: Cluster, as_oda: Client) -> None:
    tell(watched, statuses("drbd84/10-primary-secondary"))
    RecordedReplication().saw(watched.pk, "slave", NodeStatus(complete=False))
    assert DrbdSide.objects.count() == 2
    RecordedReplication().saw(watched.pk, "slave", NodeStatus(error="no module"))
    assert DrbdSide.objects.count() == 2
    assert "no module" in page(as_oda)


def test_a_resource_that_is_gone_everywhere_is_forgotten(watched: Cluster) -> None:
    tell(watched, statuses("drbd84/10-primary-secondary"))
    for node in ("master", "slave"):
        RecordedReplication().saw(watched.pk, node, NodeStatus())
    assert not DrbdResource.objects.exists()


def test_three_nodes_have_three_wires(watched: Cluster, as_oda: Client) -> None:
    tell(watched, statuses("drbd9/30b-three-syncing"))
    shown = page(as_oda)
    assert shown.count('class="drbd"') == 3
    assert "third" in shown
    told = as_oda.get("/api/v1/drbd-resources/clusterubd/rs/").json()
    assert len(told["nodes"]) == 3
    assert {len(node["links"]) for node in told["nodes"]} == {2}


def test_a_side_is_as_good_as_the_worst_or_least_known_of_its_volumes(
    watched: Cluster, as_oda: Client
) -> None:
    for disk in (DiskState.INCONSISTENT, DiskState.UNKNOWN, DiskState.UP_TO_DATE):
        volumes = (
            Volume(number=0, disk_state=DiskState.UP_TO_DATE),
            Volume(number=1, disk_state=disk),
        )
        tell(
            watched,
            {"master": NodeStatus(resources=(ResourceState(name="rs", volumes=volumes),))},
        )
        told = as_oda.get("/api/v1/drbd-resources/clusterubd/rs/").json()
        assert told["nodes"][0]["disk_state"] == disk.value


def test_who_is_not_signed_in_sees_nothing(watched: Cluster) -> None:
    assert Client().get("/clusters/clusterubd/replication/").status_code == 302
    assert Client().get("/api/v1/drbd-resources/").status_code == 401


def test_an_unknown_resource_is_not_there(watched: Cluster, as_oda: Client) -> None:
    assert as_oda.get("/clusters/clusterubd/replication/none/").status_code == 404
    assert as_oda.get("/api/v1/drbd-resources/clusterubd/none/").status_code == 404


GOOD = """resource rs {
  net { cram-hmac-alg sha256; shared-secret "hush-hush-hush-hush"; protocol C; }
  on master { device /dev/drbd0; disk /dev/sda1; address 10.0.7.1:7788; meta-disk internal; }
  on slave { device /dev/drbd0; disk /dev/sda1; address 10.0.7.2:7788; meta-disk internal; }
}
"""


def configure(cluster: Cluster, node: str, text: str) -> None:
    files = (
        ConfigurationFile(path="/etc/drbd.conf", text='include "drbd.d/*.res";\n'),
        ConfigurationFile(path="/etc/drbd.d/rs.res", text=text),
    )
    RecordedReplication().read_files(cluster.pk, node, files)


def test_both_configurations_stand_side_by_side_with_findings_in_place(
    watched: Cluster, as_oda: Client
) -> None:
    tell(watched, statuses("drbd84/10-primary-secondary"))
    configure(watched, "master", GOOD)
    configure(watched, "slave", GOOD)
    shown = page(as_oda)
    assert "the same text on both" in shown
    assert "/etc/drbd.d/rs.res" in shown
    assert "10.0.7.2:7788" in shown
    assert "hush" not in shown
    configure(watched, "slave", GOOD.replace("protocol C", "protocol 3"))
    shown = page(as_oda)
    assert "the files differ" in shown
    assert "protocol 3" in shown
    line = shown[shown.index("protocol 3") - 300 : shown.index("protocol 3")]
    assert 'data-file="2" data-state="danger"' in line
    assert "hush" not in json.dumps(list(DrbdNode.objects.values()), default=str)


def test_a_configured_resource_that_is_up_nowhere_is_said_to_be_so(
    watched: Cluster, as_oda: Client
) -> None:
    for node in ("master", "slave"):
        RecordedReplication().saw(watched.pk, node, NodeStatus())
        configure(watched, node, GOOD)
    [resource] = replication_of(watched).resources
    assert resource.judgement.health.value == "not-up"
    assert "not up on any of its nodes" in page(as_oda)
    for node in ("master", "slave"):
        configure(watched, node, "")
    assert not DrbdResource.objects.exists()


def test_the_overview_and_the_node_say_the_same(watched: Cluster, as_oda: Client) -> None:
    tile = page(as_oda, "/clusters/clusterubd/")
    assert "no resource" in tile
    tell(watched, statuses("drbd84/16c-SPLIT-BRAIN"))
    tile = page(as_oda, "/clusters/clusterubd/")
    assert "split brain" in tile[tile.index('id="tiles"') :]
    assert "rs is in a split brain" in tile, "it is said in words above the tiles"
    node = page(as_oda, "/clusters/clusterubd/nodes/slave/replication/")
    assert "StandAlone" in node
    assert "split brain" in node
    SshAccess.objects.all().delete()
    tile = page(as_oda, "/clusters/clusterubd/")
    assert "The nodes are not reached over ssh." in tile
    assert "not observed" in page(as_oda, "/clusters/clusterubd/nodes/slave/replication/")
