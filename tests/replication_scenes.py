"""Every verdict on replication as a scene of two or three nodes that the panel can be told of.

`play` hands a scene to the desk that the follower writes through, so records, history, figures,
page and API come from it as they come from nodes. Tests render each, and
`python -m tests.journeys.replication_states` takes its picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from hapanel.accounts.vault import seal
from hapanel.drbd.findings import Code
from hapanel.kernel.units import GIB, KIB, MIB
from hapanel.observe.replication_desk import RecordedReplication
from hapanel.ports.errors import Unreachable
from hapanel.ports.node_shell import ConfigurationFile, LvmDisk, LvmGroup, LvmReport, LvmVolume
from hapanel.ports.replication import (
    DiskState,
    NodeReplication,
    NodeStatus,
    Pause,
    Peer,
    ReplicationState,
    ResourceState,
    Role,
    Suspension,
)
from hapanel.ports.ssh_errors import SILENT
from nodes.models import Cluster, DrbdNode, DrbdResource, Event, Node, SshAccess, Storage
from nodes.replication_figures import forget_statuses
from tests.pure.drbd.stage import (
    ALONE,
    BAD,
    CONNECTING,
    P,
    S,
    generations,
    peer,
    silent,
    told,
)
from vms.models import Guest, GuestDisk

R = ReplicationState
SIZE = 400 * GIB
_OLD, _NEW, _OTHER = 0xA1C4E6021B3D5F70, 0xC82F91D4A7B6E530, 0x5D70A9E3F41C2B86


@dataclass(frozen=True)
class Scene:
    """What the nodes say, and what is known beside it; `code` is the verdict.

    `dual` is what the configuration means (None: it was not read); `migrating` and `on_slave` are
    guests.
    """

    name: str
    code: Code
    nodes: tuple[NodeReplication, ...]
    dual: bool | None = False
    migrating: tuple[int, ...] = ()
    on_slave: tuple[int, ...] = ()


def _working(state: ReplicationState, left_gib: float, **more: object) -> Peer:
    """A link on which a sync or a verify is under way, of 16 GiB altogether."""
    left = int(left_gib * GIB)
    total = 16 * GIB
    figures = {"left": left, "total": total, "percent": 100.0 * (total - left) / total}
    running = state not in {R.PAUSED_SYNC_S, R.PAUSED_SYNC_T}
    moving = {"rate": 52.4 * MIB, "eta_seconds": left / (52.4 * MIB)} if running else {}
    return peer(
        state=state,
        oos=left // KIB if state not in {R.VERIFY_S, R.VERIFY_T} else 0,
        **(figures | moving | more),  # type: ignore[arg-type]
    )


def _seen(link: Peer, **volume: object) -> Peer:
    """The link with something else said of its volumes."""
    return replace(link, volumes=tuple(replace(one, **volume) for one in link.volumes))


def _primary(**more: object) -> NodeReplication:
    return told("master", P, peer(), **more)  # type: ignore[arg-type]


def _secondary(**more: object) -> NodeReplication:
    return told("slave", S, peer(role=P), **more)  # type: ignore[arg-type]


# 8.4 tells nothing of a paused sync but what is out of sync.
_UNTOLD: dict[str, object] = {"total": None, "percent": None, "paused": (Pause.USER,)}
HEALTHY = (_primary(), _secondary())
BOTH = (told("master", P, peer(role=P)), told("slave", P, peer(role=P)))
_SPLIT = (
    told("master", P, peer(ALONE, oos=3 * KIB, ids=generations(_NEW, _OLD))),
    told("slave", P, peer(ALONE, oos=5 * KIB, ids=generations(_OTHER, _OLD))),
)
_CUT = (
    told("master", P, peer(CONNECTING, oos=6 * KIB)),
    told("slave", S, peer(CONNECTING)),
)


def _third(node: str, role: Role, first: Peer, second: Peer, names: str) -> NodeReplication:
    one, two = names.split()
    return told(node, role, replace(first, name=one), replace(second, name=two), quorum=True)


THREE = (
    _third("master", P, peer(), peer(), "slave third"),
    _third("slave", S, peer(role=P), peer(), "master third"),
    _third("third", S, peer(role=P), peer(), "master slave"),
)


def _without(node: NodeReplication) -> NodeReplication:
    """The node answers and does not have the resource up."""
    return replace(node, status=NodeStatus(version="8.4.11"))


SCENES: tuple[Scene, ...] = (
    Scene("healthy", Code.HEALTHY, HEALTHY),
    Scene("healthy-three", Code.HEALTHY, THREE),
    Scene("split-brain", Code.SPLIT_BRAIN, _SPLIT, dual=True),
    Scene("split-brain-guests-on-both", Code.SPLIT_BRAIN, _SPLIT, dual=True, on_slave=(101,)),
    Scene(
        "diverging",
        Code.DIVERGING,
        (
            told("master", P, peer(CONNECTING, oos=3 * KIB)),
            told("slave", P, peer(CONNECTING, oos=5 * KIB)),
        ),
        dual=True,
    ),
    Scene(
        "no-current-copy",
        Code.NO_CURRENT_COPY,
        (told("master", S, peer(disk=BAD), disk=BAD), told("slave", S, peer(disk=BAD), disk=BAD)),
    ),
    Scene(
        "inconsistent-primary",
        Code.INCONSISTENT_PRIMARY,
        (
            told("master", P, _working(R.SYNC_TARGET, 9.4), disk=BAD),
            told("slave", S, _working(R.SYNC_SOURCE, 9.4, role=P, disk=BAD)),
        ),
    ),
    Scene("dual-primary-unexplained", Code.DUAL_PRIMARY_UNEXPLAINED, BOTH),
    Scene(
        "io-suspended",
        Code.IO_SUSPENDED,
        (
            told("master", P, peer(CONNECTING), suspended=(Suspension.FENCING,)),
            silent("slave", _secondary()),
        ),
    ),
    Scene(
        "no-quorum",
        Code.NO_QUORUM,
        (
            told("master", P, peer(CONNECTING, name="slave"), peer(CONNECTING, name="third"),
                 quorum=False),
            silent("slave", THREE[1]),
            silent("third", THREE[2]),
        ),
    ),
    Scene(
        "no-quorum-secondary",
        Code.NO_QUORUM,
        (
            told("master", P, peer(name="slave"), peer(CONNECTING, name="third"), quorum=True),
            told("slave", S, peer(role=P, name="master"), peer(CONNECTING, name="third"),
                 quorum=True),
            told("third", S, peer(CONNECTING, name="master"), peer(CONNECTING, name="slave"),
                 quorum=False),
        ),
    ),
    Scene("not-up", Code.NOT_UP, (told("master", P, peer(CONNECTING)), _without(_secondary()))),
    Scene("not-up-anywhere", Code.NOT_UP, (_without(_primary()), _without(_secondary()))),
    Scene(
        "diskless",
        Code.DISKLESS,
        (
            told("master", P, peer(disk=DiskState.DISKLESS)),
            told("slave", S, peer(role=P), disk=DiskState.DISKLESS),
        ),
    ),
    Scene("degraded", Code.DEGRADED, _CUT),
    Scene("degraded-one-side", Code.DEGRADED, (_CUT[0], silent("slave", _secondary()))),
    Scene(
        "disconnected",
        Code.DEGRADED,
        (told("master", P, peer(ALONE, oos=12 * KIB)), told("slave", S, peer(CONNECTING))),
    ),
    Scene(
        "stale",
        Code.DEGRADED,
        (
            told("master", P, peer(ALONE, oos=12 * KIB)),
            told("slave", S, peer(CONNECTING), disk=DiskState.OUTDATED),
        ),
    ),
    Scene(
        "stale-primary-lost",
        Code.DEGRADED,
        (silent("master", _primary()), told("slave", S, peer(CONNECTING))),
    ),
    Scene(
        "stale-interrupted-sync",
        Code.DEGRADED,
        (
            told("master", P, peer(CONNECTING, oos=9 * MIB)),
            told("slave", S, peer(CONNECTING), disk=BAD),
        ),
    ),
    Scene(
        "verify-differences",
        Code.VERIFY_DIFFERENCES,
        (told("master", P, peer(oos=640)), told("slave", S, peer(role=P, oos=640))),
    ),
    Scene(
        "sync-paused",
        Code.SYNC_PAUSED,
        (
            told("master", P, _working(R.PAUSED_SYNC_S, 9.4, paused=(Pause.PEER,), disk=BAD)),
            told("slave", S, _working(R.PAUSED_SYNC_T, 9.4, paused=(Pause.USER,), role=P),
                 disk=BAD),
        ),
    ),
    Scene(
        "sync-paused-length-untold",
        Code.SYNC_PAUSED,
        (
            told("master", P, _working(R.PAUSED_SYNC_S, 9.4, disk=BAD, **_UNTOLD)),
            told("slave", S, _working(R.PAUSED_SYNC_T, 9.4, role=P, **_UNTOLD), disk=BAD),
        ),
    ),
    Scene(
        "syncing",
        Code.SYNCING,
        (
            told("master", P, _working(R.SYNC_SOURCE, 9.4, disk=BAD)),
            told("slave", S, _working(R.SYNC_TARGET, 9.4, role=P), disk=BAD),
        ),
    ),
    Scene("dual-primary-configured", Code.DUAL_PRIMARY_CONFIGURED, BOTH, dual=True),
    Scene("dual-primary", Code.DUAL_PRIMARY, BOTH, dual=None),
    Scene(
        "link-too-thin",
        Code.LINK_TOO_THIN,
        (
            told("master", P, _seen(peer(oos=80 * KIB), replication_state=R.AHEAD)),
            told("slave", S, _seen(peer(role=P), replication_state=R.BEHIND),
                 disk=DiskState.CONSISTENT),
        ),
    ),
    Scene("contradiction", Code.CONTRADICTION, (_primary(), told("slave", S, peer(role=S)))),
    Scene(
        "changing",
        Code.CHANGING,
        (
            told("master", P, peer(disk=DiskState.NEGOTIATING)),
            told("slave", S, peer(role=P), disk=DiskState.NEGOTIATING),
        ),
    ),
    Scene("not-observed", Code.NOT_OBSERVED, tuple(silent(n.node, n) for n in HEALTHY)),
    Scene("not-observed-peer", Code.NOT_OBSERVED, (_primary(), silent("slave", _secondary()))),
    Scene(
        "not-understood",
        Code.NOT_UNDERSTOOD,
        (
            told("master", P, peer(), unknown_words={"role": "Promoting"}),
            _secondary(),
        ),
    ),
    Scene("dual-primary-temporary", Code.DUAL_PRIMARY_TEMPORARY, BOTH, migrating=(100,)),
    Scene(
        "verifying",
        Code.VERIFYING,
        (
            told("master", P, _working(R.VERIFY_S, 9.4)),
            told("slave", S, _working(R.VERIFY_T, 9.4, role=P)),
        ),
    ),
)  # fmt: skip


def play(cluster: Cluster, scene: Scene, *, with_history: bool = True) -> None:
    """Let the cluster's records say this; with a history, after all was well before."""
    start_over(cluster, [node.node for node in scene.nodes], shared=bool(scene.dual))
    _place_guests(cluster, scene)
    before = THREE if len(scene.nodes) == 3 else BOTH if scene.dual else HEALTHY
    _write(cluster, before if with_history else scene.nodes)
    for node in scene.nodes:
        _read_rarely(cluster, node, scene)
    if with_history:
        _write(cluster, scene.nodes)


