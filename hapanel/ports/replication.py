"""What one node says of its DRBD resources: typed, immutable snapshots that gateways fill.

Figures are in base units: bytes, bytes a second, seconds, percent of a hundred. None means "not
told", which is different from zero. A word that DRBD said and that is not in an enum becomes its
UNKNOWN, and the text is kept in `unknown_words` under the field's name. The names are DRBD's own;
where 8.4 and 9 differ (WFConnection, Connecting) the ones of 9 are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from hapanel.ports.datacenter import Struct


class Series(StrEnum):
    """The generation of DRBD that told: they lie in different places."""

    V8 = "8"
    V9 = "9"
    UNKNOWN = "unknown"


class Role(StrEnum):
    """Primary may write. UNKNOWN is also what DRBD says of a peer it does not see."""

    PRIMARY = "Primary"
    SECONDARY = "Secondary"
    UNKNOWN = "Unknown"


class DiskState(StrEnum):
    """How good a copy is. DUNKNOWN: DRBD does not know it; UNKNOWN: we do not know the word."""

    DISKLESS = "Diskless"
    ATTACHING = "Attaching"
    DETACHING = "Detaching"
    FAILED = "Failed"
    NEGOTIATING = "Negotiating"
    INCONSISTENT = "Inconsistent"
    OUTDATED = "Outdated"
    CONSISTENT = "Consistent"
    UP_TO_DATE = "UpToDate"
    DUNKNOWN = "DUnknown"
    UNKNOWN = "unknown"


class ConnectionState(StrEnum):
    """The link to one peer, without what replication does on it."""

    STANDALONE = "StandAlone"
    DISCONNECTING = "Disconnecting"
    UNCONNECTED = "Unconnected"
    TIMEOUT = "Timeout"
    BROKEN_PIPE = "BrokenPipe"
    NETWORK_FAILURE = "NetworkFailure"
    PROTOCOL_ERROR = "ProtocolError"
    TEAR_DOWN = "TearDown"
    CONNECTING = "Connecting"
    CONNECTED = "Connected"
    UNKNOWN = "unknown"


class ReplicationState(StrEnum):
    """What replication does on one volume of a link."""

    OFF = "Off"
    ESTABLISHED = "Established"
    STARTING_SYNC_S = "StartingSyncS"
    STARTING_SYNC_T = "StartingSyncT"
    WF_BITMAP_S = "WFBitMapS"
    WF_BITMAP_T = "WFBitMapT"
    WF_SYNC_UUID = "WFSyncUUID"
    SYNC_SOURCE = "SyncSource"
    SYNC_TARGET = "SyncTarget"
    PAUSED_SYNC_S = "PausedSyncS"
    PAUSED_SYNC_T = "PausedSyncT"
    VERIFY_S = "VerifyS"
    VERIFY_T = "VerifyT"
    AHEAD = "Ahead"
    BEHIND = "Behind"
    UNKNOWN = "unknown"


class Pause(StrEnum):
    """Who holds a sync: this node, the peer, or another sync that must end first."""

    USER = "user"
    PEER = "peer"
    DEPENDENCY = "dependency"


class Suspension(StrEnum):
    """Why writes of a resource wait."""

    USER = "user"
    NO_DATA = "no-data"
    FENCING = "fencing"
    QUORUM = "quorum"
    UNKNOWN = "unknown"


class Generations(Struct, frozen=True, kw_only=True):
    """The data generation ids and flags of one volume, as `drbdadm get-gi` prints them.

    The ids are 16 hexadecimal digits, whose lowest bit only says that the node was Primary: compare
    them with hapanel.drbd. `history` is youngest first. A flag is None when the series has none.
    """

    current: str
    bitmap: str
    history: tuple[str, ...] = ()
    consistent: bool | None = None
    was_up_to_date: bool | None = None
    was_primary: bool | None = None
    was_connected: bool | None = None
    peer_outdated: bool | None = None
    crashed_primary: bool | None = None
    lost_quorum_as_primary: bool | None = None


class PeerVolume(Struct, frozen=True, kw_only=True):
    """One volume as this node sees it replicated to one peer.

    `percent` is how far a running sync or verify has come, computed from what is left of its total;
    None when none runs or the total is not told (8.4's `drbdsetup status` tells the share of the
    whole device instead, 98.5 at a real 36). `in_sync_percent` is that share.
    """

    number: int
    replication_state: ReplicationState = ReplicationState.UNKNOWN
    disk_state: DiskState = DiskState.UNKNOWN
    out_of_sync: int | None = None
    total: int | None = None
    left: int | None = None
    percent: float | None = None
    in_sync_percent: float | None = None
    rate: float | None = None
    eta_seconds: float | None = None
    paused: tuple[Pause, ...] = ()
    sent: int | None = None
    received: int | None = None
    client: bool | None = None
    generations: Generations | None = None
    unknown_words: Mapping[str, str] = msgspec.field(default_factory=dict)


class Peer(Struct, frozen=True, kw_only=True):
    """The link to one peer as this node sees it.

    `name` is None where DRBD does not tell it: 8.4 calls every peer `peer`. `inferred` says that
    the connection's state was not printed and follows from that: 8.4 hides StandAlone links.
    """

    name: str | None = None
    node_id: int | None = None
    connection_state: ConnectionState = ConnectionState.UNKNOWN
    role: Role = Role.UNKNOWN
    congested: bool | None = None
    protocol: str | None = None
    volumes: tuple[PeerVolume, ...] = ()
    inferred: bool = False
    unknown_words: Mapping[str, str] = msgspec.field(default_factory=dict)

    def volume(self, number: int) -> PeerVolume | None:
        """The volume with this number, if the link has one."""
        return next((one for one in self.volumes if one.number == number), None)


class Volume(Struct, frozen=True, kw_only=True):
    """One volume's local copy. `client` means diskless on purpose."""

    number: int
    minor: int | None = None
    disk_state: DiskState = DiskState.UNKNOWN
    backing_device: str | None = None
    size: int | None = None
    quorum: bool | None = None
    client: bool | None = None
    read: int | None = None
    written: int | None = None
    unknown_words: Mapping[str, str] = msgspec.field(default_factory=dict)


