"""The doctor: what is well, what is not, and a remedy for each fault."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from hapanel.accounts.models import User
from hapanel.accounts.vault import seal
from hapanel.commands import examine_clusters, examine_panel
from hapanel.commands.findings import Finding, Verdict
from hapanel.commands.own_machine import OwnMachine, look_around
from hapanel.kernel.names import GuestType
from hapanel.live import pulse
from hapanel.ports.cluster import GuestConfig, HaStatus, LrmState
from hapanel.ports.errors import ClusterError, NodeUnreachable, NoSuchGuest, SignInRefused
from nodes.models import Cluster, Node
from vms.models import Guest

ELSEWHERE = OwnMachine(macs=frozenset({"52:54:00:00:00:01"}), uuid=None, is_virtual=True)
UUID = "8f6c1c3e-0000-4000-8000-000000000100"


class Gateway:
    """A cluster whose guests have the network cards that the test gives them."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.configs: dict[int, GuestConfig | ClusterError] = {}
        self.lrm_time = datetime.now(UTC)
        self.fault: ClusterError | None = None

    def version(self) -> str:
        if self.fault:
            raise self.fault
        return "9.2.11"

    def ha_status(self) -> HaStatus:
        lrm = LrmState(node="master", state="active", dead=False, text="", timestamp=self.lrm_time)
        return HaStatus(
            quorate=True,
            quorum_text="OK",
            manager_node="master",
            manager_state="active",
            armed_state=None,
            lrms=(lrm,),
            services=(),
        )

    def guest_config(self, node: str, guest_type: GuestType, vmid: int) -> GuestConfig:
        self.asked.append(vmid)
        config = self.configs.get(vmid, GuestConfig(disks=()))
        if isinstance(config, ClusterError):
            raise config
        return config


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch, clusterubd: Cluster) -> Gateway:
    clusterubd.encrypted_secret = seal("5ecret")
    clusterubd.save()
    made = Gateway()

    @contextmanager
    def opened(cluster: Cluster) -> Iterator[Any]:
        yield made

    monkeypatch.setattr(examine_clusters, "gateway_of", opened)
    return made


def examine(machine: OwnMachine = ELSEWHERE) -> list[Finding]:
    return list(examine_clusters.clusters(machine))


def faults(found: list[Finding]) -> list[str]:
    assert all(each.remedy for each in found if each.verdict is not Verdict.OK)
    return [each.says for each in found if each.verdict is Verdict.FAIL]


def test_a_well_cluster_has_no_fault(gateway: Gateway) -> None:
    assert faults(examine()) == []


def test_a_panel_in_a_guest_of_its_own_cluster_fails(gateway: Gateway) -> None:
    gateway.configs[100] = GuestConfig(disks=(), macs=("52:54:00:00:00:01",))
    (fault,) = faults(examine())
    assert "100 siakad" in fault


def test_the_smbios_uuid_gives_it_away_too(gateway: Gateway) -> None:
    gateway.configs[101] = NoSuchGuest("gone")
    gateway.configs[100] = GuestConfig(disks=(), smbios_uuid=UUID)
    inside = OwnMachine(macs=frozenset(), uuid=UUID, is_virtual=True)
    assert len(faults(examine(inside))) == 1
    assert faults(examine(ELSEWHERE)) == []


def test_guests_that_could_not_be_compared_are_a_warning(gateway: Gateway) -> None:
    gateway.configs[101] = NoSuchGuest("gone")
    found = examine()
    assert [each.verdict for each in found if "compared" in each.says] == [Verdict.WARN]


def test_guests_of_a_node_that_is_not_seen_are_not_asked_for(
    gateway: Gateway, clusterubd: Cluster
) -> None:
    node = clusterubd.guests.get(vmid=100).node
    Node.objects.filter(cluster=clusterubd, name=node).update(status="offline")
    found = examine()
    assert 100 not in gateway.asked
    (warning,) = [each for each in found if "compared" in each.says]
    assert node in warning.says


