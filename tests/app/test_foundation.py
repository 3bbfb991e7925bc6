"""What the database itself guarantees, whatever the code above it does."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from hapanel.accounts.models import ApiToken, User
from hapanel.accounts.vault import seal, unseal
from hapanel.operations.models import Kind, Operation, State
from nodes.models import Cluster


def test_a_guest_has_at_most_one_open_operation(clusterubd: Cluster) -> None:
    Operation.objects.create(kind=Kind.MIGRATE, cluster=clusterubd, vmid=100, state=State.RUNNING)
    with pytest.raises(IntegrityError), transaction.atomic():
        Operation.objects.create(kind=Kind.MIGRATE, cluster=clusterubd, vmid=100)
    ended = Operation.objects.create(
        kind=Kind.MIGRATE, cluster=clusterubd, vmid=101, state=State.FAILED
    )
    Operation.objects.create(kind=Kind.MIGRATE, cluster=clusterubd, vmid=101)
    assert ended.pk


def test_an_api_token_is_kept_as_a_digest_only(oda: User) -> None:
    token, secret = ApiToken.issue(oda, "nightly")
    row = ApiToken.objects.filter(pk=token.pk).values().get()
    assert secret not in str(row)
    assert token.digest == ApiToken.digest_of(secret)


def test_a_sealed_secret_opens_again_and_shows_nothing() -> None:
    sealed = seal("5d1c-secret")
    assert "secret" not in sealed
    assert unseal(sealed) == "5d1c-secret"
