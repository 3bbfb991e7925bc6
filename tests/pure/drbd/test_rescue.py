"""Guests on both sides: what becomes of the loser's, in which order, and what stands against it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hapanel.drbd.recovery import Act, RecoveryStep, steps_of, with_guests
from hapanel.drbd.rescue import (
    BackupStorage,
    GuestNow,
    Rescue,
    RescuedGuest,
    guest_steps,
    rescue_of,
    shows,
    start,
    stop,
)
from hapanel.kernel.names import GuestType
from tests.pure.drbd.stage import joined, split

WEB = RescuedGuest(7, "web", GuestType.QEMU, running=True, size=40)
SHOP = RescuedGuest(
    101,
    "shop",
    GuestType.LXC,
    running=True,
    requested="started",
    size=32,
    restore_to="vg_drbd",
)
LOCAL = BackupStorage("local", shared=False, free=100)
NAS = BackupStorage("nas", shared=True, free=1000)


def rescued(
    *guests: RescuedGuest,
    storages: tuple[BackupStorage, ...] = (LOCAL, NAS),
    copy_to: str = "",
    is_dual: bool | None = True,
) -> Rescue:
    return rescue_of(
        guests,
        storages,
        resource="rs",
        victim="slave",
        survivor="master",
        is_dual=is_dual,
        copy_to=copy_to,
    )


def lines(found: Rescue) -> list[str]:
    groups = ("vg_drbd",)
    steps = steps_of(joined(*split()), "slave", "master", groups=groups, active=groups)
    steps = with_guests(steps, guest_steps(found, "slave", "master"))
    return [f"{step.node}: {step.line or step.act.value}" for step in steps]


GIVING_UP = [
    "slave: vgchange -an vg_drbd",
    "slave: drbdadm secondary rs",
    "slave: drbdadm connect --discard-my-data rs",
    "master: drbdadm connect rs",
]
AS_BEFORE = [
    "slave: sync",
    "slave: drbdadm primary rs",
    "slave: vgchange -ay vg_drbd",
]


def test_a_shared_copy_is_restored_on_the_survivor_while_the_resync_runs() -> None:
    assert lines(rescued(SHOP, WEB)) == [
        "slave: ha-manager set ct:101 --state stopped",
        "slave: vzdump 101 --storage nas --mode stop --compress zstd",
        "slave: qm shutdown 7 --timeout 180 --forceStop 1",
        "slave: vzdump 7 --storage nas --mode stop --compress zstd",
        *GIVING_UP,
        "slave: ha-manager migrate ct:101 master",
        "master: pct restore 101 ARCHIVE --storage vg_drbd --force 1",
        "master: ha-manager set ct:101 --state started",
        "slave: qm migrate 7 master",
        "master: qmrestore ARCHIVE 7 --force 1",
        "master: qm start 7",
        *AS_BEFORE,
    ]


def test_a_copy_on_the_node_alone_is_restored_there_once_both_are_the_same() -> None:
    found = rescued(WEB, copy_to="local")
    assert lines(found)[-5:] == [
        *AS_BEFORE,
        "slave: qmrestore ARCHIVE 7 --force 1",
        "slave: qm start 7",
    ]
    assert (found.refusals, found.coming_back()) == ((), (WEB,))


def test_what_ha_would_draw_back_is_started_only_when_the_victim_is_whole() -> None:
    told = lines(rescued(replace(SHOP, is_drawn=True)))
    assert told[-1] == "master: ha-manager set ct:101 --state started"
    assert told.index("slave: sync") > told.index(
        "master: pct restore 101 ARCHIVE --storage vg_drbd --force 1"
    )


def test_one_that_is_tied_to_its_node_stays_there_even_with_a_shared_copy() -> None:
    found = rescued(replace(WEB, is_bound=True), SHOP)
    assert [guest.vmid for guest in found.coming_back()] == [7]
    assert [guest.vmid for guest in found.going_over()] == [101]


def test_one_that_did_not_run_is_copied_and_restored_and_not_started() -> None:
    off = replace(WEB, running=False)
    told = lines(rescued(off))
    assert not any("shutdown" in line or "start" in line for line in told)
    assert "master: qmrestore ARCHIVE 7 --force 1" in told


def test_the_storage_with_most_room_is_taken_unless_another_is_named() -> None:
    assert [one.storage for one in rescued(WEB).choices] == ["nas", "local"]
    assert rescued(WEB).storage == "nas"
    assert rescued(WEB, copy_to="local").storage == "local"


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (rescued(WEB, storages=()), "rescue-no-storage"),
        (rescued(WEB, copy_to="vg_drbd"), "rescue-storage-unknown"),
        (rescued(replace(WEB, size=101), copy_to="local"), "rescue-no-room"),
        (rescued(WEB, copy_to="local", is_dual=False), "rescue-no-way-back"),
        (rescued(replace(WEB, is_bound=True), is_dual=None), "rescue-no-way-back"),
        (rescued(replace(WEB, lock="backup")), "rescue-guest-locked"),
    ],
)
def test_what_stands_against_it_is_said_before_anything_stops(found: Rescue, code: str) -> None:
    assert [one.code for one in found.refusals] == [code]
    assert found.refusals[0].because()
    assert found.refusals[0].remedy()


def test_sizes_that_nobody_knows_refuse_nothing() -> None:
    found = rescued(WEB, replace(SHOP, size=None))
    assert (found.needed, found.refusals) == (None, ())
    assert not rescued(WEB, storages=(replace(LOCAL, free=None),)).refusals


MOVE = RecoveryStep(Act.MOVE, "slave", "", "101")
ON = GuestNow("slave", running=True, hastate="started")
OFF = GuestNow("slave", running=False, hastate="stopped")


@pytest.mark.parametrize(
    ("step", "guest", "now", "done"),
    [
        (stop(WEB, "slave"), WEB, ON, False),
        (stop(WEB, "slave"), WEB, OFF, True),
        (stop(SHOP, "slave"), SHOP, replace(OFF, hastate="request_stop"), False),
        (stop(SHOP, "slave"), SHOP, OFF, True),
        (stop(SHOP, "slave"), SHOP, None, False),
        (MOVE, SHOP, OFF, False),
        (MOVE, SHOP, replace(OFF, node="master"), True),
        (MOVE, SHOP, replace(OFF, node="master", lock="migrate"), False),
        (start(SHOP, "slave"), SHOP, replace(ON, hastate="starting"), False),
        (start(SHOP, "slave"), SHOP, ON, True),
        (start(SHOP, "master"), SHOP, ON, False),
        (RecoveryStep(Act.RESTORE, "slave", "", "7"), WEB, OFF, False),
    ],
)
def test_a_guests_step_is_done_when_the_cluster_shows_it(
    step: RecoveryStep, guest: RescuedGuest, now: GuestNow | None, done: bool
) -> None:
    assert shows(step, guest, now, "master") is done


def test_a_guest_survives_the_record() -> None:
    assert RescuedGuest.from_record(SHOP.as_record() | {"volid": "nas:backup/x"}) == SHOP
