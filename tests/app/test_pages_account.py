"""Signing in, one's own account, people, and adding a cluster through the pages."""

from __future__ import annotations

from django.test import Client

from hapanel.accounts.models import ApiToken, User
from hapanel.operations.add_cluster_outcomes import NOT_CONFIRMED
from hapanel.operations.models import Kind, Operation, State
from nodes.models import Cluster


def test_a_wrong_password_is_told_without_telling_which_half(client: Client, oda: User) -> None:
    text = client.post("/sign-in/", {"username": "oda", "password": "no"}).content.decode()
    assert "Name and password do not belong together" in text


def test_oda_signs_in_and_out(client: Client, oda: User, clusterubd: Cluster) -> None:
    answer = client.post("/sign-in/", {"username": "oda", "password": "demo"}, follow=True)
    assert answer.status_code == 200
    assert answer.redirect_chain[-1][0] == "/clusters/clusterubd/"
    assert client.post("/sign-out/")["Location"] == "/sign-in/"


def test_a_token_is_shown_once(as_hal: Client, hal: User) -> None:
    text = as_hal.post("/account/tokens/", {"name": "night script"}).content.decode()
    assert "hap_" in text
    again = as_hal.get("/account/").content.decode()
    assert "night script" in again
    assert 'id="token-secret"' not in again


def test_a_token_is_revoked_by_its_owner_only(as_hal: Client, hal: User, oda: User) -> None:
    mine, _ = ApiToken.issue(hal, "mine")
    theirs, _ = ApiToken.issue(oda, "theirs")
    as_hal.post(f"/account/tokens/{mine.pk}/revoke/")
    assert as_hal.post(f"/account/tokens/{theirs.pk}/revoke/").status_code == 404
    assert list(ApiToken.objects.values_list("name", flat=True)) == ["theirs"]


def test_a_name_that_is_taken_is_refused_at_the_field(as_hal: Client, hal: User) -> None:
    ApiToken.issue(hal, "mine")
    answer = as_hal.post("/account/tokens/", {"name": "mine"})
    assert answer.status_code == 422
    assert "You already have a token with the name mine." in answer.content.decode()


def test_the_password_changes_when_the_old_one_is_right(as_oda: Client, oda: User) -> None:
    refused = as_oda.post("/account/password/", {"old": "wrong", "new": "four words of mine"})
    assert refused.status_code == 422
    as_oda.post("/account/password/", {"old": "demo", "new": "four words of mine"})
    oda.refresh_from_db()
    assert oda.check_password("four words of mine")
    assert as_oda.get("/account/").status_code == 200


def test_ada_gives_somebody_another_role(as_ada: Client, hal: User) -> None:
    as_ada.post(f"/settings/people/{hal.pk}/", {"do": "role", "role": "operator"})
    assert User.objects.get(pk=hal.pk).role == "operator"


def test_the_last_administrator_stays_one(as_ada: Client, ada: User) -> None:
    answer = as_ada.post(f"/settings/people/{ada.pk}/", {"do": "deactivate"}, follow=True)
    assert "the only administrator" in answer.content.decode()
    assert User.objects.get(pk=ada.pk).is_active


def test_oda_reads_the_list_of_people_and_changes_nothing(as_oda: Client, hal: User) -> None:
    text = as_oda.get("/settings/people/").content.decode()
    assert "Only administrators change accounts" in text
    assert as_oda.post(f"/settings/people/{hal.pk}/", {"do": "deactivate"}).status_code == 403


def test_ada_adds_a_cluster_and_follows_the_try(as_ada: Client) -> None:
    told = {
        "name": "campus", "addresses": "https://127.0.9.20:8006", "token_id": "panel@pve!operate",
        "token_secret": "not-shown-again",
    }  # fmt: skip
    answer = as_ada.post("/settings/clusters/add/", told)
    operation = Operation.objects.get(kind=Kind.ADD_CLUSTER)
    assert answer["Location"] == f"/operations/{operation.pk}/?follow=1"
    assert "not-shown-again" not in as_ada.get(answer["Location"]).content.decode()


def test_a_wrong_address_is_refused_at_its_field(as_ada: Client) -> None:
    told = {"name": "x", "addresses": "ftp://a", "token_id": "panel@pve!o", "token_secret": "s"}
    answer = as_ada.post("/settings/clusters/add/", told)
    assert answer.status_code == 422
    assert "ftp://a is no address of a Proxmox VE node." in answer.content.decode()


def test_a_cluster_is_removed_by_typing_its_name(as_ada: Client, clusterubd: Cluster) -> None:
    path = "/settings/clusters/clusterubd/remove/"
    as_ada.post(path, {"name": "cluster"})
    assert Cluster.objects.exists()
    as_ada.post(path, {"name": "clusterubd"})
    assert not Cluster.objects.exists()


def test_missing_privileges_are_named_with_what_they_cost(
    as_oda: Client, clusterubd: Cluster
) -> None:
    Cluster.objects.update(missing_privileges=["VM.Migrate"])
    text = as_oda.get("/settings/clusters/clusterubd/").content.decode()
    assert "VM.Migrate is missing" in text
    assert "Guests cannot be migrated." in text


def test_ada_reaches_a_cluster_differently_after_a_try(as_ada: Client, clusterubd: Cluster) -> None:
    path = "/settings/clusters/clusterubd/change/"
    empty = as_ada.post(path, {})
    assert empty.status_code == 422
    assert "Nothing that can be changed was given." in empty.content.decode()
    answer = as_ada.post(path, {"addresses": "https://127.0.42.21:8006"})
    operation = Operation.objects.get(kind=Kind.CHANGE_CLUSTER)
    assert answer["Location"] == f"/operations/{operation.pk}/"
    assert as_ada.get(answer["Location"]).status_code == 200


def test_an_unconfirmed_certificate_is_shown_to_compare_and_taken_along(as_ada: Client) -> None:
    seen = ":".join(["5E"] * 32)
    outcome = NOT_CONFIRMED(address="https://127.0.9.20:8006", seen=seen).as_record()
    tried = Operation.objects.create(
        kind=Kind.ADD_CLUSTER, state=State.FAILED, subject="campus", outcome=outcome,
        params={"name": "campus", "addresses": ["https://127.0.9.20:8006"], "token_id": "a@pve!b"},
    )  # fmt: skip
    text = as_ada.get(f"/operations/{tried.pk}/").content.decode()
    assert seen in text
    assert "I compared it: it is the same" in text
    form = as_ada.get(f"/settings/clusters/add/?from={tried.pk}").content.decode()
    assert f'value="{seen}"' in form
    assert "https://127.0.9.20:8006" in form


def test_who_follows_the_try_ends_on_the_overview(as_ada: Client, clusterubd: Cluster) -> None:
    added = Operation.objects.create(
        kind=Kind.ADD_CLUSTER, state=State.SUCCEEDED, subject="clusterubd"
    )
    path = f"/operations/{added.pk}/"
    assert as_ada.get(path).status_code == 200
    assert as_ada.get(f"{path}?follow=1")["Location"] == "/clusters/clusterubd/"
    part = as_ada.get(f"{path}?follow=1", headers={"HX-Request": "true"})
    assert part["HX-Redirect"] == "/clusters/clusterubd/"


def test_a_button_or_role_that_does_not_exist_is_not_called_saved(
    as_ada: Client, hal: User
) -> None:
    address = f"/settings/people/{hal.pk}/"
    assert as_ada.post(address, {"do": "role", "role": "root"}).status_code == 400
    assert as_ada.post(address, {"do": "promote"}).status_code == 400
    assert User.objects.get(pk=hal.pk).role == "helpdesk"
