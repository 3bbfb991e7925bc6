"""The lab's ssh: the forced command of real nodes, with a living DRBD behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import psutil
import pytest

from hapanel.lab.drbd.ssh import key_in, public_line
from tests.contract.lab_process import LabProcess, eventually
from tests.pure.deploy.test_node_command import permitted_lines

SPEED = 60
GROUP = "vg_drbd"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def lab(keys: Path) -> Iterator[LabProcess]:
    lab = LabProcess("clusterubd-qdevice", SPEED, "--folder", str(keys))
    yield lab
    lab.close()


class Node:
    """A node over ssh, as the panel reaches it."""

    def __init__(self, connection: asyncssh.SSHClientConnection) -> None:
        self.connection = connection

    async def ask(self, line: str) -> tuple[int | None, str, str]:
        """Exit status and both streams."""
        async with asyncio.timeout(20):
            ran = await self.connection.run(line, stdin=asyncssh.DEVNULL)
        return ran.exit_status, str(ran.stdout), str(ran.stderr)

    async def until(self, line: str, text: str, seconds: float = 20) -> str:
        """Asks until the answer holds that text."""
        async with asyncio.timeout(seconds):
            while text not in (answer := (await self.ask(line))[1]):
                await asyncio.sleep(0.05)
        return answer


async def connect(ready: dict[str, Any], name: str, **others: Any) -> asyncssh.SSHClientConnection:
    """Opens a connection with the ready line's key, believing its host key alone."""
    ssh = next(node["ssh"] for node in ready["nodes"] if node["name"] == name)
    known = asyncssh.import_known_hosts(f"[{ssh['host']}]:{ssh['port']} {ssh['host_key']}")
    how: dict[str, Any] = {
        "username": ssh["user"],
        "client_keys": [asyncssh.import_private_key(ready["ssh_key"])],
        "known_hosts": known,
        "config": None,
        **others,
    }
    return await asyncssh.connect(ssh["host"], ssh["port"], **how)


def on_both(lab: LabProcess, story: Callable[[Node, Node], Awaitable[None]]) -> None:
    """Plays a story with both nodes."""

    async def play() -> None:
        async with (
            await connect(lab.ready, "master") as master,
            await connect(lab.ready, "slave") as slave,
        ):
            await story(Node(master), Node(slave))

    asyncio.run(play())


def test_every_permitted_look_gets_an_answer(lab: LabProcess) -> None:
    looks = ("version", "cat", "ls", "drbdsetup", "lvs", "vgs", "pvs")
    lines = [line.replace("rs:slave/0", "rs") for line in permitted_lines()]
    harmless = [line for line in lines if line.startswith(looks) or " get-gi" in line]
    harmless += ["drbdadm status", "drbdadm role rs", "drbdadm dump rs", "drbdadm --version"]

    async def story(master: Node, _slave: Node) -> None:
        # 8.4 has no JSON, the lab no lvm.conf, and a stream no end.
        without = ("--json", "/etc/lvm", "events2")
        asked = [line for line in harmless if not any(word in line for word in without)]
        answers = await asyncio.gather(*(master.ask(line) for line in asked))
        for line, (status, output, errors) in zip(asked, answers, strict=True):
            assert (status, errors, bool(output)) == (0, "", True), line
        groups = json.loads((await master.ask("vgs"))[1])["report"][0]["vg"]
        assert [group["vg_name"] for group in groups] == ["pve", GROUP]

    on_both(lab, story)


def test_ssh_opens_nothing_but_the_forced_command(lab: LabProcess, tmp_path: Path) -> None:
    canary = tmp_path / "canary"

    async def story(master: Node, _slave: Node) -> None:
        hostile = (f"drbdadm status; touch {canary}", "sh", "", f"$(touch {canary})", "a\0b")
        for line in hostile:
            status, output, _ = await master.ask(line)
            assert (status, output) == (126, ""), line
        with pytest.raises(asyncssh.Error):
            await master.connection.start_sftp_client()
        with pytest.raises(asyncssh.Error):
            await master.connection.open_connection("127.0.0.1", 22)
        for wrong in ({"username": "nobody"}, {"client_keys": [_stranger()]}):
            with pytest.raises(asyncssh.PermissionDenied):
                await connect(lab.ready, "master", **wrong)

    on_both(lab, story)
    assert not canary.exists()


def _stranger() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")


def test_a_split_brain_from_the_cut_to_the_recovery(lab: LabProcess) -> None:
    async def story(master: Node, slave: Node) -> None:
        events = await master.connection.create_process("drbdsetup events2 --timestamps")
        lab.ctl("cut", "master", "slave")
        await slave.until("drbdadm cstate rs", "WFConnection")
        lab.ctl("write", "slave", "rs", "5")
        lab.ctl("heal", "master", "slave")
        await master.until("drbdadm cstate rs", "StandAlone")
        assert "peer" not in (await master.ask("drbdadm status rs"))[1]
        assert "oos:5120" in (await slave.ask("cat /proc/drbd"))[1]
        assert (await slave.ask("drbdadm secondary rs"))[0] == 11
        assert (await slave.ask(f"vgchange -an {GROUP}"))[0] == 0
        assert (await slave.ask("drbdadm secondary rs"))[0] == 0
        assert (await slave.ask("drbdadm connect --discard-my-data rs"))[0] == 0
        assert (await master.ask("drbdadm connect rs"))[0] == 0
        await slave.until("drbdadm dstate rs", "UpToDate/UpToDate")
        assert (await master.ask("drbdadm role rs"))[1] == "Primary/Secondary\n"
        told = await events.stdout.read(64 * 1024)
        assert "connection:StandAlone" in str(told)
        assert "replication:SyncSource" in str(told)

    on_both(lab, story)


def test_a_dead_node_is_a_black_hole_and_comes_back_with_its_replication(lab: LabProcess) -> None:
    async def story(master: Node, slave: Node) -> None:
        lab.ctl("crash", "slave")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(slave.ask("version"), 0.5)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connect(lab.ready, "slave"), 0.5)
        await master.until("drbdadm cstate rs", "WFConnection")
        lab.ctl("power-on", "slave")
        await master.until("drbdadm role rs", "Primary/Primary")

    on_both(lab, story)


def test_a_stream_ends_with_its_reader(lab: LabProcess) -> None:
    async def story(master: Node, _slave: Node) -> None:
        events = await master.connection.create_process("drbdsetup events2")
        assert "exists" in str(await events.stdout.readline())

    on_both(lab, story)
    children = psutil.Process(lab.pid).children
    eventually(lambda: not children(recursive=True))


def test_maintenance_is_asked_for_on_the_node(lab: LabProcess) -> None:
    async def story(master: Node, _slave: Node) -> None:
        line = "ha-manager crm-command node-maintenance {} slave"
        assert await master.ask(line.format("enable")) == (0, "", "")
        async with asyncio.timeout(20):
            while not lab.ctl("status")["nodes"]["slave"]["maintenance"]:
                await asyncio.sleep(0.05)
        assert await master.ask(line.format("disable")) == (0, "", "")

    on_both(lab, story)


def test_the_folder_keeps_the_keys_that_the_ready_line_tells(lab: LabProcess, keys: Path) -> None:
    assert (keys / "panel_key").read_text() == lab.ready["ssh_key"]
    for node in lab.ready["nodes"]:
        kept = key_in(keys, f"{node['name']}_host_key")
        assert public_line(kept) == node["ssh"]["host_key"]
        assert kept.get_fingerprint() == node["ssh"]["fingerprint"]
    assert [file.name for file in keys.iterdir() if file.stat().st_mode & 0o077] == []
