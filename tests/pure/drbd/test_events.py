"""The fold over `drbdsetup events2`: the state after each line."""

from __future__ import annotations

from hapanel.drbd.decode.events import EventStream, events, events_text
from hapanel.kernel.units import KIB
from hapanel.ports.replication import ConnectionState, DiskState, ReplicationState, Role, Series

START_OF_9 = [
    "exists resource name:rs role:Secondary suspended:no may_promote:yes promotion_score:1",
    "exists connection name:rs peer-node-id:1 conn-name:east connection:Connected role:Primary",
    "exists device name:rs volume:0 minor:0 disk:UpToDate client:no quorum:yes size:1000",
    "exists peer-device name:rs peer-node-id:1 conn-name:east volume:0 replication:Established "
    "peer-disk:UpToDate resync-suspended:no received:0 sent:0 out-of-sync:0",
    "exists path name:rs peer-node-id:1 local:ipv4:10.0.0.1:7788 peer:ipv4:10.0.0.2:7788",
    "exists -",
]
START_OF_8 = [
    "exists resource name:rs role:Primary suspended:no write-ordering:flush",
    "exists connection name:rs peer-node-id:0 conn-name:peer connection:Connecting role:Unknown",
    "exists device name:rs volume:0 minor:0 disk:UpToDate size:1000",
    "exists peer-device name:rs peer-node-id:0 conn-name:peer volume:0 replication:Off "
    "peer-disk:DUnknown resync-suspended:no received:0 sent:0 out-of-sync:400",
    "exists -",
]


def test_a_change_keeps_what_it_does_not_name() -> None:
    status = events([*START_OF_9, "change resource name:rs role:Primary"])
    resource = status.resources[0]
    assert (resource.role, resource.may_promote, status.series) == (Role.PRIMARY, True, Series.V9)
    assert resource.peers[0].connection_state is ConnectionState.CONNECTED
    assert status.complete


def test_the_picture_is_incomplete_until_the_dump_has_ended() -> None:
    stream = EventStream()
    for line in START_OF_9[:-1]:
        stream.feed(line)
    assert (stream.dumped, stream.status().complete) == (False, False)
    stream.feed("exists -")
    assert (stream.dumped, stream.status().complete) == (True, True)


def test_timestamps_in_front_change_nothing() -> None:
    stamped = [f"2026-11-23T06:53:47.004683+00:00 {line}" for line in START_OF_9]
    assert events(stamped) == events(START_OF_9)


def test_what_is_destroyed_is_gone() -> None:
    lines = [*START_OF_9, "destroy peer-device name:rs peer-node-id:1 conn-name:east volume:0"]
    assert events(lines).resources[0].peers[0].volumes == ()
    lines.append("destroy connection name:rs peer-node-id:1 conn-name:east")
    assert events(lines).resources[0].peers == ()
    lines += ["destroy device name:rs volume:0 minor:0", "destroy resource name:rs"]
    assert events(lines).resources == ()


def test_a_link_that_8_destroys_is_standalone() -> None:
    lines = [*START_OF_8, "destroy connection name:rs peer-node-id:0 conn-name:peer"]
    (peer,) = events(lines).resources[0].peers
    assert (peer.connection_state, peer.inferred) == (ConnectionState.STANDALONE, True)


def test_a_sync_that_starts_shows_its_total_which_8_tells_nowhere_else() -> None:
    sync = "change peer-device name:rs peer-node-id:0 volume:0 "
    lines = [
        *START_OF_8,
        sync + "replication:WFBitMapS peer-disk:Inconsistent out-of-sync:400",
        sync + "replication:SyncSource out-of-sync:400",
        sync + "out-of-sync:100",
    ]
    seen = events(lines).resources[0].peers[0].volumes[0]
    assert (seen.percent, seen.total) == (75.0, 400 * KIB)
    paused = [*lines, sync + "replication:PausedSyncS resync-suspended:peer out-of-sync:100"]
    assert events(paused).resources[0].peers[0].volumes[0].percent == 75.0
    done = events([*lines, sync + "replication:Established out-of-sync:0"])
    assert done.resources[0].peers[0].volumes[0].total is None


def test_a_sync_that_already_ran_has_no_known_total_in_8() -> None:
    running = [line.replace("replication:Off", "replication:SyncSource") for line in START_OF_8]
    assert events(running).resources[0].peers[0].volumes[0].percent is None


def test_drbd_calling_its_split_brain_helper_is_kept_until_the_link_lives_again() -> None:
    called = [
        *START_OF_9,
        "call helper name:rs peer-node-id:1 conn-name:east volume:0 minor:0 helper:split-brain",
        "change connection name:rs peer-node-id:1 conn-name:east connection:StandAlone",
    ]
    assert events(called).resources[0].split_brain_called
    before = [line.replace("helper:split-brain", "helper:initial-split-brain") for line in called]
    assert not events(before).resources[0].split_brain_called
    alive = "change peer-device name:rs peer-node-id:1 volume:0 replication:WFBitMapT"
    assert not events([*called, alive]).resources[0].split_brain_called


def test_what_is_no_event_is_said_and_passed_over() -> None:
    stream = EventStream()
    moved = [stream.feed(line) for line in ("", "nonsense", "change device volume:0", "exists -")]
    assert moved == [False, False, False, True]
    assert [one.line for one in stream.status().not_understood] == [2, 3]


def test_a_torn_last_line_changes_no_number() -> None:
    text = "\n".join([*START_OF_9, "change device name:rs volume:0 disk:Failed size:1"])
    status = events_text(text)
    (device,) = status.resources[0].volumes
    assert (device.size, device.disk_state) == (1000 * KIB, DiskState.FAILED)
    assert not status.complete


def test_a_renamed_resource_keeps_its_state() -> None:
    status = events([*START_OF_9, "rename resource name:rs new_name:data"])
    assert [one.name for one in status.resources] == ["data"]


def test_peer_devices_stay_in_their_state_over_a_lost_link() -> None:
    lost = [
        *START_OF_9,
        "change connection name:rs peer-node-id:1 connection:NetworkFailure role:Unknown",
        "change peer-device name:rs peer-node-id:1 volume:0 replication:Off peer-disk:DUnknown",
    ]
    (peer,) = events(lost).resources[0].peers
    assert peer.connection_state is ConnectionState.NETWORK_FAILURE
    assert peer.volumes[0].replication_state is ReplicationState.OFF
