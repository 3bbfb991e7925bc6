"""Ada, Oda and Hal, the cluster of the paper, and an empty Redis for each test."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone, translation

from hapanel.access import Role
from hapanel.accounts.models import User
from hapanel.live.stream import connection
from nodes.models import Cluster, Mode, Node, NodeStatus, Reach
from tests import machine
from vms.models import Guest


@pytest.fixture(autouse=True, scope="session")
def redis_server() -> None:
    machine.start_redis()


@pytest.fixture(autouse=True)
def empty_redis(redis_server: None) -> None:
    connection().flushall()


@lru_cache(maxsize=1)
def _hashed() -> str:
    """Argon2 takes its time on purpose; once a session is enough."""
    return make_password("demo")


@pytest.fixture(autouse=True)
def own_language() -> Iterator[None]:
    """A request leaves its reader's language behind, as it does in a web thread: not in here."""
    yield
    translation.deactivate()


def _person(name: str, role: Role) -> User:
    user = User.objects.create(username=name, password=_hashed())
    group, _ = Group.objects.get_or_create(name=role.value)
    user.groups.add(group)
    return user


@pytest.fixture(autouse=True)
def own_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that live long give old connections back; in a test's transaction that ends it."""
    for module in ("hapanel.helpdesk.desk", "hapanel.accounts.visitors"):
        monkeypatch.setattr(f"{module}.close_old_connections", lambda: None)


@pytest.fixture
def ada(db: None) -> User:
    """Administrator."""
    return _person("ada", Role.ADMINISTRATOR)


@pytest.fixture
def oda(db: None) -> User:
    """Operator."""
    return _person("oda", Role.OPERATOR)


@pytest.fixture
def hal(db: None) -> User:
    """Help desk."""
    return _person("hal", Role.HELP_DESK)


@pytest.fixture
def clusterubd(db: None) -> Cluster:
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


@pytest.fixture
def as_ada(ada: User) -> Client:
    client = Client()
    client.force_login(ada)
    return client


@pytest.fixture
def as_oda(oda: User) -> Client:
    client = Client()
    client.force_login(oda)
    return client


@pytest.fixture
def as_hal(hal: User) -> Client:
    client = Client()
    client.force_login(hal)
    return client
