"""Two nodes over ssh in memory: what they say of `rs`, and what an order changes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from django.utils import timezone
from msgspec.structs import replace

from hapanel.accounts.vault import seal
from hapanel.observe.replication_desk import RecordedReplication
from hapanel.ports.errors import ClusterError
from hapanel.ports.node_shell import LvmDisk, LvmGroup, LvmReport, LvmVolume, OrderAnswer
from hapanel.ports.replication import NodeReplication
from nodes.models import Cluster, SshAccess, Storage
from vms.models import Guest, GuestDisk

GROUP = "vg_drbd"
DONE = OrderAnswer(exit=0)
Pair = tuple[NodeReplication, ...]


@dataclass
class FakeNodes:
    """Fulfils `hapanel.ports.node_hands.NodeHands`. `effects`: what the nodes say once a line was
    obeyed; `answers`: another answer than success, which changes nothing; `active`: the nodes on
    which the group is active; `before` and `after`: faults around an order."""

    says: Pair
    effects: dict[str, Pair] = field(default_factory=dict)
    answers: dict[str, OrderAnswer] = field(default_factory=dict)
    active: set[str] = field(default_factory=set)
    volumes: list[LvmVolume] = field(default_factory=list)
    free: int = 0
    before: Callable[[str], None] = lambda _line: None
    after: Callable[[str], None] = lambda _line: None
    sent: list[tuple[str, str]] = field(default_factory=list)

    def look(self) -> Pair:
        now = timezone.now()
        return tuple(replace(one, seen_at=now) if one.status else one for one in self.says)

    def lvm(self, node: str) -> LvmReport:
        disk = LvmVolume(vg=GROUP, lv="vm-100-disk-0", size=10, active=node in self.active)
        return LvmReport(
            groups=(
                LvmGroup(vg=GROUP, size=100, free=50),
                LvmGroup(vg="pve", size=2 * self.free, free=self.free),
            ),
            volumes=(disk, *self.volumes),
            disks=(LvmDisk(pv="/dev/drbd0", vg=GROUP, size=100, free=50),),
        )

    def order(self, node: str, line: str) -> OrderAnswer:
        self.before(line)
        self.sent.append((node, line))
        answer = self.answers.get(line, DONE)
        if answer.is_good:
            self._obey(node, line)
        self.after(line)
        return answer

    def _obey(self, node: str, line: str) -> None:
        words = line.split()
        self.says = self.effects.get(f"{node}: {line}", self.effects.get(line, self.says))
        if words[0] == "vgchange":
            (self.active.add if words[1] == "-ay" else self.active.discard)(node)
        if words[0] == "lvcreate":
            name = words[words.index("--name") + 1]
            self.volumes.append(LvmVolume(vg=words[-1].split("/")[2], lv=name, size=1))
        if words[0] == "lvremove":
            self.volumes = [one for one in self.volumes if f"{one.vg}/{one.lv}" != words[-1]]

    @property
    def lines(self) -> list[str]:
        """What was sent, without to whom."""
        return [line for _node, line in self.sent]


def losing_answers(of: str) -> Callable[[str], None]:
    """A fault for `after`: the line was obeyed, and its answer is lost."""

    def lose(line: str) -> None:
        if line == of:
            raise ClusterError("connection lost", may_have_happened=True)

    return lose


def record_replication(cluster: Cluster, nodes: FakeNodes, guests: Mapping[int, str]) -> None:
    """Let the panel know what the nodes say; guest vmids with the nodes on which they run."""
    SshAccess.objects.get_or_create(
        cluster=cluster, defaults={"user": "root", "encrypted_key": seal("a key")}
    )
    Storage.objects.filter(cluster=cluster, vg=GROUP).delete()
    Storage.objects.create(
        cluster=cluster, node="master", storage=GROUP, type="lvm", vg=GROUP, shared=True
    )
    for vmid, node in guests.items():
        guest = Guest.objects.get(cluster=cluster, vmid=vmid)
        Guest.objects.filter(pk=guest.pk).update(node=node, status="running")
        GuestDisk.objects.get_or_create(guest=guest, key="scsi0", storage=GROUP, volume="v")
    desk = RecordedReplication()
    for one in nodes.look():
        if one.status is not None:
            desk.saw(cluster.pk, one.node, one.status)
            desk.read_lvm(cluster.pk, one.node, nodes.lvm(one.node))
