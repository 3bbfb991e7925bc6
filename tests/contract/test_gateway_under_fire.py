"""The gateway against addresses that refuse, swallow, drip, cut and lie."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hapanel.gateways.proxmox import ProxmoxGateway, Timeouts, fetch_certificate, transport
from hapanel.kernel.names import GuestType, Upid
from hapanel.ports.cluster import MigrateOptions
from hapanel.ports.endpoint import Credentials, Endpoint
from hapanel.ports.errors import (
    BadRequest,
    CertificateMismatch,
    ClusterError,
    Garbage,
    GuestLocked,
    NodeUnreachable,
    NoSuchGuest,
    NotQuorate,
    PermissionMissing,
    ServerFault,
    SignInRefused,
    Unreachable,
)
from tests.contract.gateway_server import (
    TOKEN_ID,
    TOKEN_SECRET,
    Authority,
    Behaviour,
    CrookedServer,
    Request,
    answer,
    ok,
)

QUICK = Timeouts(connect=0.4, trial=0.3, look=1.0, proxied=2.0, write=2.0, pulse=0.3)
TOKEN = Credentials(token_id=TOKEN_ID, token_secret=TOKEN_SECRET)
UPID = "UPID:master:000001F1:0003115D:6B03DC78:qmigrate:100:panel@pve!hapanel:"
TO_SLAVE = MigrateOptions(target="slave", online=True)
VERSION = ok({"version": "9.2.11"})


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def always(raw: bytes) -> Behaviour:
    return lambda _tls, _request: raw


def healthy(_tls: ssl.SSLSocket, request: Request) -> bytes:
    """A small cluster as far as these tests ask."""
    if request.method == "POST":
        return ok(UPID)
    return VERSION if request.path.endswith("/version") else ok([])


@contextlib.contextmanager
def asking(
    authority: Authority, *behaviours: Behaviour, **wishes: Any
) -> Iterator[tuple[ProxmoxGateway, list[CrookedServer]]]:
    """A gateway with one server for each behaviour, in the order of preference."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(CrookedServer(authority, behave)) for behave in behaviours]
        endpoint = Endpoint(
            addresses=[server.url for server in servers],
            credentials=wishes.pop("credentials", TOKEN),
            ca_pem=authority.pem,
        )
        gateway = ProxmoxGateway(endpoint, timeouts=QUICK, **wishes)
        stack.callback(gateway.close)
        yield gateway, servers


def failure_of(gateway: ProxmoxGateway) -> ClusterError:
    with pytest.raises(ClusterError) as caught:
        gateway.version()
    return caught.value


def migrate(gateway: ProxmoxGateway) -> Any:
    return gateway.migrate("master", GuestType.QEMU, 100, TO_SLAVE)


def failed_write(gateway: ProxmoxGateway) -> ClusterError:
    with pytest.raises(ClusterError) as caught:
        migrate(gateway)
    return caught.value


# Reading


def test_reads_share_one_kept_connection(authority: Authority) -> None:
    with asking(authority, healthy) as (gateway, [server]):
        assert [gateway.version() for _ in range(5)] == ["9.2.11"] * 5
        assert (server.connections, gateway.calls) == (1, 5)
        assert gateway.answered_by == server.url


def test_a_kept_connection_that_was_closed_meanwhile_is_made_anew(authority: Authority) -> None:
    def once(tls: ssl.SSLSocket, _request: Request) -> None:
        tls.sendall(VERSION)

    with asking(authority, once) as (gateway, [server]):
        assert gateway.version() == "9.2.11"
        assert gateway.version() == "9.2.11"
        assert server.connections >= 2


def test_a_refused_address_hands_over_to_the_next(authority: Authority) -> None:
    with asking(authority, healthy, healthy) as (gateway, [first, second]):
        first.stop()
        assert gateway.version() == "9.2.11"
        assert gateway.answered_by == second.url


def test_a_black_hole_in_the_middle_of_a_request_hands_over(authority: Authority) -> None:
    with asking(authority, healthy, healthy) as (gateway, [first, second]):
        assert gateway.version() == "9.2.11"
        first.freeze()
        started = time.monotonic()
        assert gateway.version() == "9.2.11"
        assert time.monotonic() - started < QUICK.pulse + QUICK.connect + 0.5
        assert gateway.answered_by == second.url


