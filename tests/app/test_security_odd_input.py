"""Whatever is typed into an address or a form: a page answers, and never with a fault of ours."""

from __future__ import annotations

import pytest
from django.test import Client

from hapanel.accounts.visitors import permissions_of
from hapanel.helpdesk.target import refusal_of_url
from hapanel.operations.add_cluster import base_url
from nodes.models import Cluster

METADATA = [
    "169.254.169.254",
    "[::ffff:169.254.169.254]",
    "2852039166",
    "0xa9fea9fe",
    "169.254.43518",
]
ENDLESS = "9" * 5000  # more digits than Python reads


@pytest.mark.parametrize(
    "address",
    ["/operations/?page=", "/clusters/clusterubd/guests/?sort=cpu&page=", "/status/?service="],
)
@pytest.mark.parametrize("number", [ENDLESS, "9" * 20, "0", "-1", "²", "٣"])
def test_a_number_that_is_none_opens_the_page_all_the_same(
    as_ada: Client, clusterubd: Cluster, address: str, number: str
) -> None:
    assert as_ada.get(address + number).status_code == 200


@pytest.mark.parametrize("address", ["https://[bad", "http://[::1", "https://℀.com", "a:b", "["])
def test_an_address_that_cannot_be_read_is_refused_at_its_field(
    as_ada: Client, address: str
) -> None:
    wish = {"name": "x", "addresses": address, "token_id": "a@pve!b", "token_secret": "c"}
    assert as_ada.post("/settings/clusters/add/", wish).status_code == 422
    assert base_url(address) is None


@pytest.mark.parametrize("host", [*METADATA, "0", "[::]"])
def test_an_address_of_no_service_is_refused_however_it_is_written(host: str) -> None:
    refusal = refusal_of_url(f"http://{host}/")
    assert refusal is not None
    assert refusal.code == "service-url-address"


@pytest.mark.parametrize(
    "body", [r'{"mode": "\ud800"}', r'{"\ud800": 1}', r'{"cluster": "\udfff"}']
)
def test_half_a_character_is_refused_in_an_answer_that_can_be_sent(
    as_oda: Client, body: str
) -> None:
    answer = as_oda.post("/api/v1/migrations/", body, content_type="application/json")
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


def test_the_name_of_the_schemas_file_is_not_the_callers(client: Client) -> None:
    answer = client.get("/api/v1/schema/", {"version": "\0"})
    assert answer["Content-Disposition"].endswith('"HA Panel.json"')


@pytest.mark.parametrize("address", ["/search/?q=%00", "/clusters/a%00b/", "/audit/?action=a%00"])
def test_a_nul_in_an_address_is_a_bad_request(as_ada: Client, address: str) -> None:
    assert as_ada.get(address).status_code == 400


def test_a_nul_in_a_cookie_is_nobodys_session(client: Client, db: None) -> None:
    # As a header: newer Pythons let nobody put such a thing into a cookie jar.
    cookie = r'sessionid="\000aaaaaaaaaaaaaaaa"'
    assert client.get("/search/", headers={"Cookie": cookie}).status_code == 302
    assert client.get("/api/v1/vms/", headers={"Cookie": cookie}).status_code == 401
    assert permissions_of({"cookie": cookie}) is None
