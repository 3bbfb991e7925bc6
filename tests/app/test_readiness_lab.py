"""The paper's flaw and its cure, seen in the lab: the verdict turns by itself."""

from __future__ import annotations

import time

import pytest

from hapanel import wiring
from hapanel.accounts.vault import seal
from hapanel.ha.readiness.condition import Condition, Met
from hapanel.observe import memory
from hapanel.observe.round import observe
from hapanel.observe.slow_questions import want_slowly
from hapanel.operations.readiness import headline_of, readiness_of
from nodes.models import Cluster, Mode
from nodes.selectors import nodes_of
from tests.contract.lab_process import running

pytestmark = pytest.mark.django_db(transaction=True)
TURNS_WITHIN = 60


def _first(cluster: Cluster) -> Condition:
    with wiring.gateway_of(cluster) as gateway:
        assert observe(cluster, gateway)
    cluster.refresh_from_db()
    return readiness_of(cluster, nodes_of(cluster), {}).conditions[0]


def test_a_qdevice_turns_the_verdict(empty_redis: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_shelf", memory._Shelf())  # as in a new process
    with running("clusterubd", 20) as lab:
        cluster = Cluster.objects.create(
            name="clusterubd",
            pve_name="clusterubd",
            addresses=[lab.ready["nodes"][0]["url"]],
            ca_pem=lab.ready["ca"],
            token_id=lab.ready["token_id"],
            encrypted_secret=seal(lab.ready["token_secret"]),
            mode=Mode.OPERATE,
        )
        first = _first(cluster)
        assert (first.code, first.met) == ("quorum", Met.FAIL)
        assert first.cure is not None
        assert cluster.datacenter_options is not None
        assert cluster.ha_groups == []
        lab.ctl("qdevice", "on")
        until = time.monotonic() + TURNS_WITHIN
        while _first(cluster).code == "quorum":
            assert time.monotonic() < until
            want_slowly(cluster.pk, "qdevice")
            time.sleep(0.3)
        told = headline_of(cluster, nodes_of(cluster))
        assert told.title.sentence() == (
            "clusterubd works and would survive the loss of any one node."
        )
