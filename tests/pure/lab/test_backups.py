"""Guests are backed up and restored, in Proxmox's steps and words."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from hapanel.lab.backup.archives import Archive
from hapanel.lab.backup.retention import keep_of, surplus
from hapanel.lab.drbd.living import Replication
from hapanel.lab.guests.sizes import GIB
from hapanel.lab.names import Kind
from hapanel.lab.scenario import load
from hapanel.lab.world import Busyness
from tests.pure.lab.asking import Client
from tests.pure.lab.stories import Story
from tests.pure.lab.test_writes import As, ended, scene

DUMP = "/nodes/master/vzdump"
CONTENT = "/nodes/master/storage/local/content"
HA_100 = "/cluster/ha/resources/vm:100"
NOT_HA = {"mode": "snapshot", "storage": "local", "compress": "zstd"}
STARTED = "Cannot execute a backup with stop mode on a HA managed and enabled Service."


async def done(story: Story, root: As, upid: str) -> tuple[str, list[str]]:
    """Exit status and log of a task."""
    status = await ended(story, root, upid)
    node = upid.split(":")[1]
    log = await root.get(f"/nodes/{node}/tasks/{upid}/log", limit=0)
    return status, [row["t"] for row in log]


async def dump(story: Story, root: As, vmid: int, **more: object) -> dict[str, Any]:
    """Backs a guest up; its archive's row."""
    status, log = await done(story, root, await root.do("POST", DUMP, vmid=vmid, **NOT_HA | more))
    assert status == "OK", log
    rows = await root.get(CONTENT, content="backup", vmid=vmid)
    return max(rows, key=lambda row: int(row["ctime"]))


async def stopped(story: Story, root: As, sid: str) -> None:
    """Takes a guest out of HA and stops it."""
    await root.do("DELETE", f"/cluster/ha/resources/{sid}")
    kind = "qemu" if sid.startswith("vm") else "lxc"
    upid = await root.do("POST", f"/nodes/master/{kind}/{sid[3:]}/status/stop")
    await ended(story, root, upid)


def test_a_running_vm_is_copied_with_its_progress_and_stays_up() -> None:
    async def act(story: Story, client: Client) -> None:
        root, guest = As(client), story.world.guests[100]
        upid = await root.do("POST", DUMP, vmid=100, **NOT_HA | {"notes-template": "{{guestname}}"})
        assert upid.split(":")[5:7] == ["vzdump", "100"]
        await story.until(lambda: guest.lock == "backup")
        row = next(r for r in await root.get("/cluster/resources", type="vm") if r["vmid"] == 100)
        assert (row["lock"], row["status"]) == ("backup", "running")
        status, log = await done(story, root, upid)
        assert (status, guest.lock) == ("OK", None)
        assert log[0].startswith("INFO: starting new backup job: vzdump 100 --")
        assert log[1] == "INFO: Starting Backup of VM 100 (qemu)"
        assert log[3:7] == [
            "INFO: status = running",
            "INFO: VM Name: siakad",
            "INFO: include disk 'scsi0' 'vg_drbd:vm-100-disk-0' 40G",
            "INFO: backup mode: snapshot",
        ]
        percents = [int(m[1]) for line in log if (m := re.match(r"INFO: ([ \d]{3})% \(", line))]
        assert percents == sorted(set(percents))
        assert percents[-1] == 100
        assert len(percents) > 10
        assert log[-2:] == ["INFO: Backup job finished successfully", "TASK OK"]
        (archive,) = await root.get(CONTENT, content="backup")
        assert re.fullmatch(
            r"local:backup/vzdump-qemu-100-\d{4}_\d\d_\d\d-\d\d_\d\d_\d\d\.vma\.zst",
            archive["volid"],
        )
        assert archive["format"] == "vma.zst"
        assert archive["notes"] == "siakad"
        assert f"'/var/lib/vz/dump/{archive['volid'][13:]}'" in "\n".join(log)
        assert await root.get("/nodes/slave/storage/local/content", content="backup") == []

    scene(act)


