"""The ssh gateway in front of a server that behaves, lies, hangs, floods and breaks off."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import asyncssh
import pytest

from hapanel.gateways.drbd_ssh import connection
from hapanel.gateways.drbd_ssh.shell import DrbdShell, DrbdSshGateway
from hapanel.ports import ssh_errors
from hapanel.ports.errors import (
    ClusterError,
    Garbage,
    SignInRefused,
    Unreachable,
)
from hapanel.ports.node_shell import NodeDoor
from hapanel.ports.replication import ConnectionState, Role
from hapanel.ports.ssh_errors import (
    HostKeyChanged,
    HostKeyUnknown,
    ScriptMissing,
    ScriptOlder,
)
from hapanel.ports.ssh_faults import fault_of
from tests.contract.ssh_server import JSON, Process, SshNode, failing, flooding, hang, listening

STANDALONE = """[ { "name": "rs", "node-id": 0, "role": "Primary", "devices": [
  { "volume": 0, "minor": 0, "disk-state": "UpToDate", "quorum": true, "size": 262100 } ],
  "connections": [ { "peer-node-id": 1, "name": "slave", "connection-state": "StandAlone",
  "peer-role": "Unknown", "peer_devices": [ { "volume": 0, "replication-state": "Off",
  "peer-disk-state": "DUnknown", "out-of-sync": 8192 } ] } ] } ]
