"""Property strings, sizes, pending changes and volumes of the lab's guests."""

import pytest

from hapanel.lab.errors import ApiError
from hapanel.lab.guests.config import change, net_entry, pending_rows, with_pending
from hapanel.lab.guests.formats import DRIVE, MOUNT, NET
from hapanel.lab.guests.options import CT_OPTIONS, VM_OPTIONS, privilege_of
from hapanel.lab.guests.sizes import boot_disk_bytes, format_size, parse_size, root_disk_bytes
from hapanel.lab.names import Kind, RunState
from hapanel.lab.schema import verify
from hapanel.lab.world import Busyness, Guest

GIB = 1024**3


def vm(*, running: bool = False, **config: object) -> Guest:
    guest = Guest(100, Kind.QEMU, "master", dict(config), Busyness(0, 0, 0.5))
    guest.state = RunState.RUNNING if running else RunState.STOPPED
    return guest


def faults(kind: Kind, **given: str) -> dict[str, str]:
    options = VM_OPTIONS if kind is Kind.QEMU else CT_OPTIONS
    with pytest.raises(ApiError) as refused:
        verify(given, options)
    return refused.value.errors or {}


NOT_INTEGER = "memory.current: type check ('integer') failed - got 'abc'"
MISSING = "property is missing and it is not optional"
IN_LIST = "in comma-separated list property:"


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("memory", "abc", f"format error\n{NOT_INTEGER}\n"),
        ("memory", "8", "format error\nmemory.current: value must have a minimum value of 16\n"),
        ("scsi0", "a:1,foo=1", f"invalid key {IN_LIST} foo\n"),
        ("scsi0", "a:1,size=1G,size=2G", f"duplicate key {IN_LIST} size\n"),
        ("scsi0", "cache=none", f"format error\nscsi0.file: {MISSING}\n"),
        ("net0", "bridge=vmbr0", f"format error\nnet0.model: {MISSING}\n"),
        (
            "scsi0",
            "disk",
            "format error\nscsi0.file: invalid format - unable to parse volume ID 'disk'\n",
        ),
        ("name", "a_b", "value does not look like a valid DNS name\n"),
    ],
)
def test_a_wrong_property_names_the_part_that_is_wrong(name: str, text: str, wrong: str) -> None:
    assert faults(Kind.QEMU, **{name: text}) == {name: f"invalid format - {wrong}"}


def test_options_of_the_other_kind_are_not_defined() -> None:
    assert set(faults(Kind.QEMU, hostname="a", rootfs="a:1")) == {"hostname", "rootfs"}
    assert set(faults(Kind.LXC, name="a", scsi0="a:1", memory="8")) == {"name", "scsi0", "memory"}


def test_property_strings_are_written_bare_key_first_then_sorted() -> None:
    assert DRIVE.print({"size": "1G", "file": "a:b", "cache": "none"}) == "a:b,cache=none,size=1G"
    assert MOUNT.print(MOUNT.parse("size=0T,volume=a:b")) == "a:b,size=0T"
    assert NET.parse("virtio=AA:BB:CC:DD:EE:FF,bridge=vmbr0")["model"] == "virtio"
    card = net_entry(Kind.QEMU, "virtio,bridge=vmbr0", "BC:24:11:00:00:01")
    assert card == "virtio=BC:24:11:00:00:01,bridge=vmbr0"
    given = "name=eth0,bridge=vmbr0,ip=dhcp"
    full = "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:01,ip=dhcp,type=veth"
    assert net_entry(Kind.LXC, given, "BC:24:11:00:00:01") == full


def test_sizes_are_written_in_the_largest_whole_unit() -> None:
    assert [format_size(size) for size in (0, GIB, GIB + 1024**2, 1536)] == [
        "0T", "1G", "1025M", "1536",
    ]  # fmt: skip
    assert (parse_size("1.5G"), parse_size("1X")) == (GIB * 3 // 2, None)


def test_the_boot_order_says_which_disk_counts() -> None:
    config = {"scsi0": "a:x,size=8G", "virtio0": "a:y,size=2G", "boot": "order=ide2;virtio0"}
    assert boot_disk_bytes({**config, "ide2": "a:iso/x,media=cdrom,size=1G"}) == 2 * GIB
    assert boot_disk_bytes({"scsi0": "a:x,size=8G"}) == 0
    assert boot_disk_bytes({"scsi0": "a:x,size=8G", "bootdisk": "scsi0"}) == 8 * GIB
    assert root_disk_bytes({"rootfs": "a:x,size=0T"}) == 4 * GIB


def test_a_running_vm_keeps_its_memory_until_the_next_start() -> None:
    guest = vm(running=True, memory="128", name="a")
    change(guest, {"memory": "256", "name": "b"}, ["cpu"])
    assert (guest.config["memory"], guest.config["name"]) == ("128", "b")
    assert with_pending(guest)["memory"] == "256"
    assert {"key": "memory", "value": "128", "pending": "256"} in pending_rows(guest)
    change(guest, {"memory": "128"}, [])
    assert not guest.pending


def test_a_stopped_vm_takes_every_change_at_once() -> None:
    guest = vm(memory="128", cpu="host")
    before = guest.digest()
    change(guest, {"memory": "256"}, ["cpu"])
    assert guest.config == {"memory": "256"}
    assert guest.digest() != before


@pytest.mark.parametrize(
    ("kind", "option", "privilege"),
    [
        (Kind.QEMU, "memory", "VM.Config.Memory"),
        (Kind.QEMU, "scsi12", "VM.Config.Disk"),
        (Kind.QEMU, "net0", "VM.Config.Network"),
        (Kind.QEMU, "tags", "VM.Config.Options"),
        (Kind.LXC, "mp3", "VM.Config.Disk"),
        (Kind.LXC, "cores", "VM.Config.CPU"),
    ],
)
def test_each_option_needs_its_own_privilege(kind: Kind, option: str, privilege: str) -> None:
    assert privilege_of(kind, option) == privilege
