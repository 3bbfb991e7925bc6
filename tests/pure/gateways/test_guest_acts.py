"""What a backup's log, an archive's listing and a guest's configuration tell."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hapanel.gateways.proxmox.decode_guest import guest_config
from hapanel.gateways.proxmox.guest_acts import archives
from hapanel.kernel.names import GuestType
from hapanel.ports.backup_log import error_in, percent_in

BEGUN = [
    "INFO: starting new backup job: vzdump 104 --storage nas",
    "INFO: Starting Backup of VM 104 (qemu)",
    "INFO: creating vzdump archive '/mnt/pve/nas/dump/x.vma.zst'",
]


@pytest.mark.parametrize(
    ("lines", "percent"),
    [
        (BEGUN, None),
        ([*BEGUN, "INFO:   3% (1.0 GiB of 32.0 GiB) in 3s, read: 340 MiB/s, write: 90 MiB/s"], 3),
        (["INFO:  40% (1 GiB of 2 GiB) in 3s", "INFO: 100% (2 GiB of 2 GiB) in 6s"], 100),
        (["progress 45% (read 123 bytes, duration 3 sec)"], 45),
        (["INFO: backup is sparse: 12.50 GiB (39%) total zero data"], None),
    ],
)
def test_how_far_it_is_is_told_by_the_last_line_that_says_so(
    lines: list[str], percent: float | None
) -> None:
    assert percent_in(lines) == percent


def test_what_is_said_of_the_guest_goes_before_what_is_said_of_the_job() -> None:
    failed = "ERROR: Backup of VM 104 failed - no space left on device"
    assert error_in([*BEGUN, failed, "TASK ERROR: job errors"]) == "no space left on device"
    assert error_in(["TASK ERROR: can't overwrite running container"]).startswith("can't")
    assert error_in(BEGUN) == ""


def test_archives_are_listed_with_what_is_known_of_them() -> None:
    body = (
        b'{"data":[{"volid":"local:backup/vzdump-lxc-101-2026_11_30-01_30_00.tar.zst",'
        b'"vmid":"101","ctime":1795000000,"size":7,"format":"tar.zst","content":"backup"},'
        b'{"volid":"local:backup/odd.vma"},{"vmid":7}]}'
    )
    first, odd = archives(body)
    assert (first.vmid, first.size) == (101, 7)
    assert first.made_at == datetime.fromtimestamp(1795000000, UTC)
    assert (odd.vmid, odd.made_at) == (None, None)


@pytest.mark.parametrize(
    ("kind", "key", "value", "inside"),
    [
        (GuestType.QEMU, "scsi0", "vg:vm-1-disk-0,size=32G", True),
        (GuestType.QEMU, "scsi0", "vg:vm-1-disk-0,backup=0,size=32G", False),
        (GuestType.QEMU, "scsi0", "vg:vm-1-disk-0,backup=1", True),
        (GuestType.QEMU, "unused0", "vg:vm-1-disk-1", False),
        (GuestType.LXC, "rootfs", "vg:vm-1-disk-0,size=8G", True),
        (GuestType.LXC, "mp0", "vg:vm-1-disk-1,mp=/srv", False),
        (GuestType.LXC, "mp0", "vg:vm-1-disk-1,mp=/srv,backup=1", True),
    ],
)
def test_a_disk_tells_whether_a_backup_holds_it(
    kind: GuestType, key: str, value: str, inside: bool
) -> None:
    config = guest_config(f'{{"data":{{"{key}":"{value}"}}}}'.encode(), kind)
    assert [disk.in_backup for disk in config.disks] == [inside]
    assert not config.has_snapshots
    assert guest_config(b'{"data":{"parent":"before"}}', kind).has_snapshots
