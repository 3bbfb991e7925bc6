"""What happens in the lab, second by second, in virtual time.

The seconds are those of recorded runs of the real code: migrations, a dead node with and without
the manager's seat, its return.
"""

from __future__ import annotations

import asyncio
import itertools
import re

import pytest

from hapanel.lab.errors import TaskFailed
from hapanel.lab.links import Network
from hapanel.lab.migration.journey import Order
from hapanel.lab.migration.live import live_migration
from hapanel.lab.names import Kind
from hapanel.lab.power import Action, work_of
from hapanel.lab.tasks import Task
from tests.pure.lab.asking import Client
from tests.pure.lab.stories import Story
from tests.pure.lab.virtual_time import play


def migrate(story: Story, *, with_local_disks: bool = False) -> Task:
    """100 from master to slave, not through HA."""
    world = story.world
    world.guests[100].lock = "migrate"
    order = Order(100, "master", "slave", with_local_disks=with_local_disks)
    work = live_migration(world, order)
    return world.tasks.start(world.nodes["master"], "qmigrate", "100", "root@pam", work)


def test_guest_100_takes_about_two_minutes_to_move() -> None:
    async def story() -> None:
        tale = Story()
        task = migrate(tale)
        await tale.until(lambda: not task.is_running)
        assert task.status == "OK"
        assert 90 < tale.seconds < 150
        assert tale.world.guests[100].node == "slave"

    play(story())


def test_a_migration_writes_a_line_a_second_that_adds_up() -> None:
    async def story() -> list[str]:
        tale = Story(speed=6)
        task = migrate(tale)
        await tale.until(lambda: not task.is_running)
        return task.lines

    lines = [line for line in play(story()) if "migration active" in line]
    found = [re.search(r"transferred (\S+) GiB of 8.0 GiB VM-state, (\S+) MiB/s", x) for x in lines]
    sent = [float(match[1]) for match in found if match]
    rate = 1e9 / 8 / 1024**3 * 6
    assert len(sent) >= 10
    for before, after in itertools.pairwise(sent):
        assert after - before == pytest.approx(rate, abs=0.11)


def put_disk_on_local(story: Story) -> None:
    """The disk of 100 lies on its node alone."""
    story.world.guests[100].config["scsi0"] = "local:100/vm-100-disk-0.raw,size=4G"


def test_a_local_disk_is_mirrored_before_memory_moves() -> None:
    async def story() -> list[str]:
        tale = Story()
        put_disk_on_local(tale)
        task = migrate(tale, with_local_disks=True)
        await tale.until(lambda: not task.is_running)
        assert task.status == "OK"
        return task.lines

    lines = play(story())
    mirrored = [line for line in lines if line.startswith("mirror-scsi0: transferred")]
    assert re.fullmatch(
        r"mirror-scsi0: transferred \S+ MiB of 4\.0 GiB \(\d+\.\d\d%\) in 1s", mirrored[0]
    )
    assert mirrored[-1] == ("mirror-scsi0: transferred 4.0 GiB of 4.0 GiB (100.00%) in 34s, ready")
    order = [
        "drive mirror is starting for drive-scsi0", mirrored[-1], "all 'mirror' jobs are ready",
        "mirror-scsi0: successfully switched to actively synced mode",
        "mirror-scsi0: mirror-job finished", "TASK OK",
    ]  # fmt: skip
    places = [lines.index(line) for line in order]
    assert places == sorted(places)


def test_without_being_allowed_to_a_local_disk_holds_the_guest_back() -> None:
    async def story() -> None:
        tale = Story()
        put_disk_on_local(tale)
        task = migrate(tale)
        await tale.until(lambda: not task.is_running)
        assert task.status == "migration aborted"
        errors = [line[20:] for line in task.lines if " ERROR: " in line]
        reason = "Problem found while scanning volumes - can't migrate VM - check log"
        assert errors[0] == f"ERROR: {reason}"
        assert errors[1].endswith(reason)
        assert tale.world.guests[100].node == "master"

    play(story())


def test_two_migrations_share_their_link() -> None:
    async def story() -> None:
        tale = Story("clusterubd-runs")
        link = tale.world.links.between("master", "slave", Network.REPLICATION)
        assert link.bytes_per_second() == 125_000_000
        link.users = 2
        assert link.bytes_per_second() == 62_500_000
        link.is_cut = True
        assert link.bytes_per_second() == 0

    play(story())


def test_a_cut_link_stalls_a_migration_and_then_fails_it() -> None:
    async def story() -> None:
        tale = Story()
        task = migrate(tale)
        await asyncio.sleep(30)
        tale.world.links.between("master", "slave", Network.REPLICATION).is_cut = True
        await tale.until(lambda: not task.is_running)
        assert task.status == "migration problems"
        assert 58 < tale.seconds < 66
        assert tale.world.guests[100].node == "master"
        assert tale.world.guests[100].lock is None

    play(story())