def test_a_node_that_falls_silent_is_asked_once(gateway: Gateway, clusterubd: Cluster) -> None:
    Guest.objects.filter(cluster=clusterubd).update(node="master", status="running")
    for vmid in clusterubd.guests.values_list("vmid", flat=True):
        gateway.configs[vmid] = NodeUnreachable("no answer", status=596)
    examine()
    assert len(gateway.asked) == 1


def test_comparing_guests_ends_at_its_deadline(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examine_clusters, "COMPARE_SECONDS", 0.0)
    found = examine()
    assert gateway.asked == []
    assert [each.verdict for each in found if "Only 0 of" in each.says] == [Verdict.WARN]


def test_a_machine_of_its_own_is_not_compared_with_guests(gateway: Gateway) -> None:
    gateway.configs[100] = SignInRefused("must not be asked")
    iron = OwnMachine(macs=frozenset(), uuid=None, is_virtual=False)
    assert faults(examine(iron)) == []


@pytest.mark.parametrize(("seconds", "is_fault"), [(120, True), (-120, True), (3, False)])
def test_clocks_that_differ_are_told(gateway: Gateway, seconds: int, is_fault: bool) -> None:
    gateway.lrm_time = datetime.now(UTC) + timedelta(seconds=seconds)
    assert bool(faults(examine())) is is_fault


def test_a_refused_token_is_told_with_its_remedy(gateway: Gateway) -> None:
    gateway.fault = SignInRefused("token expired")
    found = examine()
    assert "token expired" in faults(found)[0]
    assert "new token" in found[-1].remedy


def test_a_secret_without_its_key_is_told(gateway: Gateway, settings: Any) -> None:
    settings.ENCRYPTION_KEYS = ["z" * 32]
    assert "HAPANEL_ENCRYPTION_KEYS" in faults(examine())[0]


def test_a_cluster_that_nobody_looks_at_fails(gateway: Gateway) -> None:
    Cluster.objects.update(observed_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert len(faults(examine())) == 1


def test_programs_are_judged_by_their_sign_of_life() -> None:
    pulse.note(pulse.Part.WORKER)
    found = {each.check: each.verdict for each in examine_panel.programs()}
    assert found == {"worker": Verdict.OK, "beat": Verdict.FAIL, "follower": Verdict.WARN}


def test_debug_and_open_hosts_are_told(settings: Any) -> None:
    settings.DEBUG, settings.ALLOWED_HOSTS = True, ["*"]
    verdicts = [each.verdict for each in examine_panel.settings_are_safe()]
    assert Verdict.FAIL in verdicts
    assert Verdict.OK not in verdicts


def test_a_key_file_that_others_can_read_fails(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    file = tmp_path / "encryption-keys"
    file.touch()
    file.chmod(0o644)
    (found,) = examine_panel.secret_files_are_private()
    assert (found.verdict, found.remedy) == (Verdict.FAIL, f"chmod 600 {file}")
    file.chmod(0o600)
    assert not list(examine_panel.secret_files_are_private())


def test_without_an_administrator_nobody_can_do_anything(oda: User) -> None:
    (found,) = examine_panel.accounts()
    assert found.verdict is Verdict.FAIL
    assert "create_user" in found.remedy


def test_the_doctor_ends_with_1_and_speaks_json(ada: User, gateway: Gateway) -> None:
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("doctor", "--json", stdout=out)
    found = json.loads(out.getvalue())
    assert {"check", "verdict", "says", "remedy"} == set(found[0])
    assert {"ok", "fail"} <= {each["verdict"] for each in found}


def test_what_this_machine_is_is_read_from_the_kernel(tmp_path: Path) -> None:
    sys, proc = tmp_path / "sys", tmp_path / "proc"
    for name, mac in {"lo": "00:00:00:00:00:00", "eth0": "bc:24:11:00:00:07"}.items():
        (sys / "net" / name).mkdir(parents=True)
        (sys / "net" / name / "address").write_text(f"{mac}\n")
    proc.mkdir()
    (proc / "cpuinfo").write_text("flags\t: fpu hypervisor sse\n")
    found = look_around(sys, proc)
    assert found == OwnMachine(frozenset({"BC:24:11:00:00:07"}), None, is_virtual=True)
