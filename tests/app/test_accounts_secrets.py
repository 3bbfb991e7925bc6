"""Secrets are in no page, no API answer, no log line and no audit entry."""

from __future__ import annotations

import logging

import pytest
from django.core import serializers
from django.test import Client
from django.urls import reverse

from hapanel.accounts.models import ApiToken, User
from hapanel.accounts.vault import seal
from hapanel.audit.models import Entry
from hapanel.operations.models import Operation, SealedSecret
from hapanel.operations.wishes import NewCluster
from nodes.models import Cluster
from tests.app.test_access_doors import address, guarded

SECRET = "f2a1c9d4-0b1e-4b5a-9f8e-5ec2e75ec2e7"
CA = "-----BEGIN CERTIFICATE-----\nTm90IGEgc2VjcmV0\n-----END CERTIFICATE-----\n"
NEW = {
    "name": "campus",
    "addresses": ["https://127.0.107.99:8006"],
    "token_id": "panel@pve!hapanel",
    "token_secret": SECRET,
    "fingerprint": ":".join(["AB"] * 32),
}


def test_a_clusters_secret_is_on_no_page_and_in_no_answer(
    as_ada: Client, ada: User, clusterubd: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    clusterubd.encrypted_secret = seal(SECRET)
    clusterubd.save()
    bearer = ApiToken.issue(ada, "script")[1]
    for pattern in guarded():
        text = as_ada.get(address(pattern)).content.decode()
        assert SECRET not in text, pattern
        assert clusterubd.encrypted_secret not in text, pattern
        assert bearer not in text, pattern
    assert SECRET not in caplog.text


def test_a_secret_on_its_way_is_sealed_and_told_to_nobody(
    as_ada: Client, db: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = as_ada.post("/api/v1/clusters/", NEW, content_type="application/json")
    assert answer.status_code == 202, answer.content
    assert SealedSecret.objects.count() == 1
    everything = [*Operation.objects.all(), *SealedSecret.objects.all(), *Entry.objects.all()]
    assert SECRET not in serializers.serialize("json", everything)
    assert SECRET not in answer.content.decode()
    assert SECRET not in as_ada.get(answer["Location"]).content.decode()
    assert SECRET not in caplog.text


def test_a_refused_wish_does_not_repeat_its_secret(as_ada: Client, db: None) -> None:
    for change in ({"name": "?"}, {"token_id": SECRET[:3]}, {"token_secret": [SECRET]}, {"x": 1}):
        answer = as_ada.post("/api/v1/clusters/", {**NEW, **change}, "application/json")
        assert answer.status_code in {400, 422}
        assert SECRET not in answer.content.decode()


def test_a_wish_does_not_show_its_secret_when_it_is_printed() -> None:
    wish = NewCluster("campus", ("https://x",), "panel@pve!x", SECRET, CA)
    assert SECRET not in repr(wish)


def test_the_sign_in_page_never_repeats_a_password(client: Client, oda: User) -> None:
    answer = client.post(reverse("sign-in"), {"username": "oda", "password": SECRET})
    assert SECRET not in answer.content.decode()