def test_a_container_without_snapshots_stands_still_for_the_second_copy() -> None:
    async def act(story: Story, client: Client) -> None:
        archive = await dump(story, As(client), 101)
        assert archive["format"] == "tar.zst"
        assert archive["subtype"] == "lxc"
        log = story.task("master", "vzdump").lines
        assert "INFO: mode failure - some volumes do not support snapshots" in log
        assert "INFO: backup mode: suspend" in log
        assert "INFO: guest is online again after 1 seconds" in log
        assert not any("%" in line for line in log)
        assert story.world.guests[101].is_running

    scene(act)


def test_stop_mode_is_not_for_guests_that_ha_keeps_running() -> None:
    async def act(story: Story, client: Client) -> None:
        root = As(client)
        upid = await root.do("POST", DUMP, vmid="100,999", mode="stop")
        status, log = await done(story, root, upid)
        assert (status, upid.split(":")[6]) == ("job errors", "")
        assert f"ERROR: Backup of VM 100 failed - {STARTED}" in "\n".join(log)
        assert "ERROR: Backup of VM 999 failed - unable to find VM '999'" in log
        assert "INFO: Backup job finished with errors" in log
        await root.do("DELETE", HA_100)
        await story.until(lambda: not story.ha.is_managed(story.world.guests[100]))
        upid = await root.do("POST", DUMP, vmid=100, mode="stop")
        began = story.world.guests[100].started_at
        status, log = await done(story, root, upid)
        assert status == "OK"
        assert "INFO: stopping virtual guest" in log
        assert any(line.startswith("INFO: resuming VM again after") for line in log)
        assert story.world.guests[100].started_at > began

    scene(act)


def test_a_job_says_what_is_wrong_with_its_storage_or_its_guests() -> None:
    async def act(story: Story, client: Client) -> None:
        root = As(client)
        for storage, words in (
            ("vg_drbd", "could not get storage information for 'vg_drbd': can't use storage"
             " 'vg_drbd' for backups - wrong content type"),
            ("nosuch", "could not activate storage 'nosuch': storage 'nosuch' does not exist"
             " could not get storage information for 'nosuch': storage 'nosuch' does not exist"),
        ):  # fmt: skip
            upid = await root.do("POST", DUMP, vmid=100, storage=storage)
            assert (await done(story, root, upid))[0] == words
        upid = await root.do("POST", DUMP, vmid=100, dumpdir="/mnt/usb", script="/root/hook")
        assert (await done(story, root, upid))[0] == (
            "The hook script '/root/hook' is not executable. dumpdir '/mnt/usb' does not exist"
        )
        upid = await root.do("POST", DUMP, vmid=100, dumpdir="/mnt/usb", storage="local")
        assert (await done(story, root, upid))[0].startswith("cannot use options 'storage' and")
        await root.do("PUT", "/storage/local", nodes="slave")
        upid = await root.do("POST", DUMP, vmid=100, storage="local")
        assert (await done(story, root, upid))[0].endswith("is not available on node 'master'")
        assert await root.do("POST", "/nodes/slave/vzdump", vmid=100) == "OK"
        assert await root.faults("POST", DUMP) == {"vmid": "property is missing"}
        assert await root.faults("POST", DUMP, vmid=100, all=1) == {
            "all": "option conflicts with option 'vmid'"
        }

    scene(act)


