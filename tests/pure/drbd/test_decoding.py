"""DRBD's answers in its own forms, written by hand: what each becomes."""

from __future__ import annotations

import json

import pytest

from hapanel.drbd.decode.combine import with_generations, with_proc_drbd
from hapanel.drbd.decode.forms import Form, decode, form_of
from hapanel.drbd.decode.generations import Relation, generations, relation
from hapanel.drbd.decode.proc_drbd import proc_drbd
from hapanel.drbd.decode.status_json import status_json
from hapanel.drbd.decode.status_text import status_text
from hapanel.drbd.decode.tool_answers import resource_of_words
from hapanel.kernel.units import KIB, MIB
from hapanel.ports.replication import (
    ConnectionState,
    DiskState,
    NodeStatus,
    Pause,
    Peer,
    PeerVolume,
    ReplicationState,
    Role,
    Series,
    Suspension,
)

STATUS_OF_8 = """\
rs role:Primary suspended:no
    write-ordering:flush
  volume:0 minor:3 disk:UpToDate
      size:2048000 read:10 written:20 al-writes:1 bm-writes:0 upper-pending:0
      lower-pending:0 al-suspended:no blocked:no
  peer connection:Connected role:Secondary congested:no
    volume:0 replication:SyncSource peer-disk:Inconsistent done:99.50
        resync-suspended:no
        received:0 sent:512 out-of-sync:10240 pending:0 unacked:0

"""
PROC_OF_8 = """\
version: 8.4.10 (api:1/proto:86-101)
srcversion: 0123456789ABCDEF
 3: cs:SyncSource ro:Primary/Secondary ds:UpToDate/Inconsistent C r-----
    ns:512 nr:0 dw:20 dr:10 al:1 bm:0 lo:0 pe:0 ua:0 ap:0 ep:1 wo:f oos:10240
\t[>...................] sync'ed: 50.0% (10240/40960)K
\tfinish: 1:00:02 speed: 1,024 (2,048) K/sec

"""
STATUS_OF_9 = """\
vm-7 node-id:0 role:Secondary suspended:quorum,user force-io-failures:no
    write-ordering:flush
  volume:0 minor:1 disk:Outdated backing_dev:/dev/vg/a quorum:no
      size:100 read:0 written:0 al-writes:0 bm-writes:0 upper-pending:0
      lower-pending:0 al-suspended:no blocked:no
  volume:1 minor:2 disk:Diskless client:yes backing_dev:none quorum:yes
      size:200 read:0 written:0 al-writes:0 bm-writes:0 upper-pending:0
      lower-pending:0 al-suspended:no blocked:no
  east node-id:1 connection:Connected role:Primary congested:yes ap-in-flight:0
      rs-in-flight:0
    volume:0 replication:PausedSyncT peer-disk:UpToDate done:25.00
        resync-suspended:user,dependency
        received:0 sent:0 out-of-sync:75 pending:0 unacked:0 dbdt1:3.00 eta:9
    volume:1 replication:VerifyT peer-disk:UpToDate done:40.00
        resync-suspended:no
        received:0 sent:0 out-of-sync:8 pending:0 unacked:0 dbdt1:2.00 eta:12
  west node-id:2 connection:StandAlone role:Unknown congested:no ap-in-flight:0
      rs-in-flight:0
    volume:0 replication:Off peer-disk:DUnknown resync-suspended:no
        received:0 sent:0 out-of-sync:0 pending:0 unacked:0

"""
GI_OF_8 = "00000000000000A1:00000000000000B0:00000000000000C0:0000000000000000:1:1:1:0:0:1:1\n"


def link(status: NodeStatus, resource: str = "rs", place: int = 0) -> Peer:
    found = status.resource(resource)
    assert found is not None
    return found.peers[place]


def volume(status: NodeStatus, resource: str = "rs", place: int = 0, number: int = 0) -> PeerVolume:
    found = link(status, resource, place).volume(number)
    assert found is not None
    return found