def test_a_dead_address_is_left_alone_and_used_again_when_it_answers(
    authority: Authority,
) -> None:
    now = [0.0]
    with asking(authority, healthy, healthy, clock=lambda: now[0]) as (gateway, [first, second]):
        first.freeze()
        gateway.version()
        asked = first.connections
        gateway.version()
        assert first.connections == asked
        assert gateway.addresses()[0].failures == 1
        first.thaw()
        now[0] += 3.0
        gateway.version()
        assert gateway.answered_by == first.url
        assert gateway.addresses()[0].failures == 0
        assert second.requests


def test_a_frozen_address_is_tried_again_at_little_cost(authority: Authority) -> None:
    now = [0.0]
    clock = lambda: now[0]  # noqa: E731
    with asking(authority, silent, healthy, clock=clock) as (gateway, [first, second]):
        gateway.version()
        now[0] += 3.0
        began = time.monotonic()
        gateway.ha_rules()
        assert time.monotonic() - began < QUICK.trial + 0.3
        assert first.paths[-1] == "/version"
        assert second.paths[-1] == "/cluster/ha/rules"


def test_when_all_addresses_are_dead_the_error_names_each(authority: Authority) -> None:
    with asking(authority, healthy, healthy) as (gateway, servers):
        for server in servers:
            server.stop()
        error = failure_of(gateway)
        assert isinstance(error, Unreachable)
        assert all(f"{server.url}: connection refused" in error.reason for server in servers)


def test_an_endpoint_without_addresses_is_unreachable() -> None:
    gateway = ProxmoxGateway(Endpoint(addresses=[], credentials=TOKEN, ca_pem="x"))
    assert isinstance(failure_of(gateway), Unreachable)


def drip(tls: ssl.SSLSocket, _request: Request) -> None:
    with contextlib.suppress(OSError):
        for byte in VERSION:
            tls.sendall(bytes([byte]))
            time.sleep(0.05)


def stop_in_the_body(tls: ssl.SSLSocket, _request: Request) -> None:
    tls.sendall(VERSION[:-10])
    time.sleep(3)


def cut_in_the_body(tls: ssl.SSLSocket, _request: Request) -> None:
    tls.sendall(VERSION[:-10])


def reset(tls: ssl.SSLSocket, _request: Request) -> None:
    tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    socket.socket(fileno=tls.detach()).close()


def silent(_tls: ssl.SSLSocket, _request: Request) -> None:
    time.sleep(3)


@pytest.mark.parametrize("behave", [drip, stop_in_the_body, cut_in_the_body, reset, silent])
def test_half_an_answer_is_unreachable_within_the_time_for_all_of_it(
    authority: Authority, behave: Behaviour
) -> None:
    with asking(authority, behave) as (gateway, _):
        started = time.monotonic()
        error = failure_of(gateway)
        assert type(error) is Unreachable
        assert not error.may_have_happened
        assert time.monotonic() - started < 2 * QUICK.look + 0.5


@pytest.mark.parametrize("behave", [drip, stop_in_the_body, cut_in_the_body, reset, silent])
def test_half_an_answer_is_no_matter_where_another_address_answers(
    authority: Authority, behave: Behaviour
) -> None:
    with asking(authority, behave, healthy) as (gateway, [_, second]):
        assert gateway.version() == "9.2.11"
        assert gateway.answered_by == second.url


@pytest.mark.parametrize(
    "raw",
    [
        answer(200, "OK", "<html><h1>It works!</h1></html>"),
        answer(200, "OK", VERSION[-20:-5]),
        answer(200, "OK", b"\xff\xfe\x00"),
        answer(200, "OK", '{"version": "9.2.11"}'),
        answer(200, "OK", '{"data": ["9.2.11"]}'),
        answer(200, "OK", '{"data": {"version": 9}}'),
        answer(200, "OK", "[" * 100_000),
        answer(200, "OK"),
        answer(204, "No Content"),
        answer(301, "Moved Permanently"),
        answer(304, "Not Modified"),
        answer(502, "Bad Gateway", "<html>nginx</html>"),
        answer(404, "Not Found", "<html>Apache</html>"),
    ],
)
def test_what_is_none_of_proxmox_s_is_garbage(authority: Authority, raw: bytes) -> None:
    with asking(authority, always(raw)) as (gateway, _):
        error = failure_of(gateway)
        assert type(error) is Garbage
        assert len(error.reason) < 300