def start_over(cluster: Cluster, nodes: Sequence[str], *, shared: bool) -> None:
    """The cluster with these nodes, reached over ssh, and nothing known of their replication."""
    forget_statuses(cluster.pk)
    for model in (DrbdNode, DrbdResource, Event):
        model.objects.filter(cluster=cluster).delete()
    SshAccess.objects.get_or_create(
        cluster=cluster, defaults={"user": "hapanel", "encrypted_key": seal("a key")}
    )
    Node.objects.filter(cluster=cluster).exclude(name__in=nodes).delete()
    for place, name in enumerate(nodes):
        Node.objects.update_or_create(
            cluster=cluster, name=name, defaults={"ip": f"10.0.7.{place + 1}", "status": "online"}
        )
        Storage.objects.update_or_create(
            cluster=cluster,
            node=name,
            storage="vg_drbd",
            defaults={"type": "lvm", "vg": "vg_drbd", "shared": shared},
        )


def _place_guests(cluster: Cluster, scene: Scene) -> None:
    for guest in Guest.objects.filter(cluster=cluster):
        guest.node = "slave" if guest.vmid in scene.on_slave else "master"
        guest.lock = "migrate" if guest.vmid in scene.migrating else ""
        guest.save()
        GuestDisk.objects.get_or_create(
            guest=guest, key="scsi0", defaults={"storage": "vg_drbd", "volume": f"vm-{guest.vmid}"}
        )