def test_the_status_of_8_gives_sizes_in_bytes_and_no_false_percent() -> None:
    status = status_text(STATUS_OF_8)
    assert (status.series, status.complete) == (Series.V8, True)
    resource = status.resources[0]
    assert (resource.name, resource.role) == ("rs", Role.PRIMARY)
    assert (resource.volumes[0].minor, resource.volumes[0].size) == (3, 2048000 * KIB)
    assert link(status).name is None
    seen = volume(status)
    assert seen.replication_state is ReplicationState.SYNC_SOURCE
    assert (seen.out_of_sync, seen.in_sync_percent, seen.percent) == (10240 * KIB, 99.5, None)


def test_proc_drbd_adds_the_true_percent_rate_and_protocol() -> None:
    status = with_proc_drbd(status_text(STATUS_OF_8), proc_drbd(PROC_OF_8))
    seen = volume(status)
    assert (seen.percent, seen.total) == (75.0, 40960 * KIB)
    assert (seen.rate, seen.eta_seconds) == (1024 * KIB, 3602)
    assert (link(status).protocol, status.version) == ("C", "8.4.10")


def test_the_progress_of_another_moment_is_not_mixed_in() -> None:
    later = STATUS_OF_8.replace("SyncSource", "Established").replace("done:99.50", "")
    status = with_proc_drbd(status_text(later), proc_drbd(PROC_OF_8))
    assert (volume(status).percent, volume(status).total) == (None, None)


def test_a_link_that_8_hides_is_standalone() -> None:
    alone = STATUS_OF_8[: STATUS_OF_8.index("  peer")]
    status = status_text(alone + "\n")
    assert link(status).connection_state is ConnectionState.STANDALONE
    assert link(status).inferred
    proc = " 3: cs:StandAlone ro:Primary/Unknown ds:UpToDate/DUnknown   r-----\n    oos:7\n"
    told = with_proc_drbd(status, proc_drbd(proc))
    assert (volume(told).out_of_sync, link(told).inferred) == (7 * KIB, False)


def test_the_status_of_9_names_peers_pauses_and_the_quorum() -> None:
    status = status_text(STATUS_OF_9)
    resource = status.resources[0]
    assert (status.series, resource.node_id) == (Series.V9, 0)
    assert resource.suspended == (Suspension.USER, Suspension.QUORUM)
    assert [one.quorum for one in resource.volumes] == [False, True]
    assert [one.client for one in resource.volumes] == [None, True]
    assert [one.backing_device for one in resource.volumes] == ["/dev/vg/a", None]
    assert [one.name for one in resource.peers] == ["east", "west"]
    assert link(status, "vm-7").congested is True


def test_a_paused_sync_keeps_its_percent_and_loses_its_rate() -> None:
    seen = volume(status_text(STATUS_OF_9), "vm-7")
    assert seen.paused == (Pause.USER, Pause.DEPENDENCY)
    assert (seen.percent, seen.rate, seen.eta_seconds) == (25.0, None, None)


def test_a_verify_has_its_own_progress_beside_what_it_found() -> None:
    seen = volume(status_text(STATUS_OF_9), "vm-7", number=1)
    assert (seen.percent, seen.out_of_sync, seen.rate) == (40.0, 8 * KIB, 2 * MIB)


@pytest.mark.parametrize(
    ("line", "connection", "replication"),
    [
        ("east role:Secondary", ConnectionState.CONNECTED, ReplicationState.ESTABLISHED),
        ("east connection:Connecting", ConnectionState.CONNECTING, ReplicationState.UNKNOWN),
    ],
)
def test_without_verbose_what_is_not_said_stands(
    line: str, connection: ConnectionState, replication: ReplicationState
) -> None:
    status = status_text(f"rs role:Primary\n  disk:UpToDate\n  {line}\n    peer-disk:UpToDate\n\n")
    assert link(status).connection_state is connection
    assert volume(status).replication_state is replication
    assert volume(status).disk_state is DiskState.UP_TO_DATE