def test_who_backs_up_and_restores_needs_the_rights_for_it() -> None:
    async def act(story: Story, client: Client) -> None:
        root = As(client)
        await root.do("POST", "/access/users", userid="eve@pve")
        made = await root.do("POST", "/access/users/eve@pve/token/tk", privsep=0)
        eve = As(client, {"authorization": f"PVEAPIToken=eve@pve!tk={made['value']}"})
        assert await eve.refused("POST", DUMP, vmid=101) == (
            403, "Permission check failed (/storage/local, Datastore.AllocateSpace)",
        )  # fmt: skip
        await root.do(
            "PUT", "/access/acl", path="/storage", users="eve@pve", roles="PVEDatastoreUser"
        )
        status, _ = await done(story, root, await eve.do("POST", DUMP, vmid=101))
        assert status == "403 Permission check failed (/vms/101, VM.Backup)"
        assert await eve.faults("POST", DUMP, vmid=101, dumpdir="/tmp") == {
            "dumpdir": "Only root may set this option."
        }
        archive = await dump(story, root, 101)
        assert await eve.get(CONTENT, content="backup") == []
        await root.do("PUT", "/access/acl", path="/vms/101", users="eve@pve", roles="PVEVMUser")
        assert await eve.get(CONTENT, content="backup") == [archive]
        await stopped(story, root, "ct:101")
        order = {"vmid": 101, "ostemplate": archive["volid"], "restore": 1, "storage": "vg_drbd"}
        status, _ = await done(story, root, await eve.do(
            "POST", "/nodes/master/lxc", **order, force=1
        ))  # fmt: skip
        bridge = "/sdn/zones/localnetwork/vmbr0"
        assert status == (
            f"unable to restore CT 101 - 403 Permission check failed ({bridge}, SDN.Use)"
        )
        assert "rootfs" in story.world.guests[101].config
        await root.do("PUT", "/access/acl", path="/sdn", users="eve@pve", roles="PVESDNUser")
        upid = await eve.do("POST", "/nodes/master/lxc", **order, force=1)
        assert (await done(story, root, upid))[0] == "OK"
        assert await eve.refused("POST", "/nodes/master/lxc", **order | {"vmid": 150}) == (
            403, "Permission check failed",
        )  # fmt: skip

    scene(act)


def test_a_restored_vm_is_what_the_archive_holds_on_new_volumes() -> None:
    async def act(story: Story, client: Client) -> None:
        root, writes = As(client), []
        story.world.use_group = lambda *what: writes.append(what)
        archive = await dump(story, root, 100)
        await root.do("PUT", "/nodes/master/qemu/100/config", name="other", onboot=1)
        await stopped(story, root, "vm:100")
        await ended(story, root, await root.do(
            "POST", "/nodes/master/qemu/100/config", scsi1="vg_drbd:8"
        ))  # fmt: skip
        order = {"vmid": 100, "archive": archive["volid"], "force": 1, "start": 1}
        upid = await root.do("POST", "/nodes/master/qemu", **order)
        assert upid.split(":")[5:7] == ["qmrestore", "100"]
        assert (await root.get("/nodes/master/qemu/100/config"))["lock"] == "create"
        status, log = await done(story, root, upid)
        assert status == "OK"
        config = await root.get("/nodes/master/qemu/100/config")
        assert config["name"] == "siakad"
        assert "onboot" not in config
        assert "lock" not in config
        assert config["scsi0"] == "vg_drbd:vm-100-disk-0,size=40G"
        assert config["unused0"] == "vg_drbd:vm-100-disk-1"
        data = story.world.archives.find(
            story.world.storages["local"], "master", archive["volid"]
        ).data  # type: ignore[union-attr]
        assert abs(sum(size for _, _, size in writes) - data) < 1e6
        assert {(node, group) for node, group, _ in writes} == {("master", "vg_drbd")}
        assert log[0].startswith("restore vma archive: zstd -q -d -c /var/lib/vz/dump/vzdump-qemu")
        assert "new volume ID is 'vg_drbd:vm-100-disk-0'" in log
        assert [line for line in log if line.startswith("progress ")][-1].startswith(
            "progress 100%"
        )
        await story.until(lambda: story.world.guests[100].is_running)

    scene(act)