def _write(cluster: Cluster, nodes: tuple[NodeReplication, ...]) -> None:
    desk = RecordedReplication()
    for node in nodes:
        if node.status is not None:
            desk.saw(cluster.pk, node.node, _furnished(node.status))
    for node in nodes:
        if node.unseen_because:
            desk.missed(cluster.pk, node.node, Unreachable(SILENT))


def _furnished(status: NodeStatus) -> NodeStatus:
    """With sizes and devices of a real machine, which the judgement does not care for."""
    return replace(
        status,
        version="8.4.11",
        resources=tuple(_resource(one) for one in status.resources),
    )


def _resource(state: ResourceState) -> ResourceState:
    return replace(
        state,
        volumes=tuple(replace(one, size=SIZE, backing_device="/dev/sdb1") for one in state.volumes),
        peers=tuple(replace(one, protocol="C") for one in state.peers),
    )


RES = """resource rs {
  net {
    protocol C;
    cram-hmac-alg sha256;
    shared-secret "a long secret of the scenes";
%s    after-sb-0pri discard-zero-changes;
    after-sb-1pri discard-secondary;
    after-sb-2pri disconnect;
  }
  startup { wfc-timeout 120; %s}
%s}
"""
_ON = """  on %s {
    device /dev/drbd0;
    disk /dev/sdb1;
    address 10.0.7.%d:7788;
    meta-disk internal;
  }
"""