def test_a_redirect_is_not_followed(authority: Authority) -> None:
    with CrookedServer(authority, healthy) as elsewhere:
        moved = (
            b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n"
            + f"Location: {elsewhere.url}/api2/json/version\r\n\r\n".encode()
        )
        with asking(authority, always(moved)) as (gateway, _):
            assert isinstance(failure_of(gateway), Garbage)
        assert elsewhere.requests == []


def test_a_body_beyond_all_measure_is_cut_off(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "MAX_BODY", 1_000_000)
    with asking(authority, always(answer(200, "OK", b"[" + b" " * 20_000_000))) as (gateway, _):
        error = failure_of(gateway)
        assert isinstance(error, Garbage)
        assert "more than" in error.reason


def test_twenty_megabytes_of_an_unknown_key_are_digested(authority: Authority) -> None:
    raw = ok({"version": "9.2.11", "noise": "x" * 20_000_000})
    with asking(authority, always(raw)) as (gateway, _):
        assert gateway.version() == "9.2.11"


# What Proxmox says no to

NO_CONF = "Configuration file 'nodes/master/qemu-server/100.conf' does not exist"


def said(status: int, reason: str, **more: Any) -> bytes:
    return answer(status, reason, {"data": None, "message": f"{reason}\n", **more})


REFUSALS = [
    (answer(401, "Authentication failed!"), SignInRefused, False),
    (said(403, "Permission check failed (/vms/100, VM.Migrate)"), PermissionMissing, False),
    (said(400, "Parameter verification failed.", errors={"target": "no"}), BadRequest, False),
    (said(500, "cluster not ready - no quorum?"), NotQuorate, False),
    (said(500, "cfs-lock 'file-user_cfg' error: no quorum!"), NotQuorate, False),
    (said(500, "unable to open file '/etc/pve/x.tmp.5' - Permission denied"), NotQuorate, False),
    (said(500, "VM is locked (migrate)"), GuestLocked, False),
    (said(500, "CT is locked (backup)"), GuestLocked, False),
    (said(500, NO_CONF), NoSuchGuest, False),
    (said(501, "Method 'POST /x' not implemented"), ServerFault, False),
    (said(500, "can't migrate running VM without --online"), ServerFault, False),
    (answer(500, "got no worker upid"), ServerFault, True),
    (answer(595, "No route to host"), NodeUnreachable, False),
    (answer(596, "Connection timed out"), NodeUnreachable, True),
    (answer(599, "Too many redirections"), NodeUnreachable, True),
    (answer(502, "Bad Gateway", "<html>"), Garbage, True),
    (answer(301, "Moved"), Garbage, True),
    (ok("no upid at all"), Garbage, True),
    (ok(None), Garbage, True),
    (answer(200, "OK", "<html>"), Garbage, True),
]


@pytest.mark.parametrize(("raw", "kind", "may_have_happened"), REFUSALS)
def test_each_refusal_of_a_write_has_its_kind_and_says_whether_it_may_have_happened(
    authority: Authority, raw: bytes, kind: type[ClusterError], may_have_happened: bool
) -> None:
    with asking(authority, always(raw), healthy) as (gateway, [first, second]):
        error = failed_write(gateway)
        assert type(error) is kind
        assert error.may_have_happened is may_have_happened
        assert (len(first.requests), len(second.requests)) == (1, 0)


def test_a_missing_privilege_is_told_in_proxmox_s_own_words(authority: Authority) -> None:
    raw = said(403, "Permission check failed (/vms/100, VM.Migrate)")
    with asking(authority, always(raw)) as (gateway, _):
        error = failed_write(gateway)
        assert error.reason == "Permission check failed (/vms/100, VM.Migrate)"
        assert error.status == 403


def test_a_bad_parameter_is_named(authority: Authority) -> None:
    wrong = {"target": "invalid format - no node name\n"}
    raw = said(400, "Parameter verification failed.", errors=wrong)
    with asking(authority, always(raw)) as (gateway, _):
        reason = failed_write(gateway).reason
        assert reason == ("Parameter verification failed. target: invalid format - no node name")


def test_a_node_that_is_not_well_hands_cluster_questions_over(authority: Authority) -> None:
    raw = answer(500, "RPCEnvironment init request failed: Unable to load access control list")
    for broken in (raw, answer(595, "Connection refused")):
        with asking(authority, always(broken), healthy) as (gateway, [_, second]):
            assert gateway.version() == "9.2.11"
            assert gateway.answered_by == second.url


