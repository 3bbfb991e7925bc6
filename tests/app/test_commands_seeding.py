"""The demo's seed: idempotent, true to the lab's line, and refused everywhere but in a demo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from hapanel.access import Role
from hapanel.accounts.models import ApiToken, User
from hapanel.accounts.tokens import token_of
from hapanel.accounts.vault import unseal
from hapanel.helpdesk.models import Service
from hapanel.lab.scenario import load
from nodes.models import Cluster, Mode, SshAccess

LINE: dict[str, Any] = {
    "ready": True,
    "cluster": "clusterubd",
    "nodes": [
        {"name": "master", "url": "https://127.0.107.20:8006", "ssh": None},
        {"name": "slave", "url": "https://127.0.107.21:8006", "ssh": None},
    ],
    "ca": "-----BEGIN CERTIFICATE-----\nfirst\n-----END CERTIFICATE-----\n",
    "token_id": "hapanel@pve!operate",
    "token_secret": "first-secret",
    "control_url": "http://127.0.0.1:1",
    "control_token": "t",
    "services": [
        {"name": "SIAKAD", "vmid": 100, "url": "http://127.0.107.100:8080/"},
        {"name": "E-Learning", "vmid": 101, "url": "http://127.0.107.101:8080/"},
    ],
    "time_scale": 6,
}


@pytest.fixture
def demo(settings: Any, tmp_path: Path, db: None) -> Path:
    settings.DEMO = True
    settings.VAR_DIR = tmp_path
    return tmp_path


def seed(folder: Path, **changes: Any) -> None:
    file = folder / "ready.json"
    file.write_text(json.dumps({**LINE, **changes}) + "\n")
    call_command("seed_demo", "--ready", str(file))


def tokens_in(folder: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads((folder / "demo-tokens.json").read_text())
    return found


def test_the_seed_makes_people_cluster_services_and_tokens(demo: Path) -> None:
    seed(demo)
    roles = {user.username: user.role for user in User.objects.all()}
    assert roles == {"ada": Role.ADMINISTRATOR, "oda": Role.OPERATOR, "hal": Role.HELP_DESK}
    cluster = Cluster.objects.get()
    assert (cluster.name, cluster.mode, cluster.time_scale) == ("clusterubd", Mode.OPERATE, 6)
    assert cluster.addresses == ["https://127.0.107.20:8006", "https://127.0.107.21:8006"]
    assert unseal(cluster.encrypted_secret) == "first-secret"
    siakad = Service.objects.get(name__contains="SIAKAD")
    assert siakad.name_id == "SIAKAD (sistem informasi akademik)"
    assert siakad.vmids == [100]
    tokens = tokens_in(demo)
    assert set(tokens) == {"ada", "oda", "hal"}
    token = token_of(tokens["oda"])
    assert token is not None
    assert token.user.username == "oda"
    assert (demo / "demo-tokens.json").stat().st_mode & 0o777 == 0o600


def test_a_second_start_keeps_people_and_tokens_and_takes_the_labs_new_keys(demo: Path) -> None:
    seed(demo)
    before = tokens_in(demo)
    Cluster.objects.update(observed_at="2026-11-23T08:00:00Z", reach="ok")
    moved = [{"name": "SIAKAD", "vmid": 100, "url": "http://127.0.9.100:8080/"}]
    seed(demo, token_secret="second-secret", services=moved)
    assert tokens_in(demo) == before
    assert ApiToken.objects.count() == 3
    cluster = Cluster.objects.get()
    assert unseal(cluster.encrypted_secret) == "second-secret"
    assert (cluster.observed_at, cluster.reach) == (None, "never")
    assert Service.objects.get().url == "http://127.0.9.100:8080/"


def test_a_lost_or_damaged_token_file_gives_new_tokens(demo: Path) -> None:
    seed(demo)
    before = tokens_in(demo)
    (demo / "demo-tokens.json").write_text("{broken")
    seed(demo)
    after = tokens_in(demo)
    assert set(before.values()).isdisjoint(after.values())
    assert token_of(before["ada"]) is None
    assert token_of(after["ada"]) is not None


def test_another_lab_takes_the_place_of_the_former_and_leaves_foreign_clusters(
    demo: Path,
) -> None:
    Cluster.objects.create(name="foreign")
    seed(demo)
    seed(demo, cluster="clusterubd-qdevice")
    names = Cluster.objects.order_by("name").values_list("name", flat=True)
    assert list(names) == ["clusterubd-qdevice", "foreign"]


def test_the_ca_may_be_a_file(demo: Path) -> None:
    file = demo / "ca.pem"
    file.write_text(LINE["ca"])
    seed(demo, ca=str(file))
    assert Cluster.objects.get().ca_pem == LINE["ca"]


def test_outside_of_a_demo_nothing_is_seeded(demo: Path, settings: Any) -> None:
    settings.DEMO = False
    with pytest.raises(CommandError, match="demo-only"):
        seed(demo)
    assert not User.objects.exists()


def test_a_lab_on_another_machine_is_none(demo: Path) -> None:
    nodes = [{"name": "pve1", "url": "https://192.0.2.1:8006"}]
    with pytest.raises(CommandError, match="demo-not-loopback"):
        seed(demo, nodes=nodes)
    named = [{"name": "pve1", "url": "https://pve1.example.org:8006"}]
    with pytest.raises(CommandError, match="demo-not-loopback"):
        seed(demo, nodes=named)
    assert not User.objects.exists()


def test_what_is_no_ready_line_is_refused(demo: Path) -> None:
    (demo / "ready.json").write_text('{"ready": true}')
    with pytest.raises(CommandError, match="demo-ready-line"):
        call_command("seed_demo", "--ready", str(demo / "ready.json"))
    with pytest.raises(CommandError, match="demo-ready-line"):
        call_command("seed_demo", "--ready", str(demo / "none.json"))


def test_services_of_the_campus_have_names_in_both_languages_and_all_their_guests(
    demo: Path,
) -> None:
    guests = load("campus").guests
    served = [guest for guest in guests if guest.serves]
    lines = [
        {
            "name": guest.serves.name,
            "vmid": guest.vmid,
            "url": f"http://127.0.107.{number}:8080/",
            "vmids": [guest.vmid, guest.vmid + 1],
        }
        for number, guest in enumerate(served, start=100)
        if guest.serves
    ]
    seed(demo, cluster="campus", services=lines)
    services = Service.objects.all()
    assert len(services) == 12
    assert all(service.name_id and len(service.vmids) == 2 for service in services)


def test_the_lab_is_reached_over_ssh_without_asking_anybody(demo: Path) -> None:
    door = {"host": "127.0.107.20", "port": 2222, "user": "root", "fingerprint": "SHA256:x"}
    nodes = [
        {**node, "ssh": {**door, "host_key": "ssh-ed25519 AAAA lab"}} for node in LINE["nodes"]
    ]
    seed(demo, nodes=nodes, ssh_key="the private key")
    access = SshAccess.objects.get(cluster__name="clusterubd")
    assert (access.user, access.port, access.is_on) == ("root", 2222, True)
    assert access.host_keys["slave"] == {"key": "ssh-ed25519 AAAA", "fingerprint": "SHA256:x"}
    assert unseal(access.encrypted_key) == "the private key"
    SshAccess.objects.update(is_on=False)
    seed(demo, nodes=nodes, ssh_key="the private key")
    assert not SshAccess.objects.get().is_on
    seed(demo)
    assert not SshAccess.objects.exists()
