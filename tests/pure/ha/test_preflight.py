"""Every reason for which a guest may not move, or had better not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hapanel.ha.migration_facts import (
    ClusterFacts,
    DiskFacts,
    GuestFacts,
    MigrationMode,
    MoveFacts,
    NodeFacts,
    RuleFacts,
    StorageFacts,
)
from hapanel.ha.preflight import CHECKS, judge
from hapanel.kernel.names import GuestType

GIB = 1024**3
SIAKAD = GuestFacts(
    vmid=100,
    type=GuestType.QEMU,
    node="master",
    status="running",
    name="siakad",
    ha_state="started",
    maxmem=4 * GIB,
    used_memory=2 * GIB,
    disks=(DiskFacts("scsi0", "drbd-lvm:vm-100-disk-0", "drbd-lvm"),),
)
ELEARNING = replace(SIAKAD, vmid=101, type=GuestType.LXC, name="elearning")
NODES = (
    NodeFacts("master", "online", 64 * GIB, 50 * GIB),
    NodeFacts("slave", "online", 64 * GIB, 50 * GIB),
)
SHARED = tuple(
    StorageFacts("drbd-lvm", node, shared=True, available=True, content="images,rootdir")
    for node in ("master", "slave")
)
LOCAL = tuple(
    StorageFacts("local-lvm", node, shared=False, available=True, content="images,rootdir")
    for node in ("master", "slave")
)
MOVE = MoveFacts(
    cluster=ClusterFacts("clusterubd"),
    guest=SIAKAD,
    target="slave",
    nodes=NODES,
    storages=SHARED + LOCAL,
)


def refusals(facts: MoveFacts) -> list[str]:
    return [refusal.code for refusal in judge(facts).refusals]


def warnings(facts: MoveFacts) -> list[str]:
    return [warning.code for warning in judge(facts).warnings]


def cluster(**changes: Any) -> MoveFacts:
    return replace(MOVE, cluster=replace(MOVE.cluster, **changes))


def guest(**changes: Any) -> MoveFacts:
    return replace(MOVE, guest=replace(SIAKAD, **changes))


def slave(**changes: Any) -> MoveFacts:
    return replace(MOVE, nodes=(NODES[0], replace(NODES[1], **changes)))


def disk(volume: str, **changes: Any) -> tuple[DiskFacts, ...]:
    return (DiskFacts("scsi0", volume, volume.partition(":")[0], **changes),)


def test_a_healthy_move_passes_every_check() -> None:
    judgement = judge(MOVE)
    assert not judgement.refusals
    assert not judgement.warnings
    assert set(judgement.passed) == set(CHECKS)


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (cluster(sees=False, why_blind="no answer"), "cluster-not-seen"),
        (cluster(may_operate=False), "watch-only"),
        (cluster(missing_privileges=("VM.Migrate",)), "privilege-missing"),
        (cluster(quorate=False), "no-quorum"),
        (cluster(ha_armed_state="disarmed"), "ha-disarmed"),
        (cluster(ha_manager_dead=True), "ha-manager-down"),
        (guest(template=True), "guest-is-template"),
        (guest(status="unknown"), "guest-state-unknown"),
        (guest(lock="backup"), "guest-locked"),
        (guest(ha_state="error"), "ha-error-state"),
        (guest(ha_state="starting"), "ha-busy"),
        (guest(ha_state="queued"), "ha-busy"),
        (guest(passthrough=("hostpci0: 0000:01:00.0",)), "local-resources"),
        (guest(node="slave"), "target-is-source"),
        (slave(status="offline"), "target-not-online"),
        (slave(status="maintenance"), "target-in-maintenance"),
        (slave(free_memory=GIB), "not-enough-memory"),
        (replace(MOVE, target="attic"), "unknown-target"),
        (replace(MOVE, other_operation=7), "operation-in-progress"),
        (replace(MOVE, mode=MigrationMode.OFFLINE), "mode-does-not-fit"),
        (replace(MOVE, proxmox_against=("storage not available: x",)), "proxmox-forbids-target"),
        (replace(MOVE, nodes=(replace(NODES[0], status="offline"), NODES[1])), "source-not-online"),
        (replace(MOVE, nodes=(replace(NODES[0], lrm_dead=True), NODES[1])), "ha-manager-down"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_hinders_is_named(facts: MoveFacts, code: str) -> None:
    assert refusals(facts) == [code]


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (cluster(quorate=None), "quorum-unknown"),
        (guest(disks=None), "config-not-read-yet"),
        (slave(free_memory=3 * GIB), "tight-memory"),
        (slave(free_memory=None), "memory-unknown"),
        (replace(MOVE, has_own_limit=True), "ha-fixes-options"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_only_warns_does_not_hinder(facts: MoveFacts, code: str) -> None:
    assert refusals(facts) == []
    assert warnings(facts) == [code]


def test_every_refusal_has_whole_sentences() -> None:
    for refusal in judge(cluster(sees=False, why_blind="no answer", quorate=False)).refusals:
        assert refusal.because().endswith(".")
        assert refusal.remedy()


def test_local_disks_of_a_live_machine_must_be_asked_to_come_along() -> None:
    facts = guest(disks=disk("local-lvm:vm-100-disk-0"), ha_state="")
    assert refusals(facts) == ["local-disks"]
    assert refusals(replace(facts, with_local_disks=True)) == []
    assert warnings(replace(facts, with_local_disks=True)) == ["disks-are-copied"]


def test_ha_copies_local_disks_by_itself() -> None:
    facts = guest(disks=disk("local-lvm:vm-100-disk-0"))
    assert refusals(facts) == []
    assert warnings(facts) == ["disks-are-copied"]


def test_a_local_cd_hinders_and_an_empty_drive_does_not() -> None:
    assert refusals(guest(disks=disk("local-lvm:iso/x.iso", is_cdrom=True))) == ["local-cdrom"]
    assert refusals(guest(disks=(DiskFacts("ide2", "none", "", is_cdrom=True),))) == []


def test_proxmox_s_own_list_of_local_disks_is_believed() -> None:
    facts = replace(guest(ha_state=""), proxmox_local=("drbd-lvm:vm-100-disk-0",))
    assert refusals(facts) == ["local-disks"]


def test_the_storage_must_be_there_on_the_target() -> None:
    there = replace(SHARED[1], available=False)
    assert refusals(replace(MOVE, storages=(SHARED[0], there))) == ["storage-missing"]


def test_storages_that_the_token_cannot_see_are_left_to_proxmox() -> None:
    assert refusals(replace(MOVE, storages=())) == []


def test_a_target_storage_must_be_able_to_hold_the_disks() -> None:
    facts = replace(guest(ha_state=""), target_storage="backup")
    assert refusals(facts) == ["target-storage-missing"]
    assert judge(facts).refusals[0].status == 422
    assert refusals(replace(facts, target_storage="local-lvm")) == []


@pytest.mark.parametrize(
    ("facts", "mode"),
    [
        (MOVE, MigrationMode.ONLINE),
        (replace(MOVE, guest=ELEARNING), MigrationMode.RESTART),
        (guest(status="stopped"), MigrationMode.OFFLINE),
        (guest(status="paused"), MigrationMode.ONLINE),
    ],
)
def test_the_mode_that_fits(facts: MoveFacts, mode: MigrationMode) -> None:
    assert facts.fitting_mode is mode


def test_a_running_container_never_moves_live() -> None:
    facts = replace(MOVE, guest=ELEARNING, mode=MigrationMode.ONLINE)
    assert refusals(facts) == ["mode-does-not-fit"]


def rule(**changes: Any) -> RuleFacts:
    base = RuleFacts("keep", "node-affinity", ("vm:100",), nodes=("master",), strict=True)
    return replace(base, **changes)


def test_a_strict_node_rule_forbids_and_a_loose_one_warns() -> None:
    assert refusals(replace(MOVE, rules=(rule(),))) == ["ha-rule-forbids-target"]
    loose = replace(MOVE, rules=(rule(strict=False),))
    assert refusals(loose) == []
    assert warnings(loose) == ["ha-rule-prefers-other"]


def test_a_rule_that_is_off_or_about_others_says_nothing() -> None:
    rules = (rule(disabled=True), rule(resources=("ct:101",)))
    assert refusals(replace(MOVE, rules=rules)) == []


def test_guests_that_are_kept_apart_do_not_meet() -> None:
    apart = RuleFacts("apart", "resource-affinity", ("vm:100", "ct:101"), affinity="negative")
    facts = replace(MOVE, rules=(apart,), neighbours={"ct:101": "slave"})
    assert refusals(facts) == ["ha-kept-apart"]
    assert refusals(replace(facts, neighbours={"ct:101": "master"})) == []


def test_guests_that_belong_together_are_announced() -> None:
    together = RuleFacts("pair", "resource-affinity", ("vm:100", "ct:101"), affinity="positive")
    assert warnings(replace(MOVE, rules=(together,))) == ["ha-moves-along"]


def test_a_guest_outside_ha_does_not_care_about_the_ha_manager() -> None:
    facts = replace(cluster(ha_manager_dead=True), guest=replace(SIAKAD, ha_state=""))
    assert refusals(facts) == []