def test_a_restored_container_has_the_storage_that_was_named() -> None:
    async def act(story: Story, client: Client) -> None:
        root = As(client)
        archive = await dump(story, root, 101)
        order = {"vmid": 101, "ostemplate": archive["volid"], "restore": 1}
        path = "/nodes/master/lxc"
        assert (await root.refused("POST", path, **order))[1] == (
            "CT 101 already exists on node 'master'"
        )
        assert (await root.refused("POST", path, **order, force=1))[1] == (
            "can't overwrite running container"
        )
        await stopped(story, root, "ct:101")
        assert await root.faults("POST", path, **order, force=1) == {
            "storage": "storage 'local' does not support container directories"
        }
        await root.do("PUT", f"{path}/101/config", hostname="changed")
        upid = await root.do("POST", path, **order, force=1, storage="vg_drbd")
        status, log = await done(story, root, upid)
        assert (status, upid.split(":")[5]) == ("OK", "vzrestore")
        config = await root.get(f"{path}/101/config")
        assert config["hostname"] == "elearning"
        assert config["rootfs"] == "vg_drbd:vm-101-disk-1,size=32G"
        assert log[0] == f"recovering backed-up configuration from '{archive['volid']}'"
        assert '  Logical volume "vm-101-disk-0" successfully removed.' in log
        upid = await root.do("POST", path, **order | {"vmid": 150, "unique": 1}, storage="vg_drbd")
        assert (await done(story, root, upid))[0] == "OK"
        copy = await root.get(f"{path}/150/config")
        assert copy["rootfs"] == "vg_drbd:vm-150-disk-0,size=32G"
        assert copy["net0"] != config["net0"]

    scene(act)