def test_a_dead_node_behind_a_living_one_is_told_as_such(authority: Authority) -> None:
    raw = answer(595, "No route to host")
    with asking(authority, always(raw), always(raw)) as (gateway, [_, second]):
        with pytest.raises(NodeUnreachable, match="No route to host"):
            gateway.guest_lock("slave", GuestType.QEMU, 100)
        assert second.requests == []


# Writing


def test_a_write_is_sent_over_a_fresh_connection(authority: Authority) -> None:
    with asking(authority, healthy) as (gateway, [server]):
        gateway.version()
        assert migrate(gateway).type == "qmigrate"
        assert server.connections == 2
        assert server.requests[-1].body == "target=slave&online=1"
        assert server.requests[-1].headers["connection"] == "close"


def test_a_write_goes_to_the_next_address_only_when_nothing_was_sent(
    authority: Authority,
) -> None:
    with asking(authority, healthy, healthy) as (gateway, [first, second]):
        first.stop()
        assert migrate(gateway).node == "master"
        assert len(second.requests) == 1


@pytest.mark.parametrize("behave", [drip, stop_in_the_body, cut_in_the_body, reset, silent])
def test_a_write_without_a_whole_answer_may_have_happened_and_is_not_repeated(
    authority: Authority, behave: Behaviour
) -> None:
    with asking(authority, behave, healthy) as (gateway, [first, second]):
        error = failed_write(gateway)
        assert isinstance(error, Unreachable)
        assert error.may_have_happened
        assert (len(first.requests), second.requests) == (1, [])


def test_a_machine_that_dies_during_a_write_is_noticed_by_its_missing_pulse(
    authority: Authority,
) -> None:
    with asking(authority, healthy, healthy) as (gateway, [first, second]):

        def die(_tls: ssl.SSLSocket, _request: Request) -> bytes:
            first.freeze()
            time.sleep(3)
            return VERSION

        first.behave = die
        started = time.monotonic()
        error = failed_write(gateway)
        assert error.may_have_happened
        assert "no sign of life" in error.reason
        assert time.monotonic() - started < 2.5 * QUICK.pulse + 2 * QUICK.connect + 0.5
        assert second.requests == []


def test_a_slow_write_is_waited_for_while_its_machine_lives(authority: Authority) -> None:
    def slow(_tls: ssl.SSLSocket, _request: Request) -> bytes:
        time.sleep(1.2)
        return ok(UPID)

    with asking(authority, slow) as (gateway, _):
        assert migrate(gateway).raw == UPID


def test_a_write_is_not_given_up_for_one_missing_sign_of_life(authority: Authority) -> None:
    with asking(authority, healthy) as (gateway, [server]):

        def busy(_tls: ssl.SSLSocket, _request: Request) -> bytes:
            server.freeze()
            time.sleep(QUICK.pulse + QUICK.connect + 0.1)
            server.thaw()
            time.sleep(QUICK.pulse)
            return ok(UPID)

        server.behave = busy
        assert migrate(gateway).raw == UPID


def test_the_task_id_is_encoded_in_the_path(authority: Authority) -> None:
    with asking(authority, always(ok(None))) as (gateway, [server]):
        gateway.stop_task(Upid.parse(UPID))
        assert server.requests[0].method == "DELETE"
        assert server.paths == [f"/nodes/master/tasks/{UPID.replace('!', '%21')}"]


# Trust


def test_without_a_ca_or_a_fingerprint_nothing_is_sent(authority: Authority) -> None:
    with CrookedServer(authority, healthy) as server:
        gateway = ProxmoxGateway(Endpoint(addresses=[server.url], credentials=TOKEN))
        assert isinstance(failure_of(gateway), CertificateMismatch)
        assert (server.connections, gateway.calls) == (0, 0)


@pytest.mark.parametrize("with_aki", [True, False])
def test_a_leaf_is_good_with_and_without_its_key_identifier(
    authority: Authority, with_aki: bool
) -> None:
    with CrookedServer(authority, healthy, with_aki=with_aki) as server:
        endpoint = Endpoint(addresses=[server.url], credentials=TOKEN, ca_pem=authority.pem)
        assert ProxmoxGateway(endpoint).version() == "9.2.11"