def test_a_migration_to_a_node_that_is_gone_is_aborted_after_sshs_patience() -> None:
    async def story() -> None:
        tale = Story()
        tale.crash("slave")
        task = migrate(tale)
        await tale.until(lambda: not task.is_running)
        assert task.status == "migration aborted"
        assert tale.seconds == pytest.approx(38, abs=1)
        assert "Can't connect to destination address using public key" in task.lines[-2]

    play(story())


def test_when_the_source_dies_the_task_never_ends_until_it_is_back() -> None:
    async def story() -> None:
        tale = Story()
        task = migrate(tale)
        await asyncio.sleep(30)
        tale.crash("master")
        await asyncio.sleep(100)
        assert task.is_running
        assert tale.world.guests[100].lock == "migrate"
        tale.power_on("master")
        await tale.until(lambda: not task.is_running)
        assert task.status == "unexpected status"

    play(story())


def test_a_source_that_died_leaves_its_lock_and_the_guest_does_not_start() -> None:
    async def story() -> None:
        tale = Story()
        migrate(tale)
        await asyncio.sleep(30)
        tale.crash("master")
        await asyncio.sleep(30)
        tale.power_on("master")
        await tale.until(lambda: tale.service("vm:100") == "vm:100 (master, error)")
        assert tale.task("master", "qmstart").status == "VM is locked (migrate)"
        assert tale.world.guests[101].is_running

    play(story())


def test_fencing_takes_a_dead_nodes_locks_away() -> None:
    async def story() -> None:
        tale = Story("clusterubd-qdevice", master="slave")
        migrate(tale)
        await asyncio.sleep(30)
        tale.crash("master")
        await tale.until(lambda: tale.world.guests[100].is_running)
        assert tale.world.guests[100].node == "slave"
        assert tale.world.guests[100].lock is None

    play(story())


def test_a_stop_during_the_switch_over_comes_too_late() -> None:
    async def story() -> None:
        tale = Story()
        tale.world.guests[100].busy.forced_downtime_ms = 500
        task = migrate(tale)
        await tale.until(lambda: tale.world.guests[100].state == "paused")
        await tale.world.tasks.stop(task)
        await tale.until(lambda: not task.is_running)
        assert "ERROR: received interrupt - delayed" in "\n".join(task.lines)
        assert task.status == "migration problems"
        assert tale.world.guests[100].node == "slave"

    play(story())


def test_an_ha_migration_passes_through_manager_and_local_manager() -> None:
    async def story() -> None:
        tale = Story()
        tale.ha.command("migrate vm:100 slave")
        await tale.until(lambda: tale.service("vm:100") == "vm:100 (master, migrate)", 12)
        await tale.until(lambda: tale.world.guests[100].lock == "migrate", 25)
        task = tale.task("master", "qmigrate")
        await asyncio.sleep(0.1)
        assert task.lines[0] == "task started by HA resource agent"
        assert task.user == "root@pam"
        await tale.until(lambda: not task.is_running)
        ended = tale.seconds
        assert tale.service("vm:100") == "vm:100 (master, migrate)"
        await tale.until(lambda: tale.service("vm:100") == "vm:100 (slave, starting)")
        await tale.until(lambda: tale.service("vm:100") == "vm:100 (slave, started)")
        assert 10 <= tale.seconds - ended <= 30

    play(story())


def test_a_failed_ha_migration_returns_to_the_source() -> None:
    async def story() -> None:
        tale = Story()
        tale.world.guests[100].busy.fail_next_migration = "broken"
        tale.ha.command("migrate vm:100 slave")
        await tale.until(lambda: tale.service("vm:100") == "vm:100 (master, migrate)")
        await tale.until(lambda: tale.service("vm:100") == "vm:100 (master, started)")
        assert tale.world.guests[100].node == "master"

    play(story())


def test_without_qdevice_a_dead_master_takes_quorum_along_and_nothing_recovers() -> None:
    async def story() -> None:
        tale = Story(master="slave")
        tale.crash("master")
        assert await tale.until(lambda: not tale.membership.is_quorate("slave")) < 8
        await asyncio.sleep(280)
        assert tale.service("vm:100") == "vm:100 (master, started)"
        assert not tale.world.guests[100].is_running
        assert not tale.membership.is_silent("slave", "master", 300)
        await asyncio.sleep(40)
        assert tale.membership.is_silent("slave", "master", 300)

    play(story())


def test_after_its_return_nothing_starts_for_two_minutes() -> None:
    async def story() -> None:
        tale = Story(master="slave")
        tale.crash("master")
        await asyncio.sleep(340)
        tale.power_on("master")
        quorate = await tale.until(lambda: tale.membership.is_quorate("slave"))
        runs = await tale.until(lambda: tale.world.guests[100].is_running)
        assert 115 < runs - quorate < 145

    play(story())


