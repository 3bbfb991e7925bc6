"""Whatever is typed into an address or a form: a page answers, and never with a fault of ours."""

from __future__ import annotations

import pytest
from django.test import Client

from hapanel.operations.add_cluster import base_url
from nodes.models import Cluster

ENDLESS = "9" * 5000  # more digits than Python reads


@pytest.mark.parametrize(
    "address",
    ["/operations/?page=", "/clusters/clusterubd/guests/?sort=cpu&page=", "/status/?service="],
)
@pytest.mark.parametrize("number", [ENDLESS, "9" * 20, "0", "-1", "²", "٣", "\x00"])
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