def test_the_environment_neither_weakens_nor_breaks_the_trust(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    stranger = Authority("Test CA")
    bundle = tmp_path / "bundle.pem"
    with CrookedServer(authority, healthy) as server:
        for pem, trusted in ((authority.pem, stranger.pem), (stranger.pem, authority.pem)):
            bundle.write_text(pem)
            for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
                monkeypatch.setenv(name, str(bundle))
            monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
            endpoint = Endpoint(addresses=[server.url], credentials=TOKEN, ca_pem=trusted)
            gateway = ProxmoxGateway(endpoint)
            if trusted == stranger.pem:
                assert isinstance(failure_of(gateway), CertificateMismatch)
            else:
                assert gateway.version() == "9.2.11"


def test_a_leaf_for_another_address_is_refused(authority: Authority) -> None:
    with CrookedServer(authority, healthy) as server:
        address = f"https://localhost:{server.port}"
        endpoint = Endpoint(addresses=[address], credentials=TOKEN, ca_pem=authority.pem)
        error = failure_of(ProxmoxGateway(endpoint))
        assert isinstance(error, CertificateMismatch)
        assert not error.may_have_happened
        assert server.requests == []


def test_a_pinned_leaf_is_trusted_and_another_one_never_sees_the_token(
    authority: Authority,
) -> None:
    with CrookedServer(authority, healthy) as server:
        seen = fetch_certificate(server.url)
        assert server.requests == []
        pinned = {server.url: seen.fingerprint}
        endpoint = Endpoint(addresses=[server.url], credentials=TOKEN, fingerprints=pinned)
        assert ProxmoxGateway(endpoint).version() == "9.2.11"
        sent = len(server.requests)
        wrong = {"*": "00:" * 31 + "00"}
        endpoint = Endpoint(addresses=[server.url], credentials=TOKEN, fingerprints=wrong)
        error = failure_of(ProxmoxGateway(endpoint))
        assert isinstance(error, CertificateMismatch)
        assert "another certificate" in error.reason
        assert len(server.requests) == sent


def test_a_changed_certificate_outranks_a_silent_address(authority: Authority) -> None:
    with (
        CrookedServer(authority, healthy) as silent_one,
        CrookedServer(Authority("Other CA"), healthy) as changed,
    ):
        silent_one.stop()
        endpoint = Endpoint(
            addresses=[silent_one.url, changed.url], credentials=TOKEN, ca_pem=authority.pem
        )
        assert isinstance(failure_of(ProxmoxGateway(endpoint)), CertificateMismatch)


def test_a_seen_certificate_says_whether_the_ca_signed_it(authority: Authority) -> None:
    with CrookedServer(authority, healthy) as server:
        assert fetch_certificate(server.url, ca_pem=authority.pem).matches_ca is True
        assert fetch_certificate(server.url, ca_pem=Authority().pem).matches_ca is False
        assert fetch_certificate(server.url).matches_ca is None
    with pytest.raises(Unreachable):
        fetch_certificate(server.url, timeout=0.3)


# Signing in


def test_a_refused_token_is_not_shown_again_and_again(authority: Authority) -> None:
    now = [0.0]
    raw = answer(401, "Authentication failed!")
    clock = lambda: now[0]  # noqa: E731
    with asking(authority, always(raw), healthy, clock=clock) as (gateway, [first, second]):
        for _ in range(10):
            assert isinstance(failure_of(gateway), SignInRefused)
        assert (len(first.requests), second.requests) == (1, [])
        now[0] += 5.0
        first.behave = healthy
        assert gateway.version() == "9.2.11"


TICKETS = Credentials(username="panel@pve", password="secret")


class TicketDoor:
    """Signs in and honours only the ticket it gave last."""

    def __init__(self) -> None:
        self.given = 0
        self.refuse_all = False

    def __call__(self, _tls: ssl.SSLSocket, request: Request) -> bytes:
        if request.path.endswith("/access/ticket"):
            self.given += 1
            ticket = f"PVE:panel@pve:{self.given:08X}::sig+/="
            return ok({"ticket": ticket, "CSRFPreventionToken": f"csrf{self.given}"})
        cookie = request.headers.get("cookie", "")
        if self.refuse_all or f"{self.given:08X}" not in cookie:
            return answer(401, "Authentication failed!")
        if request.method == "POST":
            good = request.headers.get("csrfpreventiontoken") == f"csrf{self.given}"
            return ok(UPID) if good else answer(401, "Permission denied - invalid csrf token")
        return VERSION


def test_a_ticket_is_fetched_once_and_used_for_all(authority: Authority) -> None:
    door = TicketDoor()
    with asking(authority, door, credentials=TICKETS) as (gateway, [server]):
        gateway.version()
        gateway.version()
        migrate(gateway)
        assert door.given == 1
        assert server.requests[0].body == "username=panel%40pve&password=secret"
        assert "authorization" not in server.requests[1].headers


def test_a_ticket_that_expired_is_renewed_once(authority: Authority) -> None:
    door = TicketDoor()
    with asking(authority, door, credentials=TICKETS) as (gateway, _):
        gateway.version()
        door.given += 1
        assert gateway.version() == "9.2.11"
        door.given += 1
        assert migrate(gateway).raw == UPID


def test_a_ticket_that_is_refused_again_and_again_ends_in_one_refusal(
    authority: Authority,
) -> None:
    door = TicketDoor()
    door.refuse_all = True
    with asking(authority, door, credentials=TICKETS) as (gateway, [server]):
        assert isinstance(failure_of(gateway), SignInRefused)
        assert len(server.requests) == 4


@pytest.mark.parametrize("behave", [silent, cut_in_the_body, always(answer(502, "Bad", "<html>"))])
def test_a_sign_in_that_fails_before_a_write_means_that_nothing_was_written(
    authority: Authority, behave: Behaviour
) -> None:
    with asking(authority, behave, credentials=TICKETS) as (gateway, [server]):
        assert not failed_write(gateway).may_have_happened
        assert server.paths == ["/access/ticket"]


def test_a_second_factor_points_to_a_token(authority: Authority) -> None:
    raw = ok({"ticket": "PVE:!tfa!x", "CSRFPreventionToken": "c", "NeedTFA": 1})
    with asking(authority, always(raw), credentials=TICKETS) as (gateway, _):
        assert "API token" in failure_of(gateway).reason


@pytest.mark.parametrize(
    "credentials",
    [Credentials(), Credentials(token_id="panel@pve", token_secret="x")],
)
def test_incomplete_credentials_are_refused_before_anything_is_sent(
    authority: Authority, credentials: Credentials
) -> None:
    with asking(authority, healthy, credentials=credentials) as (gateway, [server]):
        assert isinstance(failure_of(gateway), SignInRefused)
        assert server.connections == 0


def test_no_secret_reaches_a_log_or_an_error(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("proxmoxer", "proxmoxer.core", "urllib3", "requests"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    with asking(authority, TicketDoor(), credentials=TICKETS) as (gateway, _):
        gateway.version()
        migrate(gateway)
    with asking(authority, always(answer(401, "no"))) as (gateway, _):
        error = failure_of(gateway)
    told = caplog.text + repr(error) + str(error) + repr(TOKEN) + repr(TICKETS)
    for secret in ("secret", TOKEN_SECRET, "PVE:panel", "csrf1", "target"):
        assert secret not in told.replace("secret hidden", "")


# Threads


def test_threads_share_a_gateway_its_connections_and_its_ticket(authority: Authority) -> None:
    door = TicketDoor()
    with (
        asking(authority, door, credentials=TICKETS) as (gateway, [server]),
        ThreadPoolExecutor(8) as threads,
    ):
        answers = list(threads.map(lambda _: gateway.version(), range(80)))
        assert answers == ["9.2.11"] * 80
        assert gateway.calls == len(server.requests) == 81
        assert door.given == 1
        assert server.connections <= 9


def test_a_gateway_that_is_closed_under_way_opens_again(authority: Authority) -> None:
    with asking(authority, healthy) as (gateway, _):
        gateway.version()
        gateway.close()
        assert gateway.version() == "9.2.11"


def test_a_node_is_asked_about_itself_once_its_address_is_known(authority: Authority) -> None:
    def slave(_tls: ssl.SSLSocket, request: Request) -> bytes:
        rows = [
            {"type": "node", "name": "master", "online": 1},
            {"type": "node", "name": "slave", "online": 1, "local": 1},
        ]
        return ok(rows) if request.path.endswith("/cluster/status") else ok({"lock": "migrate"})

    with asking(authority, healthy, slave) as (gateway, [first, second]):
        first.freeze()
        assert gateway.membership().local_node == "slave"
        first.thaw()
        assert gateway.guest_lock("slave", GuestType.QEMU, 100) == "migrate"
        assert second.paths[-1] == "/nodes/slave/qemu/100/status/current"
