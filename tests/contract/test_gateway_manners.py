"""The gateway knows with whom it speaks, how much it asks, and what time it is over there."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from hapanel.gateways.proxmox import ProxmoxGateway
from hapanel.gateways.proxmox.traffic import Traffic
from hapanel.kernel.names import GuestType
from hapanel.ports.cluster_gateway import MOST_READS
from hapanel.ports.endpoint import Endpoint
from hapanel.ports.errors import OtherCluster, SignInRefused, Unreachable
from tests.contract.gateway_server import Authority, Behaviour, CrookedServer, Request, answer, ok
from tests.contract.test_gateway_under_fire import (
    QUICK,
    TO_SLAVE,
    TOKEN,
    UPID,
    VERSION,
    always,
    asking,
    failure_of,
    healthy,
)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def members(name: str | None, *nodes: str) -> Behaviour:
    """A node of the cluster `name`; None: a machine that never joined one."""
    rows: list[dict[str, Any]] = [{"type": "node", "name": node, "online": 1} for node in nodes]
    if name is not None:
        rows.append({"type": "cluster", "name": name, "quorate": 1})

    def behave(_tls: ssl.SSLSocket, request: Request) -> bytes:
        if request.path.endswith("/cluster/status"):
            return ok(rows)
        return ok(UPID) if request.method == "POST" else VERSION

    return behave


OURS = members("clusterubd", "master", "slave")
THEIRS = members("campus", "pve1", "pve2")


def known(authority: Authority, *servers: CrookedServer) -> ProxmoxGateway:
    endpoint = Endpoint(
        addresses=[server.url for server in servers],
        credentials=TOKEN,
        ca_pem=authority.pem,
        cluster_name="clusterubd",
    )
    return ProxmoxGateway(endpoint, timeouts=QUICK)


# With whom


def test_each_new_connection_is_looked_at_once(authority: Authority) -> None:
    with CrookedServer(authority, OURS) as server:
        gateway = known(authority, server)
        for _ in range(3):
            assert gateway.version() == "9.2.11"
        assert server.paths == ["/version", "/cluster/status", "/version", "/version"]


@pytest.mark.parametrize("strange", [THEIRS, members(None, "master"), members("campus", "master")])
def test_an_address_that_leads_to_another_cluster_is_passed_over(
    authority: Authority, strange: Behaviour
) -> None:
    with CrookedServer(authority, strange) as wrong, CrookedServer(authority, OURS) as right:
        gateway = known(authority, wrong, right)
        assert gateway.version() == "9.2.11"
        assert gateway.answered_by == right.url
        assert "which is not clusterubd" in gateway.addresses()[0].last_error


def test_when_every_address_leads_elsewhere_that_is_the_error(authority: Authority) -> None:
    with CrookedServer(authority, THEIRS) as wrong, CrookedServer(authority, OURS) as dead:
        dead.stop()
        error = failure_of(known(authority, dead, wrong))
        assert type(error) is OtherCluster
        assert "campus answers there" in error.reason


def test_no_write_reaches_another_cluster(authority: Authority) -> None:
    with CrookedServer(authority, THEIRS) as wrong:
        with pytest.raises(OtherCluster) as caught:
            known(authority, wrong).migrate("master", GuestType.QEMU, 100, TO_SLAVE)
        assert not caught.value.may_have_happened
        assert "POST" not in {request.method for request in wrong.requests}


def test_a_namesake_without_a_node_in_common_is_another_cluster(authority: Authority) -> None:
    with CrookedServer(authority, OURS) as server:
        gateway = known(authority, server)
        assert gateway.membership().cluster_name == "clusterubd"
        server.behave = members("clusterubd", "slave", "third")
        assert len(gateway.membership().nodes) == 2, "a node left and another one joined"
        server.behave = members("clusterubd", "pve1", "pve2")
        with pytest.raises(OtherCluster):
            gateway.membership()


def test_a_host_name_that_nobody_knows_any_more_is_said_in_words(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(*_args: object, **_more: object) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    endpoint = Endpoint(
        addresses=["https://pve1.example.org:8006"], credentials=TOKEN, ca_pem=authority.pem
    )
    error = failure_of(ProxmoxGateway(endpoint, timeouts=QUICK))
    assert (type(error), error.reason) == (Unreachable, "no such host name")


# How much


def test_no_more_calls_than_agreed_are_under_way_at_once(authority: Authority) -> None:
    guard, now, most = threading.Lock(), 0, 0

    def slow(_tls: ssl.SSLSocket, _request: Request) -> bytes:
        nonlocal now, most
        with guard:
            now += 1
            most = max(most, now)
        time.sleep(0.05)
        with guard:
            now -= 1
        return VERSION

    with asking(authority, slow) as (gateway, [server]), ThreadPoolExecutor(12) as threads:
        list(threads.map(lambda _: gateway.version(), range(24)))
        assert most == MOST_READS
        assert gateway.connections == MOST_READS == server.connections
        gateway.close()
        assert gateway.connections == 0


def test_whoever_waits_too_long_for_its_turn_has_sent_nothing() -> None:
    traffic = Traffic()
    with contextlib.ExitStack() as under_way:
        for _ in range(MOST_READS):
            under_way.enter_context(traffic.call("https://a", writes=False, seconds=1))
        with (
            pytest.raises(Unreachable, match="too many calls"),
            traffic.call("https://a", writes=False, seconds=0.05),
        ):
            pytest.fail("nobody gets here")
        with traffic.call("https://a", writes=True, seconds=0.05):
            assert traffic.calls == MOST_READS + 1, "a change does not wait behind reads"
    with traffic.call("https://a", writes=False, seconds=0.05):
        assert traffic.calls == MOST_READS + 2


def test_what_is_sent_again_is_counted(authority: Authority) -> None:
    with asking(authority, healthy, healthy) as (gateway, [first, _second]):
        gateway.version()
        assert gateway.retries == 0
        first.freeze()
        gateway.version()
        assert gateway.retries == 1


def test_a_refused_token_is_shown_again_less_and_less_often(authority: Authority) -> None:
    now = [0.0]
    refuse = always(answer(401, "Authentication failed!"))
    clock = lambda: now[0]  # noqa: E731
    with asking(authority, refuse, clock=clock) as (gateway, [server]):
        for _ in range(3600):
            assert isinstance(failure_of(gateway), SignInRefused)
            now[0] += 1.0
        assert len(server.requests) < 20


# What time


def test_the_clock_over_there_is_read_from_each_answer(authority: Authority) -> None:
    there = datetime.now(UTC) - timedelta(hours=3)

    def behind(_tls: ssl.SSLSocket, _request: Request) -> bytes:
        stamp = f"Date: {format_datetime(there, usegmt=True)}\r\nPragma:".encode()
        return VERSION.replace(b"Connection:", stamp + b" x\r\nConnection:")

    with asking(authority, behind) as (gateway, _):
        before = gateway.clock_offset
        gateway.version()
        after = gateway.clock_offset
        assert before is None
        assert after is not None
        assert abs(after + 3 * 3600) < 3


# From where


def test_a_preferred_address_is_asked_first_and_one_can_be_asked_alone(
    authority: Authority,
) -> None:
    with CrookedServer(authority, OURS) as first, CrookedServer(authority, OURS) as second:
        gateway = known(authority, first, second)
        gateway.prefer(second.url)
        gateway.version()
        assert gateway.answered_by == second.url
        gateway.prefer(None)
        gateway.version()
        assert gateway.answered_by == first.url
        second.freeze()
        with pytest.raises(Unreachable):
            gateway.view_from(second.url)
        assert gateway.answered_by == first.url
        with pytest.raises(ValueError, match="no address of this cluster"):
            gateway.view_from("https://192.0.2.1:8006")
