"""add_cluster against a running lab, as if it were somebody's own cluster.

The role is made with the very privileges of the commands that the panel prints, and then loses one
privilege after the other.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from hapanel.accounts.vault import unseal
from hapanel.operations.models import Operation, SealedSecret, State
from hapanel.operations.privileges import NEEDS
from nodes.models import Cluster, Mode
from tests import machine
from tests.contract.lab_process import LabProcess, running

USER, TOKEN, ROLE = "guest-of-honour@pve", "panel", "PanelTrial"
TOKEN_ID = f"{USER}!{TOKEN}"


class Foreign:
    """A cluster that knows nothing of the panel, with a role, a user and a token made for it."""

    def __init__(self, lab: LabProcess) -> None:
        self.lab = lab
        self.url = lab.ready["nodes"][0]["url"]
        self._root = lab.sign_in()
        self._ask("POST", "/access/roles", roleid=ROLE, privs="Sys.Audit")
        self._ask("POST", "/access/users", userid=USER)
        made = self._ask("POST", f"/access/users/{USER}/token/{TOKEN}", privsep=0)
        self.secret: str = made["value"]
        self._ask("PUT", "/access/acl", path="/", users=USER, roles=ROLE)

    def _ask(self, method: str, address: str, /, **params: Any) -> Any:
        answer = self.lab.ask(method, address, params, headers=self._root)
        assert answer.status == 200, (address, answer.reason)
        return answer.data

    def allow(self, *privileges: str) -> None:
        self._ask("PUT", f"/access/roles/{ROLE}", privs=",".join(privileges))


@pytest.fixture(scope="module")
def foreign() -> Iterator[Foreign]:
    machine.start_redis()
    with running() as lab:
        yield Foreign(lab)


@pytest.fixture
def ca(foreign: Foreign, tmp_path: Path) -> str:
    file = tmp_path / "ca.pem"
    file.write_text(foreign.lab.ready["ca"])
    return str(file)


def everything() -> list[str]:
    return [need.privilege for need in NEEDS]


def add(
    foreign: Foreign, monkeypatch: pytest.MonkeyPatch, *options: str, secret: str | None = None
) -> str:
    monkeypatch.setenv("HAPANEL_TOKEN_SECRET", secret or foreign.secret)
    said = io.StringIO()
    call_command(
        "add_cluster",
        "foreign",
        "--url",
        foreign.url,
        "--token-id",
        TOKEN_ID,
        *options,
        stdout=said,
    )
    return said.getvalue()


pytestmark = pytest.mark.django_db


def test_with_every_privilege_it_may_operate_and_finds_the_other_node(
    foreign: Foreign, monkeypatch: pytest.MonkeyPatch, ca: str
) -> None:
    foreign.allow(*everything())
    said = add(foreign, monkeypatch, "--ca", ca)
    cluster = Cluster.objects.get()
    assert (cluster.mode, cluster.missing_privileges) == (Mode.OPERATE, [])
    assert {cluster.addresses[0], *cluster.found_addresses} == {
        node["url"] for node in foreign.lab.ready["nodes"]
    }
    assert unseal(cluster.encrypted_secret) == foreign.secret
    assert foreign.secret not in said
    assert not SealedSecret.objects.exists()


@pytest.mark.parametrize("privilege", [need.privilege for need in NEEDS])
def test_each_missing_privilege_is_named(
    foreign: Foreign, monkeypatch: pytest.MonkeyPatch, ca: str, privilege: str
) -> None:
    foreign.allow(*(each for each in everything() if each != privilege))
    need = next(need for need in NEEDS if need.privilege == privilege)
    if need.is_vital:
        with pytest.raises(CommandError, match=privilege):
            add(foreign, monkeypatch, "--ca", ca)
        assert not Cluster.objects.exists()
        return
    said = add(foreign, monkeypatch, "--ca", ca)
    assert f"{privilege}: {need.without}" in said
    cluster = Cluster.objects.get()
    assert cluster.missing_privileges == [privilege]
    assert cluster.mode == (Mode.WATCH if privilege == "VM.Migrate" else Mode.OPERATE)


def test_without_trust_it_names_the_fingerprint_and_sends_nothing(
    foreign: Foreign, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign.allow(*everything())
    with pytest.raises(CommandError) as ended:
        add(foreign, monkeypatch)
    assert ended.value.returncode == 2
    fingerprint = str(ended.value).rsplit("--fingerprint ", 1)[1].strip()
    assert not Cluster.objects.exists()
    add(foreign, monkeypatch, "--fingerprint", fingerprint)
    cluster = Cluster.objects.get()
    assert cluster.fingerprints[foreign.url] == fingerprint
    assert len(cluster.fingerprints) == len(foreign.lab.ready["nodes"])


@pytest.mark.parametrize(
    ("options", "secret", "code"),
    [
        (("--fingerprint", ":".join(["AB"] * 32)), None, "certificate-other-fingerprint"),
        (("--ca",), "not-the-secret", "token-wrong"),
        (("--fingerprint", "AB"), None, "invalid-fingerprint"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_recorded(
    foreign: Foreign,
    monkeypatch: pytest.MonkeyPatch,
    ca: str,
    options: tuple[str, ...],
    secret: str | None,
    code: str,
) -> None:
    given = ("--ca", ca) if options == ("--ca",) else options
    with pytest.raises(CommandError, match=code):
        add(foreign, monkeypatch, *given, secret=secret)
    assert not Cluster.objects.exists()
    assert not Operation.objects.filter(state=State.SUCCEEDED).exists()
    assert not SealedSecret.objects.exists()


def test_a_ca_file_that_is_none_is_told(
    foreign: Foreign, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match="ca-file-unreadable"):
        add(foreign, monkeypatch, "--ca", str(tmp_path / "none.pem"))
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    with pytest.raises(CommandError, match=r"certificate-not-from-ca|ca-unreadable"):
        add(foreign, monkeypatch, "--ca", str(wrong))


def test_the_same_cluster_is_not_added_twice(
    foreign: Foreign, monkeypatch: pytest.MonkeyPatch, ca: str
) -> None:
    foreign.allow(*everything())
    add(foreign, monkeypatch, "--ca", ca)
    with pytest.raises(CommandError, match="cluster-exists"):
        add(foreign, monkeypatch, "--ca", ca)
    assert Cluster.objects.count() == 1


def test_nothing_was_written_to_the_cluster(foreign: Foreign) -> None:
    """The lab's own record of writes by the panel's user: none, whatever was tried above."""
    tasks = foreign.lab.ask("GET", "/cluster/tasks").data
    assert [task for task in tasks if task["user"].startswith(USER)] == []