def test_with_a_qdevice_the_guests_come_back_after_the_dead_nodes_lock() -> None:
    async def story() -> None:
        tale = Story("clusterubd-qdevice", master="slave")
        tale.crash("master")
        fenced = await tale.until(lambda: tale.ha.world.node_states["master"] == "fence")
        assert 65 < fenced < 95
        runs = await tale.until(lambda: tale.world.guests[100].is_running)
        assert 120 < runs < 150
        assert tale.world.guests[100].node == "slave"

    play(story())


def test_cluster_status_flickers_from_the_qdevices_vote_until_the_dead_node_is_back() -> None:
    async def told(client: Client, node: str) -> bool:
        rows = await client.data(node, "GET", "/cluster/status")
        return bool(next(row["quorate"] for row in rows if row["type"] == "cluster"))

    async def story() -> None:
        tale = Story("clusterubd-qdevice", master="slave")
        client = Client(tale)

        async def heard(seconds: int) -> set[bool]:
            """What slave tells in so many seconds."""
            found = set()
            for _ in range(seconds):
                await asyncio.sleep(1)
                found.add(await told(client, "slave"))
            return found

        tale.crash("master")
        assert await heard(11) == {True}
        assert not tale.membership.is_quorate("slave")
        await asyncio.sleep(1.5)
        assert await heard(1) == {False}
        await asyncio.sleep(1)
        assert tale.membership.is_quorate("slave")
        assert await heard(30) == {True, False}
        tale.power_on("master")
        await tale.until(lambda: tale.membership.is_online("slave", "master"))
        assert await heard(10) == {True}

    play(story())


def test_a_healthy_master_with_guests_resets_itself_after_the_idle_nodes_death() -> None:
    async def story() -> None:
        tale = Story(master="slave")
        tale.crash("slave")
        fell = await tale.until(lambda: not tale.world.nodes["master"].is_on)
        assert 60 < fell < 80
        assert not any(guest.is_running for guest in tale.world.guests.values())
        await tale.until(lambda: tale.world.nodes["master"].is_on)
        await asyncio.sleep(200)
        assert not any(guest.is_running for guest in tale.world.guests.values())

    play(story())


def test_a_dead_master_that_held_the_managers_seat_costs_three_minutes() -> None:
    async def story() -> None:
        tale = Story("clusterubd-qdevice", master="master")
        tale.crash("master")
        unknown = await tale.until(lambda: tale.ha.world.node_states["master"] == "unknown")
        assert 110 < unknown < 135
        runs = await tale.until(lambda: tale.world.guests[100].is_running)
        assert 175 < runs < 210

    play(story())


def test_the_smaller_side_of_a_partition_resets_itself_before_its_guests_are_recovered() -> None:
    async def story() -> None:
        tale = Story("clusterubd-qdevice")
        guest = tale.world.guests[100]
        tale.ha.command("migrate vm:100 slave")
        await tale.until(lambda: tale.service("vm:100") == "vm:100 (slave, started)")
        tale.world.links.between("master", "slave", Network.CLUSTER).is_cut = True
        tale.membership.disturbed()
        cut = tale.seconds
        fell = await tale.until(lambda: not tale.world.nodes["slave"].is_on)
        assert 55 < fell - cut < 75
        assert not guest.is_running
        runs = await tale.until(lambda: guest.is_running)
        assert 110 < runs - cut < 160
        assert guest.runs_on == guest.node == "master"

    play(story())


def test_a_stop_waits_for_the_migrations_lock_and_gives_up_after_ten_seconds() -> None:
    async def story() -> None:
        tale = Story()
        migrate(tale)
        work = work_of(tale.world, 100, Kind.QEMU, "master", Action.STOP)
        stop = tale.world.tasks.start(tale.world.nodes["master"], "qmstop", "100", "root@pam", work)
        await tale.until(lambda: not stop.is_running)
        assert tale.seconds == pytest.approx(10, abs=0.5)
        assert stop.lines == [
            "trying to acquire lock...",
            "TASK ERROR: can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout",
        ]

    play(story())


def test_a_task_ends_with_its_exit_status_in_its_last_line() -> None:
    async def story() -> None:
        tale = Story()

        async def fine(task: Task) -> None:
            task.print("hello")

        async def broken(_task: Task) -> None:
            raise TaskFailed("no\nluck")

        node = tale.world.nodes["slave"]
        good = tale.world.tasks.start(node, "qmstart", "100", "root@pam", fine, token="panel")
        bad = tale.world.tasks.start(node, "qmstart", "101", "root@pam", broken)
        await asyncio.sleep(0.1)
        assert good.lines == ["hello", "TASK OK"]
        assert bad.lines == ["TASK ERROR: no luck"]
        assert bad.status == "no luck"
        assert re.fullmatch(
            r"UPID:slave:[0-9A-F]{8}:[0-9A-F]{8}:[0-9A-F]{8}:qmstart:100:root@pam!panel:", good.upid
        )
        assert [task.id for task in tale.world.tasks.of_node("slave")] == ["101", "100"]

    play(story())
