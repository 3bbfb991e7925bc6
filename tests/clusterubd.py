"""Ada, Oda, Hal and the cluster of the paper, as records."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.utils import timezone

from hapanel.access import Role
from hapanel.accounts.models import User
from nodes.models import Cluster, Mode, Node, NodeStatus, Reach
from vms.models import Guest


@lru_cache(maxsize=1)
def _hashed() -> str:
    """Argon2 takes its time on purpose; once a session is enough."""
    return make_password("demo")


def person(name: str, role: Role) -> User:
    """An account of this role; its password is `demo`."""
    user = User.objects.create(username=name, password=_hashed())
    group, _ = Group.objects.get_or_create(name=role.value)
    user.groups.add(group)
    return user


def papers_cluster() -> Cluster:
    """The paper's cluster, seen a moment ago: master holds 100 siakad and 101 elearning."""
    now = timezone.now()
    cluster = Cluster.objects.create(
        name="clusterubd",
        pve_name="clusterubd",
        pve_version="9.2.11",
        addresses=["https://127.0.42.20:8006", "https://127.0.42.21:8006"],
        token_id="panel@pve!ops",
        mode=Mode.OPERATE,
        reach=Reach.OK,
        quorate=True,
        expected_votes=2,
        total_votes=2,
        quorum=2,
        qdevice={"configured": False, "connected": None, "votes": 0, "text": ""},
        attempted_at=now,
        observed_at=now - timedelta(seconds=1),
        ha_seen_at=now - timedelta(seconds=1),
        seen_by="master",
    )
    for node_id, name in enumerate(["master", "slave"], start=1):
        Node.objects.create(
            cluster=cluster,
            name=name,
            node_id=node_id,
            votes=1,
            ip=f"127.0.42.{19 + node_id}",
            status=NodeStatus.ONLINE,
            maxcpu=16,
            maxmem=64 * 1024**3,
            lrm_state="active",
        )
    common = {"cluster": cluster, "node": "master", "status": "running", "ha_state": "started"}
    Guest.objects.create(
        vmid=100, type="qemu", name="siakad", maxcpu=4, maxmem=4 * 1024**3, **common
    )
    Guest.objects.create(
        vmid=101, type="lxc", name="elearning", maxcpu=2, maxmem=2 * 1024**3, **common
    )
    return cluster
