"""Migrations read out of their logs: recorded ones, and the forms that no recording shows."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hapanel.kernel.units import GIB, MIB
from hapanel.ports.migration_progress import MigrationProgress
from hapanel.ports.tasklog import (
    DiskCopied,
    DiskProgress,
    Downtime,
    ErrorLine,
    HaRequested,
    MemoryCompleted,
    MemoryProgress,
    MigrationEnded,
    Outcome,
    Phase,
    PhaseBegan,
    StartedByHa,
    TaskEnded,
    WarningLine,
    read_line,
)
from tests.pure.gateways.recordings import FACTS, LOGS

STAMP = "2031-02-03 10:00:09 "


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (
            STAMP + "migration active, transferred 512.0 MiB of 4.0 GiB VM-state, 402.0 MiB/s",
            MemoryProgress(512 * MIB, 4 * GIB, 402 * MIB),
        ),
        (
            STAMP + "migration device, transferred 5.0 GiB of 4.0 GiB VM-state, 1.0 MiB/s "
            "(+ 2.0 MiB VFIO-state), VM dirties lots of memory: 455.0 MiB/s",
            MemoryProgress(5 * GIB, 4 * GIB, MIB, 455 * MIB),
        ),
        (
            "drive-scsi0: transferred 1.5 GiB of 32.0 GiB (4.69%) in 1m 22s",
            DiskProgress("scsi0", 3 * GIB // 2, 32 * GIB, 82),
        ),
        (
            "mirror-virtio1: transferred 32.0 GiB of 32.0 GiB (100.00%) in 2h 5m 3s, ready",
            DiskProgress("virtio1", 32 * GIB, 32 * GIB, 7503),
        ),
        (
            STAMP + "463409152 bytes (463 MB, 442 MiB) copied, 3 s, 154 MB/s",
            DiskCopied(463409152, 154_000_000),
        ),
        (STAMP + "average migration speed: 409.8 MiB/s - downtime 63 ms", Downtime(63)),
        (STAMP + "migration status: completed", MemoryCompleted()),
        (STAMP + "migration completed, transferred 4.3 GiB VM-state", None),
        (
            STAMP + "migration finished successfully (duration 00:01:07)",
            MigrationEnded(Outcome.SUCCEEDED, 67),
        ),
        (
            STAMP + "ERROR: migration finished with problems (duration 100:00:41)",
            MigrationEnded(Outcome.PROBLEMS, 360041),
        ),
        (
            STAMP + "ERROR: migration aborted (duration 00:00:02): no such node",
            MigrationEnded(Outcome.ABORTED, 2, "no such node"),
        ),
        (
            STAMP + "ERROR: online migrate failure - aborting",
            ErrorLine("online migrate failure - aborting"),
        ),
        ("WARN: something small", WarningLine("something small")),
        ("TASK OK", TaskEnded(None)),
        ("TASK WARNINGS: 2", TaskEnded(None, 2)),
        ("TASK ERROR: migration aborted", TaskEnded("migration aborted")),
        ("task started by HA resource agent", StartedByHa()),
        ("Requesting HA migration for VM 104 to node pve3", HaRequested(104, "pve3")),
        ("Requesting HA migration for CT 101 to node slave", HaRequested(101, "slave")),
        (STAMP + "shutdown CT 210", PhaseBegan(Phase.SHUTTING_DOWN)),
        (STAMP + "start container on target node", PhaseBegan(Phase.STARTING)),
        (STAMP + "aborting phase 2 - cleanup resources", PhaseBegan(Phase.ROLLING_BACK)),
        (STAMP + "set migration capabilities", None),
        ("", None),
    ],
)
def test_each_form_of_a_line_is_read(line: str, event: object) -> None:
    assert read_line(line) == event


def progress_of(*lines: str) -> MigrationProgress:
    return MigrationProgress().after(lines)


def test_the_percent_waits_at_99_until_the_memory_has_arrived() -> None:
    half = "migration active, transferred 2.0 GiB of 4.0 GiB VM-state, 100.0 MiB/s"
    over = "migration active, transferred 4.4 GiB of 4.0 GiB VM-state, 100.0 MiB/s"
    progress = progress_of(half)
    assert (progress.percent, progress.rate) == (50.0, 100 * MIB)
    assert progress.eta_seconds == pytest.approx(20.48)
    progress = progress.after([over])
    assert (progress.percent, progress.eta_seconds) == (99.0, None)
    assert progress.after(["migration status: completed"]).percent == 100.0


def test_a_guest_that_outruns_the_link_is_not_converging() -> None:
    line = "migration active, transferred 1.0 GiB of 4.0 GiB VM-state, 50.0 MiB/s"
    assert progress_of(line).is_converging
    assert not progress_of(line + ", VM dirties lots of memory: 80.0 MiB/s").is_converging


def test_a_slower_link_makes_the_remaining_time_rise() -> None:
    fast = progress_of("migration active, transferred 1.0 GiB of 4.0 GiB VM-state, 400.0 MiB/s")
    slow = fast.after(["migration active, transferred 1.1 GiB of 4.0 GiB VM-state, 40.0 MiB/s"])
    assert fast.eta_seconds is not None
    assert slow.eta_seconds is not None
    assert slow.eta_seconds > fast.eta_seconds * 5


def test_local_disks_count_with_the_memory_and_one_after_the_other() -> None:
    progress = MigrationProgress(expected_disk_bytes=40 * GIB).after(
        ["drive-scsi0: transferred 10.0 GiB of 30.0 GiB (33.33%) in 100s"]
    )
    assert progress.phase is Phase.COPYING_DISKS
    assert progress.percent == pytest.approx(25.0)
    assert progress.eta_seconds == pytest.approx(300.0)
    progress = progress.after(
        [
            "drive-scsi0: transferred 30.0 GiB of 30.0 GiB (100.00%) in 300s, ready",
            "drive-scsi1: transferred 10.0 GiB of 10.0 GiB (100.00%) in 100s, ready",
            "migration active, transferred 5.0 GiB of 10.0 GiB VM-state, 100.0 MiB/s",
            "drive-scsi0: transferred 30.0 GiB of 30.0 GiB (100.00%) in 320s, ready",
        ]
    )
    assert progress.phase is Phase.COPYING_MEMORY
    assert progress.percent == pytest.approx(90.0)
    assert progress.rate == 100 * MIB


def test_a_container_has_phases_and_no_percent() -> None:
    lines = [
        "shutdown CT 210",
        "starting migration of CT 210 to node 'pve3' (10.9.0.13)",
        "volume 'shared-lvm:vm-210-disk-0' is on shared storage 'shared-lvm'",
        "start final cleanup",
        "start container on target node",
    ]
    phases = [progress_of(*lines[:count]).phase for count in range(1, 6)]
    assert phases == [
        Phase.SHUTTING_DOWN,
        Phase.PREPARING,
        Phase.PREPARING,
        Phase.FINISHING,
        Phase.STARTING,
    ]
    assert progress_of(*lines).percent is None


def test_the_first_error_is_the_cause() -> None:
    progress = progress_of(*LOGS["pve/migrate-online-101-with-local-disks-log"])
    assert progress.error == "Problem found while scanning volumes - can't migrate VM - check log"
    assert progress.outcome is Outcome.ABORTED
    assert progress.task_ended == TaskEnded("migration aborted")


def test_a_recorded_live_migration_tells_its_downtime_and_duration() -> None:
    progress = progress_of(*LOGS["pve/migrate-online-100-log"])
    assert (progress.percent, progress.downtime_ms, progress.duration_seconds) == (100.0, 4, 9)
    assert progress.outcome is Outcome.SUCCEEDED
    assert not progress.started_by_ha


def test_a_recorded_migration_of_the_ha_manager_says_who_began_it() -> None:
    wrapper = progress_of(*LOGS["paper-runs/0006-master-hamigrate-100-00000552"])
    assert wrapper.queued_for_ha == HaRequested(100, "slave")
    assert wrapper.percent is None
    real = progress_of(*LOGS["paper-runs/0011-master-qmigrate-100-0000055F"])
    assert real.started_by_ha
    assert real.percent == 100.0


def test_a_recorded_stop_in_the_middle_ends_with_problems() -> None:
    progress = progress_of(*LOGS["paper-runs/0047-master-qmigrate-100-00001324"])
    assert progress.outcome is Outcome.PROBLEMS
    assert progress.percent is not None
    assert progress.percent < 99
    assert progress.error == "online migrate failure - interrupted by signal"


def test_lines_may_come_in_any_portions() -> None:
    for lines in LOGS.values():
        whole = MigrationProgress().after(lines)
        by_one = MigrationProgress()
        for line in lines:
            by_one = by_one.after([line])
        assert by_one == whole


@given(st.text())
def test_an_unknown_line_is_normal(text: str) -> None:
    read_line(text)


def test_every_recorded_migration_log_is_read_to_its_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = sorted((FACTS / "paper-runs").glob("*/tasks/*migrate*.json"))
    for file in files:
        run = json.loads(file.read_text())
        progress = MigrationProgress().after(run["log"])
        said = run["status"]["exitstatus"]
        assert progress.task_ended == TaskEnded(None if said == "OK" else said), file.name
        if "hamigrate" not in file.name:
            assert progress.outcome is not None
            assert (progress.error is None) == (said == "OK")
    with capsys.disabled():
        print(f"\nrecorded migration logs read: {len(files)} of {len(files)}")
    if not files:
        pytest.skip("skipped 14 logs of the paper's runs: their folder is not here")