def _read_rarely(cluster: Cluster, node: NodeReplication, scene: Scene) -> None:
    """Configuration, where the scene has one, and the volume group where the node is Primary."""
    desk = RecordedReplication()
    names = [one.node for one in scene.nodes]
    if scene.dual is not None:
        dual = (
            ("    allow-two-primaries yes;\n", "become-primary-on both; ")
            if scene.dual
            else ("", "")
        )
        sections = "".join(_ON % (name, place + 1) for place, name in enumerate(names))
        text = RES % (*dual, sections)
        files = (
            ConfigurationFile(path="/etc/drbd.conf", text='include "drbd.d/*.res";\n'),
            ConfigurationFile(path="/etc/drbd.d/rs.res", text=text),
        )
        desk.read_files(cluster.pk, node.node, files)
    state = node.status.resource("rs") if node.status else None
    if state is not None and state.role is Role.PRIMARY:
        desk.read_lvm(cluster.pk, node.node, _LVM)


_LVM = LvmReport(
    groups=(LvmGroup(vg="vg_drbd", size=SIZE, free=288 * GIB),),
    volumes=(
        LvmVolume(vg="vg_drbd", lv="vm-100-disk-0", size=80 * GIB, active=True),
        LvmVolume(vg="vg_drbd", lv="vm-101-disk-0", size=32 * GIB, active=True),
    ),
    disks=(LvmDisk(pv="/dev/drbd0", vg="vg_drbd", size=SIZE, free=288 * GIB),),
)