class ResourceState(Struct, frozen=True, kw_only=True):
    """One resource as one node sees it.

    `split_brain_called` says that DRBD ran its split-brain helper for this resource and has not
    been connected since: only an event stream can tell.
    """

    name: str
    role: Role = Role.UNKNOWN
    node_id: int | None = None
    suspended: tuple[Suspension, ...] = ()
    may_promote: bool | None = None
    volumes: tuple[Volume, ...] = ()
    peers: tuple[Peer, ...] = ()
    split_brain_called: bool = False
    unknown_words: Mapping[str, str] = msgspec.field(default_factory=dict)

    def volume(self, number: int) -> Volume | None:
        """The volume with this number, if the resource has one."""
        return next((one for one in self.volumes if one.number == number), None)


class NotUnderstood(Struct, frozen=True, kw_only=True):
    """A piece of an answer that could not be read: its line (from 1), and the text, cut short."""

    line: int
    text: str


class NodeStatus(Struct, frozen=True, kw_only=True):
    """All resources of one node, decoded from one answer.

    `complete` is False when the answer was cut or partly not understood: what is missing here may
    exist all the same. `error` is DRBD's own text when it refused, with secrets removed.
    """

    resources: tuple[ResourceState, ...] = ()
    series: Series = Series.UNKNOWN
    version: str | None = None
    complete: bool = True
    not_understood: tuple[NotUnderstood, ...] = ()
    error: str | None = None

    def resource(self, name: str) -> ResourceState | None:
        """The resource of this name, if this node told of it."""
        return next((one for one in self.resources if one.name == name), None)


class NodeReplication(Struct, frozen=True, kw_only=True):
    """What is known of one node's replication: its last answer, and why there is none now.

    `seen_at` is when `status` was told (UTC); `unseen_because` is None while the node answers.
    """

    node: str
    status: NodeStatus | None = None
    seen_at: datetime | None = None
    unseen_because: str | None = None