def test_a_restore_writes_on_the_drbd_device_below_as_guests_do() -> None:
    async def act(story: Story, client: Client) -> None:
        root, world = As(client), story.world
        world.guests[101].busy.resident = 0.02
        replication = Replication(world, load("clusterubd").drbd, None, lambda _node: {})
        master, slave = (replication.kernel.sides["rs", node] for node in world.nodes)
        archive = await dump(story, root, 101)
        await stopped(story, root, "ct:101")
        order = {"vmid": 101, "ostemplate": archive["volid"], "restore": 1, "storage": "vg_drbd"}
        upid = await root.do("POST", "/nodes/master/lxc", **order, force=1)
        assert (await done(story, root, upid))[0] == (
            "unable to restore CT 101 - lvcreate 'vg_drbd/vm-101-disk-1' error:"
            " Cannot process volume group vg_drbd"
        )
        assert 101 not in world.guests  # pve-container destroys it from the first new disk on
        replication.kernel.primary(master)
        replication.kernel.disconnect(master, "slave")
        upid = await root.do("POST", "/nodes/master/lxc", **order, force=1)
        assert (await done(story, root, upid))[0] == "OK"
        held = world.archives.find(world.storages["local"], "master", archive["volid"])
        assert held is not None
        lacking = master.connections["slave"].devices[0].out_of_sync
        assert abs(lacking - held.data // 1024) < 10_000
        assert slave.volumes[0].written == 0
        assert world.guests[101].serves is not None
        await replication.close()

    scene(act)


def test_what_cannot_be_restored_is_refused_in_proxmox_words() -> None:
    async def act(story: Story, client: Client) -> None:
        root, path = As(client), "/nodes/master/qemu"
        archive = await dump(story, root, 100)
        order = {"vmid": 100, "archive": archive["volid"]}
        running = "unable to restore VM 100 - vm is running"
        status, log = await done(story, root, await root.do("POST", path, **order, force=1))
        assert status == running
        assert "state is NOT cleaned up." in log[-2]
        assert story.world.guests[100].lock is None
        for form, words in (
            (order, "unable to restore VM 100 - VM 100 already exists on node 'master'"),
            ({**order, "archive": "local:backup/vzdump-qemu-100-2020_01_01-00_00_00.vma"},
             "volume 'local:backup/vzdump-qemu-100-2020_01_01-00_00_00.vma' does not exist"),
            ({**order, "archive": "nosuch:backup/x.vma"}, "storage 'nosuch' does not exist"),
            ({**order, "archive": "local:iso/x.iso"},
             "unable to use volume local:iso/x.iso - content type needs to be 'backup'"),
            ({**order, "archive": "/x.vma"}, "can't find file '/x.vma'"),
            ({**order, "archive": "local:x"}, "unable to parse directory volume name 'x'"),
        ):  # fmt: skip
            assert await root.refused("POST", path, **form) == (500, words)
        assert await root.faults("POST", path, **order, scsi0="vg_drbd:1") == {
            "scsi0": "option conflicts with option 'archive'"
        }
        assert (await root.refused("POST", "/nodes/slave/qemu", **order, force=1))[1] == (
            f"volume '{archive['volid']}' does not exist"
        )
        await stopped(story, root, "vm:100")
        await root.do("PUT", f"{path}/100/config", protection=1)
        status, _ = await done(story, root, await root.do("POST", path, **order, force=1))
        assert status == "unable to restore VM 100 - - protection mode enabled"
        story.world.guests[100].lock = "migrate"
        assert (await root.refused("POST", path, **order, force=1))[1] == (
            "unable to restore VM 100 - VM is locked (migrate)"
        )

    scene(act)


def test_archives_are_deleted_kept_and_thinned_out() -> None:
    async def act(story: Story, client: Client) -> None:
        root = As(client)
        story.world.guests[101].busy.resident = 0.02
        archive = await dump(story, root, 101)
        used = (await root.get("/nodes/master/storage/local/status"))["used"]
        one = f"{CONTENT}/{archive['volid']}"
        await root.do("PUT", one, protected=1, notes="before the rescue\nmore")
        assert (await root.get(one))["protected"] == 1
        (row,) = await root.get(CONTENT, content="backup")
        assert (row["notes"], row["protected"]) == ("before the rescue", 1)
        status, _ = await done(story, root, await root.do("DELETE", one))
        assert status.startswith("cannot remove protected volume")
        await root.do("PUT", one, protected=0)
        upid = await root.do("DELETE", one)
        assert upid.split(":")[5:7] == ["imgdel", "101@local"]
        status, log = await done(story, root, upid)
        assert (status, log[0]) == ("OK", f"Removed volume '{archive['volid']}'")
        assert await root.get(CONTENT, content="backup") == []
        now = (await root.get("/nodes/master/storage/local/status"))["used"]
        assert used - now == archive["size"]
        wrong = await root.faults("PUT", "/storage/local", **{"prune-backups": "keep-none=1"})
        assert "invalid key in comma-separated list property: keep-none" in wrong["prune-backups"]
        await root.do("PUT", "/storage/local", **{"prune-backups": "keep-last=1"})
        for _ in range(2):
            last = await dump(story, root, 101)
        assert await root.get(CONTENT, content="backup") == [last]
        assert "INFO: pruned 1 backup(s) not covered by keep-retention policy" in (
            story.task("master", "vzdump").lines
        )
        upid = await root.do("POST", DUMP, vmid=101, remove=0)
        status, log = await done(story, root, upid)
        assert status == "job errors"
        assert any("There is a max backup limit of 1 enforced" in line for line in log)

    scene(act)


def test_a_crash_ends_a_backup_and_the_boot_takes_its_lock_away() -> None:
    async def act(story: Story, client: Client) -> None:
        root = As(client)
        await root.do("DELETE", HA_100)
        upid = await root.do("POST", DUMP, vmid=100, **NOT_HA)
        await story.until(lambda: len(story.world.tasks.find(upid).lines) > 15)  # type: ignore[union-attr]
        story.crash("master")
        guest, task = story.world.guests[100], story.world.tasks.find(upid)
        assert (guest.lock, guest.is_running) == ("backup", False)
        story.power_on("master")
        await story.until(lambda: guest.lock is None)
        assert task is not None
        assert task.status == "unexpected status"
        assert "removed left over backup lock from '100'!" in story.task("master", "startall").lines
        assert await root.get(CONTENT, content="backup") == []

    scene(act, "clusterubd-qdevice")


def test_a_full_storage_breaks_a_backup_off_and_the_next_job_waited_for_it() -> None:
    async def act(story: Story, client: Client) -> None:
        root, storages = As(client), story.world.storages
        local = storages["local"]
        storages["local"] = replace(local, total=local.used + GIB)
        upid = await root.do("POST", DUMP, vmid=100, **NOT_HA)
        second = await root.do("POST", DUMP, vmid=999)
        status, log = await done(story, root, upid)
        assert status == "job errors"
        assert "ERROR: vma_queue_write: write error - Broken pipe" in log
        assert "INFO: aborting backup job" in log
        assert story.world.guests[100].lock is None
        _, log = await done(story, root, second)
        assert log[:2] == [
            "INFO: trying to get global lock - waiting...",
            "INFO: got global lock",
        ]
        assert await root.get(CONTENT, content="backup") == []

    scene(act)


def test_suspended_and_snapshotted_guests_are_away_for_a_moment_or_not_at_all() -> None:
    async def act(story: Story, client: Client) -> None:
        root, world = As(client), story.world
        for guest in world.guests.values():
            guest.busy.resident = 0.02
        await dump(story, root, 100, mode="suspend")
        log = story.task("master", "vzdump").lines
        assert log.index("INFO: suspending guest") < log.index(
            "INFO: resuming VM again after 0 seconds"
        )
        world.storages["vg_drbd"] = replace(world.storages["vg_drbd"], type="lvmthin")
        await dump(story, root, 101)
        log = story.task("master", "vzdump").lines
        assert "INFO: create storage snapshot 'vzdump'" in log
        assert not any("suspend" in line for line in log)
        assert all(guest.state == "running" for guest in world.guests.values())

    scene(act)


def test_a_stopped_task_leaves_its_guest_as_it_was() -> None:
    async def act(story: Story, client: Client) -> None:
        root, guest = As(client), story.world.guests[101]
        upid = await root.do("POST", DUMP, vmid=101, **NOT_HA)
        await story.until(
            lambda: any("first sync" in t for t in story.task("master", "vzdump").lines)
        )
        await root.do("DELETE", f"/nodes/master/tasks/{upid}")
        status, log = await done(story, root, upid)
        assert status == "interrupted by signal"
        assert "ERROR: Backup of VM 101 failed - interrupted by signal" in log
        assert guest.lock is None
        assert guest.is_running
        assert guest.state == "running"
        assert await root.get(CONTENT, content="backup") == []

    scene(act)


MONDAY = 1_796_000_400  # 30 November 2026, 01:00
HOUR = 3600


def _made(hours_ago: int, *, protected: bool = False) -> Archive:
    return Archive(
        "nas", "alpha", Kind.LXC, 101, MONDAY - hours_ago * HOUR, "tar.zst", 1, 1, {}, (),
        Busyness(0, 0, 0), has_system=True, protected=protected,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        ("keep-all=1", [0, 1, 2, 24, 25, 48, 400]),
        ("keep-last=0", [0, 1, 2, 24, 25, 48, 400]),
        ("keep-last=2", [0, 1]),
        ("keep-daily=2", [0, 2]),
        ("keep-last=1,keep-daily=2", [0, 2, 48]),
        ("keep-weekly=3", [0, 2, 400]),
        ("keep-monthly=5,keep-hourly=1", [0]),
    ],
)
def test_retention_keeps_the_newest_of_each_period(keep: str, kept: list[int]) -> None:
    archives = [_made(hours) for hours in (25, 0, 2, 400, 1, 48, 24)]
    gone = surplus([*archives, _made(3, protected=True)], keep_of(keep))
    left = [archive for archive in archives if archive not in gone]
    assert sorted((MONDAY - archive.ctime) // HOUR for archive in left) == kept
