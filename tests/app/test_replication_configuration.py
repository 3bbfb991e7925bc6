"""What is compared between two nodes and never kept: secrets; and addresses with interfaces."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core import serializers
from django.test import Client
from django.utils import timezone

from hapanel.accounts.vault import seal
from hapanel.gateways.proxmox.decode_network import INET
from hapanel.live.stream import connection
from hapanel.observe import replication_desk
from hapanel.observe.journal import Journal
from hapanel.observe.replication_desk import RecordedReplication
from hapanel.observe.slow_questions import QUESTIONS
from hapanel.ports.node_shell import ConfigurationFile
from hapanel.ports.replication import NodeStatus
from nodes.models import Cluster, DrbdNode, Node, SshAccess
from tests.app.cluster_double import ClusterDouble

SECRET, OTHER = "k7Qm-v2Xp.9sRt/4bWz", "another-Secret-77-of-the-peer"
GOOD = f"""resource rs {{
  net {{ cram-hmac-alg sha256; shared-secret "{SECRET}"; protocol C; verify-alg crc32c; }}
  disk {{ c-max-rate 60M; }}
  on master {{ device /dev/drbd0; disk /dev/vg0/rs; address 10.0.7.1:7788; meta-disk internal; }}
  on slave {{ device /dev/drbd0; disk /dev/vg0/rs; address 10.0.7.2:7788; meta-disk internal; }}
}}
"""
ADDRESS = "/api/v1/drbd-resources/clusterubd/rs/configuration/"


@pytest.fixture
def watched(clusterubd: Cluster, monkeypatch: pytest.MonkeyPatch, empty_redis: None) -> Cluster:
    """The paper's cluster, reached over ssh."""
    monkeypatch.setattr(replication_desk, "close_old_connections", lambda: None)
    SshAccess.objects.create(cluster=clusterubd, user="hapanel", encrypted_key=seal("a key"))
    return clusterubd


def configure(cluster: Cluster, **texts: str) -> None:
    for node, text in texts.items():
        RecordedReplication().saw(cluster.pk, node, NodeStatus())
        files = (
            ConfigurationFile(path="/etc/drbd.conf", text='include "drbd.d/*.res";\n'),
            ConfigurationFile(path="/etc/drbd.d/rs.res", text=text),
        )
        RecordedReplication().read_files(cluster.pk, node, files)


def findings(client: Client) -> set[tuple[str, str, int]]:
    answer = client.get(ADDRESS)
    assert answer.status_code == 200
    return {(one["code"], one["node"], one["line"]) for one in answer.json()["findings"]}


def page(client: Client) -> str:
    return client.get("/clusters/clusterubd/replication/rs/").content.decode()


def test_secrets_that_differ_are_found_although_neither_is_kept(
    watched: Cluster, as_oda: Client
) -> None:
    configure(watched, master=GOOD, slave=GOOD)
    assert findings(as_oda) == set()
    configure(watched, slave=GOOD.replace(SECRET, OTHER))
    assert findings(as_oda) == {("secrets-differ", "master", 2)}
    assert "The shared secret of rs differs from that at slave:/etc/drbd.d/rs.res:2" in page(as_oda)
    assert "Write the same shared-secret on both nodes" in page(as_oda)


def test_secrets_that_nobody_asks_for_and_digests_by_two_keys_say_nothing(
    watched: Cluster, as_oda: Client
) -> None:
    unasked = GOOD.replace("cram-hmac-alg sha256; ", "")
    configure(watched, master=unasked, slave=unasked.replace(SECRET, OTHER))
    assert ("secrets-differ", "master", 2) not in findings(as_oda)
    configure(watched, master=GOOD, slave=GOOD)
    row = DrbdNode.objects.get(node="slave")
    row.secrets["rs"]["digest"] = "of-another-key:" + "0" * 64
    row.save()
    assert findings(as_oda) == set()


def unkeyed(secret: str) -> Iterator[str]:
    """What somebody without the panel's keys could compute, to try guesses with."""
    for name in ("md5", "sha1", "sha256", "sha512", "blake2b", "sha3_256"):
        for body in (secret, f"{secret}\n", f'"{secret}"', f"rs{secret}", f"rs\0{secret}"):
            for made in (
                hashlib.new(name, body.encode()).digest(),
                hmac.new(b"", body.encode(), name).digest(),
                hmac.new(b"rs", body.encode(), name).digest(),
            ):
                yield from (made.hex(), base64.b64encode(made).decode()[:40])