"""
IDS = "00D5A2E4D2A1F2C1:1111111111111111:0000000000000000:0000000000000000:1:1:1:0:0:0:0:0\n"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "COMMAND_SECONDS", 0.6)
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 1.0)


Talk = Callable[[SshNode, DrbdShell], Awaitable[None]]


def talking(node: SshNode, talk: Talk) -> None:
    """Let the panel in, and talk."""

    async def story() -> None:
        async with listening(node):
            shell = await DrbdSshGateway().open(node.login, node.door(node.host_key))
            try:
                await talk(node, shell)
            finally:
                await shell.close()

    asyncio.run(story())


def refused(node: SshNode, door: Callable[[SshNode], NodeDoor]) -> ClusterError:
    """How opening a connection fails."""

    async def story() -> ClusterError:
        async with listening(node):
            with pytest.raises(ClusterError) as caught:
                await DrbdSshGateway().open(node.login, door(node))
            return caught.value

    return asyncio.run(story())


# Who answers


def test_first_contact_shows_the_fingerprint_and_signs_nobody_in() -> None:
    node = SshNode()
    error = refused(node, lambda node: node.door(None))
    assert isinstance(error, HostKeyUnknown)
    assert error.seen == node.host_key.fingerprint
    assert node.signed_in == 0


def test_a_changed_host_key_is_refused_with_both_fingerprints() -> None:
    node, other = SshNode(), SshNode()
    error = refused(node, lambda node: node.door(other.host_key))
    assert isinstance(error, HostKeyChanged)
    assert (error.pinned, error.seen) == (other.host_key.fingerprint, node.host_key.fingerprint)
    assert node.signed_in == 0
    fault = fault_of("master", error)
    assert node.host_key.fingerprint in fault.because()
    assert other.host_key.fingerprint in fault.because()


def test_a_node_that_has_no_key_of_the_pinned_kind_any_more_counts_as_changed() -> None:
    pinned = connection.host_key_of(
        asyncssh.generate_private_key("ecdsa-sha2-nistp256").convert_to_public()
    )
    error = refused(SshNode(), lambda node: node.door(pinned))
    assert isinstance(error, HostKeyChanged)


def test_another_client_key_is_refused() -> None:
    node = SshNode()

    async def story() -> None:
        async with listening(node):
            with pytest.raises(SignInRefused):
                await DrbdSshGateway().open(SshNode().login, node.door(node.host_key))

    asyncio.run(story())


def test_no_agent_and_no_environment_takes_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/nonexistent/agent")
    monkeypatch.setenv("LC_ALL", "id_ID.UTF-8")
    node = SshNode()

    async def talk(node: SshNode, shell: DrbdShell) -> None:
        assert node.environments == [{}]

    talking(node, talk)
    assert "SSH_AUTH_SOCK" in os.environ


def test_nobody_listens() -> None:
    node = SshNode(port=1)

    async def story() -> None:
        with pytest.raises(Unreachable):
            await DrbdSshGateway().open(node.login, node.door(node.host_key))

    asyncio.run(story())


def test_a_port_that_takes_a_connection_and_says_nothing_is_given_up() -> None:
    async def story() -> None:
        server = await asyncio.start_server(lambda _r, _w: asyncio.sleep(3600), "127.0.0.1", 0)
        node = SshNode(port=server.sockets[0].getsockname()[1])
        with pytest.raises(Unreachable, match="does not answer"):
            await DrbdSshGateway().open(node.login, node.door(node.host_key))
        server.close()

    asyncio.run(story())


# The script


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("hapanel-node-command 0\n", ScriptOlder),
        ("Linux master 6.8\n", ScriptMissing),
        ("", ScriptMissing),
        ("hapanel-node-command 1; rm\n", ScriptMissing),
    ],
)
def test_the_handshake_tells_a_missing_or_older_script(
    said: str, error: type[ClusterError]
) -> None:
    node = SshNode()
    node.says["version"] = said
    assert type(refused(node, lambda node: node.door(node.host_key))) is error


def test_a_login_shell_instead_of_the_script_is_said() -> None:
    node = SshNode()
    node.says["version"] = failing(127, "bash: version: command not found\n")
    error = refused(node, lambda node: node.door(node.host_key))
    assert isinstance(error, ScriptMissing)
    assert "command not found" in fault_of("master", error).because()


# What it says


def test_a_status_with_a_broken_link_is_asked_for_its_generation_ids() -> None:
    node = SshNode()
    node.says |= {JSON: STANDALONE, "drbdadm get-gi rs": IDS}

    async def talk(node: SshNode, shell: DrbdShell) -> None:
        status = await shell.status()
        [resource] = status.resources
        assert resource.role is Role.PRIMARY
        [peer] = resource.peers
        assert peer.connection_state is ConnectionState.STANDALONE
        ids = peer.volumes[0].generations
        assert ids is not None
        assert ids.current == "00D5A2E4D2A1F2C1"

    talking(node, talk)


def test_a_node_without_drbd_answers_and_says_why() -> None:
    node = SshNode()
    node.says["cat /proc/drbd"] = failing(1, "cat: /proc/drbd: No such file or directory\n")

    async def talk(node: SshNode, shell: DrbdShell) -> None:
        status = await shell.status()
        assert status.resources == ()
        assert "No such file" in (status.error or "")

    talking(node, talk)


@pytest.mark.parametrize("cut", [STANDALONE[:200], STANDALONE[:90], "\x00\xff{]", ""])
def test_a_cut_or_garbled_status_is_incomplete_and_no_fault_of_ours(cut: str) -> None:
    node = SshNode()
    node.says |= {JSON: cut, "drbdadm get-gi rs": IDS}

    async def talk(node: SshNode, shell: DrbdShell) -> None:
        status = await shell.status()
        assert not status.complete

    talking(node, talk)


def test_a_command_that_hangs_ends_the_connection() -> None:
    node = SshNode()
    node.says[JSON] = hang

    async def talk(node: SshNode, shell: DrbdShell) -> None:
        with pytest.raises(Unreachable, match="does not end"):
            await shell.status()
        with pytest.raises(Unreachable):
            await shell.status()

    talking(node, talk)


def test_too_much_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MOST_BYTES", 1024 * 1024)
    node = SshNode()
    node.says[JSON] = flooding(8 * 1024 * 1024)

    async def talk(node: SshNode, shell: DrbdShell) -> None:
        with pytest.raises(Garbage):
            await shell.status()

    talking(node, talk)


def test_the_shared_secret_stays_out_of_errors_and_logs(caplog: pytest.LogCaptureFixture) -> None:
    node = SshNode()
    node.says[JSON] = failing(
        20, "Command 'drbdsetup new-peer rs 1 --shared-secret=hush-hush --protocol=C' terminated\n"
    )
    caplog.set_level(logging.DEBUG)

    async def talk(node: SshNode, shell: DrbdShell) -> None:
        status = await shell.status()
        assert "terminated" in (status.error or "")
        assert "hush-hush" not in repr(status)

    talking(node, talk)
    assert "hush-hush" not in caplog.text


def test_configuration_is_read_by_listed_names_only() -> None:
    node = SshNode()
    node.says |= {
        "cat /etc/drbd.conf": 'include "drbd.d/*.res";\n',
        "ls /etc/drbd.d": "rs.res\n../../shadow\nno$thing.res\nglobal_common.conf\n",
        "cat /etc/drbd.d/rs.res": "resource rs {}\n",
        "cat /etc/drbd.d/global_common.conf": "common {}\n",
    }

    async def talk(node: SshNode, shell: DrbdShell) -> None:
        files = await shell.configuration()
        assert [file.path for file in files] == [
            "/etc/drbd.conf",
            "/etc/drbd.d/global_common.conf",
            "/etc/drbd.d/rs.res",
        ]
        assert "resource" not in repr(files)

    talking(node, talk)


def test_volume_groups_are_read() -> None:
    node = SshNode()
    node.says |= {
        "vgs": '{"report":[{"vg":[{"vg_name":"vg_drbd","vg_size":"1000","vg_free":"400"}]}]}',
        "lvs": '{"report":[{"lv":[{"lv_name":"vm-100-disk-0","vg_name":"vg_drbd",'
        '"lv_attr":"-wi-ao----","lv_size":"600"}]}]}',
        "pvs": '{"report":[{"pv":[{"pv_name":"/dev/drbd0","vg_name":"vg_drbd",'
        '"pv_size":"1000","pv_free":"400"}]}]}',
    }

    async def talk(node: SshNode, shell: DrbdShell) -> None:
        report = await shell.lvm()
        assert (report.groups[0].vg, report.groups[0].free) == ("vg_drbd", 400)
        assert report.volumes[0].active
        assert report.disks[0].pv == "/dev/drbd0"

    talking(node, talk)
    node.says["vgs"] = "WARNING: no json"

    async def garbled(node: SshNode, shell: DrbdShell) -> None:
        with pytest.raises(Garbage):
            await shell.lvm()

    talking(node, garbled)


def test_a_verb_that_the_script_lacks_means_that_it_is_older() -> None:
    async def talk(node: SshNode, shell: DrbdShell) -> None:
        with pytest.raises(ScriptOlder):
            await shell.lvm()

    talking(SshNode(), talk)


# The stream


def test_a_burst_of_events_is_one_change_and_a_cut_stream_is_said() -> None:
    go_on = asyncio.Event()

    async def stream(process: Process) -> None:
        process.stdout.write(b"exists resource name:rs role:Primary\nexists -\n")
        await go_on.wait()
        process.stdout.write(b"change connection name:rs\nchange device name:rs\n")
        await asyncio.sleep(0.2)
        process.exit(1)

    node = SshNode()
    node.says["drbdsetup events2"] = stream

    async def talk(node: SshNode, shell: DrbdShell) -> None:
        async with aclosing(shell.changes()) as changes:
            await anext(changes)
            go_on.set()
            await asyncio.wait_for(anext(changes), 1.0)
            with pytest.raises(Unreachable, match="ended"):
                await anext(changes)

    talking(node, talk)


def test_an_alarm_of_drbd_itself_is_kept_for_the_next_status() -> None:
    async def stream(process: Process) -> None:
        process.stdout.write(
            b"exists resource name:rs role:Primary\n"
            b"exists connection name:rs peer-node-id:1 conn-name:slave connection:StandAlone\n"
            b"exists -\ncall helper name:rs peer-node-id:1 conn-name:slave helper:split-brain\n"
        )
        await hang(process)

    node = SshNode()
    node.says |= {"drbdsetup events2": stream, JSON: STANDALONE, "drbdadm get-gi rs": IDS}

    async def talk(node: SshNode, shell: DrbdShell) -> None:
        async with aclosing(shell.changes()) as changes:
            await anext(changes)
            [resource] = (await shell.status()).resources
            assert resource.split_brain_called

    talking(node, talk)


# docs/faults.md


def test_every_kind_of_fault_over_ssh_has_its_row() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "faults.md").read_text()
    table = text[text.index("## A node over ssh") :]
    kinds = [
        each.kind
        for each in vars(ssh_errors).values()
        if isinstance(each, type)
        and issubclass(each, ClusterError)
        and each.__module__ == ssh_errors.__name__
    ]
    assert kinds
    for kind in kinds:
        assert f"| `{kind}` |" in table, kind