def json_of_9(**peer: object) -> str:
    peer_device = {"volume": 0, "replication-state": "SyncTarget", "peer-disk-state": "UpToDate"}
    connection = {
        "peer-node-id": 1,
        "name": "east",
        "connection-state": "Connected",
        "peer-role": "Primary",
        "peer_devices": [peer_device | peer],
    }
    device = {"volume": 0, "minor": 0, "disk-state": "Inconsistent", "quorum": True, "size": 100}
    resource = {
        "name": "rs",
        "node-id": 0,
        "role": "Secondary",
        "suspended": True,
        "suspended-fencing": True,
        "devices": [device],
        "connections": [connection],
    }
    return json.dumps([resource])


def test_json_counts_totals_in_sectors_and_the_rest_in_kib() -> None:
    told = {"out-of-sync": 25, "rs-total": 200, "db1/dt1 [MiB/s]": 0.5}
    status = status_json(json_of_9(**told, **{"estimated-seconds-to-finish": 3}))
    seen = volume(status)
    assert (seen.out_of_sync, seen.total, seen.percent) == (25 * KIB, 100 * KIB, 75.0)
    assert (seen.rate, seen.eta_seconds) == (MIB // 2, 3)
    assert status.resources[0].suspended == (Suspension.FENCING,)
    assert (status.complete, link(status).name) == (True, "east")


def test_a_json_number_that_is_none_is_not_told() -> None:
    text = json_of_9(**{"out-of-sync": 1, "eta-mark": 0}).replace('"eta-mark": 0', '"x": -nan')
    assert status_json(text).complete


def test_json_that_was_cut_keeps_what_came_before() -> None:
    two = json.dumps(json.loads(json_of_9()) + json.loads(json_of_9().replace("rs", "vm-1")))
    status = status_json(two[: two.rindex("peer-role")])
    assert [one.name for one in status.resources] == ["rs", "vm-1"]
    assert link(status, "vm-1").connection_state is ConnectionState.CONNECTED
    assert not status.complete
    assert status.not_understood


def test_half_a_number_at_the_end_is_not_a_number() -> None:
    cut = STATUS_OF_8[: STATUS_OF_8.index("out-of-sync:10240") + len("out-of-sync:10")]
    status = status_text(cut)
    assert volume(status).out_of_sync is None
    assert not status.complete
    assert status.not_understood[-1].text == "out-of-sync:10"


def test_words_that_nobody_knows_are_kept() -> None:
    status = status_text(STATUS_OF_8.replace("SyncSource", "SyncSideways"))
    assert volume(status).replication_state is ReplicationState.UNKNOWN
    assert volume(status).unknown_words == {"replication_state": "SyncSideways"}
    assert status_text("rs role:Boss suspended:no\n").resources[0].unknown_words == {"role": "Boss"}


def test_lines_that_are_no_status_are_named_by_their_place() -> None:
    status = status_text("warning: no such thing\n" + STATUS_OF_8)
    assert [one.line for one in status.not_understood] == [1]
    assert (status.complete, status.resource("rs") is not None) == (False, True)


def test_an_older_proc_drbd_is_read_too() -> None:
    old = (
        "version: 8.3.11 (api:88/proto:86-96)\nGIT-hash: 0123 build by someone\n"
        " 0: cs:PausedSyncT ro:Secondary/Primary ds:Inconsistent/UpToDate A rapu--\n"
        "    ns:0 nr:1 dw:1 dr:0 al:0 bm:0 lo:0 pe:0 ua:0 ap:0 ep:1 wo:b oos:4194304\n"
        "\t[>....................] sync'ed:  1.0% (4096/8192)M\n"
        "\tfinish: 0:10:00 speed: 7,000 (7,000) K/sec\n"
        " 1: cs:Unconfigured\n"
    )
    status = proc_drbd(old)
    assert (status.version, status.series, status.complete) == ("8.3.11", Series.V8, True)
    seen = volume(status, "minor-0")
    assert seen.paused == (Pause.USER, Pause.PEER, Pause.DEPENDENCY)
    assert (seen.percent, seen.rate) == (50.0, None)
    down = status.resources[1]
    assert (down.role, down.volumes[0].disk_state) == (Role.SECONDARY, DiskState.DISKLESS)


def test_proc_drbd_of_9_has_its_version_only() -> None:
    status = proc_drbd("version: 9.2.18 (api:2/proto:118-124)\nTransports (api:21): tcp\n")
    assert (status.series, status.resources, status.complete) == (Series.V9, (), True)


def test_bare_words_of_drbdadm_become_a_resource() -> None:
    old = resource_of_words("rs", "Primary/Unknown\n", "WFConnection\n", "UpToDate/Outdated\n")
    assert (old.role, old.peers[0].connection_state) == (Role.PRIMARY, ConnectionState.CONNECTING)
    assert old.peers[0].volumes[0].disk_state is DiskState.OUTDATED
    new = resource_of_words("rs", "Secondary\n", "Connected\nStandAlone\n", "UpToDate/A/DUnknown\n")
    assert [one.connection_state for one in new.peers] == ["Connected", "StandAlone"]
    assert new.peers[0].volumes[0].unknown_words == {"disk_state": "A"}
    assert new.peers[0].volumes[0].replication_state is ReplicationState.UNKNOWN


def test_generation_ids_are_read_with_their_flags() -> None:
    (found,) = generations(GI_OF_8)
    assert (found.current, found.was_primary, found.crashed_primary) == ("0" * 14 + "A1", 1, 1)
    nine = GI_OF_8.strip().rsplit(":", 7)[0] + ":1:0:0:1:0:0:1:1:0:0:0:1\n"
    (newer,) = generations(nine)
    assert (newer.was_connected, newer.crashed_primary, newer.lost_quorum_as_primary) == (1, 1, 1)


def gi(*ids: int) -> str:
    return ":".join(f"{one:016X}" for one in (*ids, *[0] * (4 - len(ids)))) + ":1:1:0:0:0:0:0"


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((0xA1, 0), (0xA0, 0), Relation.SAME),
        ((0xB1, 0xA1), (0xA0, 0), Relation.FIRST_NEWER),
        ((0xA0, 0), (0xC1, 0xB0, 0xA0), Relation.SECOND_NEWER),
        ((0xB1, 0xA1), (0xC1, 0xA0), Relation.DIVERGED),
        ((0xB1, 0xD0), (0xC1, 0xE0), Relation.UNRELATED),
        ((4, 0), (0xC1, 0xE0), Relation.SECOND_NEWER),
        ((0xC1, 0xE0), (4, 0), Relation.FIRST_NEWER),
    ],
)
def test_generation_ids_tell_how_two_copies_descend(
    first: tuple[int, ...], second: tuple[int, ...], expected: Relation
) -> None:
    (mine,), (theirs,) = generations(gi(*first)), generations(gi(*second))
    assert relation(mine, theirs) is expected
    assert relation(mine, None) is Relation.UNKNOWN