def test_no_secret_and_no_digest_that_others_can_make_is_kept_logged_or_shown(
    watched: Cluster, as_ada: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    configure(watched, master=GOOD, slave=GOOD.replace(SECRET, OTHER))
    kept = serializers.serialize("json", DrbdNode.objects.all())
    redis: Any = connection()
    stored = b"".join(key + (redis.dump(key) or b"") for key in redis.keys("*"))
    api = [as_ada.get(at).content.decode() for at in (ADDRESS, "/api/v1/drbd-resources/")]
    shown = "".join([page(as_ada), *api])
    everywhere = kept + stored.decode("latin-1") + shown + caplog.text
    for secret in (SECRET, OTHER):
        assert secret not in everywhere
        assert not [made for made in unkeyed(secret) if made in everywhere]
    digests = [
        row.secrets["rs"]["digest"].partition(":")[2] for row in DrbdNode.objects.order_by("node")
    ]
    assert len(set(digests)) == 2
    assert not [one for one in digests if one in shown + caplog.text], "digests are for comparing"
    other = Cluster.objects.create(name="other", addresses=["https://192.0.2.99:8006"])
    configure(other, master=GOOD)
    elsewhere = DrbdNode.objects.get(cluster=other).secrets["rs"]["digest"]
    assert elsewhere.partition(":")[2] not in digests, "one secret in two clusters looks like two"


def read_interfaces(cluster: Cluster, double: ClusterDouble) -> None:
    [question] = [one for one in QUESTIONS if one.name == "interfaces"]
    question.run(cluster, double, Journal())  # type: ignore[arg-type]


@pytest.fixture
def double(watched: Cluster) -> ClusterDouble:
    Node.objects.filter(cluster=watched).update(status="online")
    return ClusterDouble()


def test_an_address_on_no_interface_is_found_and_a_subnet_for_replication_is_right(
    watched: Cluster, double: ClusterDouble, as_oda: Client
) -> None:
    read_interfaces(watched, double)
    configure(watched, master=GOOD, slave=GOOD)
    assert findings(as_oda) == set()
    shown = page(as_oda)
    assert "Addresses are compared with the interfaces of slave, read" in shown
    double.interfaces["slave"] = ("192.0.2.21",)
    read_interfaces(watched, double)
    configure(watched, master=GOOD, slave=GOOD)
    assert findings(as_oda) == {
        ("address-not-on-node", "master", 5),
        ("address-not-on-node", "slave", 5),
    }
    assert "No interface of slave has the address 10.0.7.2" in page(as_oda)


def test_what_is_not_known_of_interfaces_is_said_and_judges_nothing(
    watched: Cluster, double: ClusterDouble, as_oda: Client
) -> None:
    wrong = GOOD.replace("10.0.7.2", "10.0.8.2")
    configure(watched, master=wrong, slave=wrong)
    assert findings(as_oda) == set()
    assert "The addresses of slave are not known" in page(as_oda)
    read_interfaces(watched, double)
    Node.objects.filter(name="slave").update(interfaces_at=timezone.now() - timedelta(days=1))
    configure(watched, master=wrong, slave=wrong)
    assert findings(as_oda) == set()
    told = {one["node"]: one for one in as_oda.get(ADDRESS).json()["interfaces"]}
    assert told["master"]["is_known"]
    assert not told["slave"]["is_known"]
    Node.objects.filter(name="slave").update(
        interfaces_at=timezone.now(),
        interfaces={"addresses": ["192.0.2.21"], "open_families": [INET]},
    )
    configure(watched, master=wrong, slave=wrong)
    assert findings(as_oda) == set()
    assert "slave may get more of them when it boots (inet)" in page(as_oda)


def test_interfaces_are_asked_for_only_where_they_are_compared(
    watched: Cluster, double: ClusterDouble
) -> None:
    SshAccess.objects.update(is_on=False)
    read_interfaces(watched, double)
    assert double.asked == []
    assert json.dumps(list(Node.objects.values_list("interfaces", flat=True))) == "[null, null]"


def test_an_unknown_resource_has_no_configuration(watched: Cluster, as_oda: Client) -> None:
    assert as_oda.get(ADDRESS).status_code == 404
    assert Client().get(ADDRESS).status_code == 401
