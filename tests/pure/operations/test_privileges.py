"""What a token lacks, and what does not work without it."""

from __future__ import annotations

import pytest

from hapanel.operations.privileges import NEEDS, lacks, may_operate, missing, without

ALL = {need.privilege: True for need in NEEDS}


def names(rights: dict[str, dict[str, bool]]) -> list[str]:
    return [need.privilege for need in missing(rights)]


def test_everything_on_the_root_lacks_nothing() -> None:
    assert names({"/": ALL}) == []


@pytest.mark.parametrize("need", NEEDS, ids=lambda need: need.privilege)
def test_each_missing_privilege_is_named_with_what_fails_without_it(need: object) -> None:
    privilege = need.privilege  # type: ignore[attr-defined]
    rights = {"/": {name: True for name in ALL if name != privilege}}
    assert names(rights) == [privilege]
    assert without(privilege).endswith(".")


def test_a_right_that_is_not_propagated_does_not_reach_the_guests() -> None:
    assert "VM.Migrate" in names({"/": {**ALL, "VM.Migrate": False}})


def test_a_deeper_entry_replaces_what_is_inherited() -> None:
    assert not may_operate({"/": ALL, "/vms": {"VM.Audit": True}})


def test_an_auditor_may_watch_but_not_operate() -> None:
    auditor = {"/": {"Sys.Audit": True, "VM.Audit": True, "Datastore.Audit": True}}
    assert not any(need.to_watch for need in missing(auditor))
    assert not may_operate(auditor)


@pytest.mark.parametrize(
    ("rights", "lacking"),
    [
        ({}, True),
        ({"/": {"VM.Backup": True}}, False),
        ({"/": {"VM.Backup": False}}, True),
        ({"/vms": {"VM.Backup": True}}, False),
        ({"/": {"VM.Backup": True}, "/vms": {"VM.Audit": True}}, True),
        ({"/vms/101": {"VM.Backup": False}}, False),
    ],
)
def test_the_nearest_entry_above_a_guest_decides(
    rights: dict[str, dict[str, bool]], lacking: bool
) -> None:
    assert lacks(rights, "VM.Backup", "/vms/101") is lacking