def test_generation_ids_go_to_their_volumes_and_peers_or_nowhere() -> None:
    resource = status_text(STATUS_OF_9).resources[0]
    lines = generations("\n".join(gi(number) for number in (0xA, 0xB, 0xC, 0xD)))
    told = with_generations(resource, lines)
    held = [[one.generations for one in peer.volumes] for peer in told.peers]
    assert [[one.current[-1] for one in row if one] for row in held] == [["A", "C"], ["B", "D"]]
    assert with_generations(resource, lines[:3]) == resource


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (STATUS_OF_8, Form.STATUS),
        (PROC_OF_8, Form.PROC_DRBD),
        (GI_OF_8, Form.GENERATIONS),
        (json_of_9(), Form.STATUS_JSON),
        ("[\n]\n\n", Form.STATUS_JSON),
        ("exists -\n", Form.EVENTS2),
        ("2026-01-02T03:04:05.6+00:00 change device name:rs volume:0\n", Form.EVENTS2),
        ("Primary/Unknown\n", Form.ROLE),
        ("UpToDate/DUnknown\n", Form.DSTATE),
        ("WFConnection\n", Form.CSTATE),
        ("# No currently configured DRBD found.\n", Form.STATUS),
        ("anything else\n", Form.UNREADABLE),
        ('{"a": 1}', Form.UNREADABLE),
        ("", Form.UNREADABLE),
    ],
)
def test_a_text_shows_which_command_printed_it(text: str, form: Form) -> None:
    assert form_of(text) is form
    decode(text, "rs")
