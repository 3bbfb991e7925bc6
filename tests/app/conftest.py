"""Ada, Oda and Hal, the cluster of the paper, and an empty Redis for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.test import Client
from django.utils import translation

from hapanel.access import Role
from hapanel.accounts.models import User
from hapanel.live.stream import connection
from nodes.models import Cluster
from tests import machine
from tests.clusterubd import papers_cluster, person


@pytest.fixture(autouse=True, scope="session")
def redis_server() -> None:
    machine.start_redis()


@pytest.fixture(autouse=True)
def empty_redis(redis_server: None) -> None:
    connection().flushall()


@pytest.fixture(autouse=True, scope="session")
def quick_hashes() -> Iterator[None]:
    """Argon2 takes 100 MB and its time on purpose, so that guessing is dear: not in here."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Argon2PasswordHasher, "time_cost", 1)
        patched.setattr(Argon2PasswordHasher, "memory_cost", 64)
        yield


@pytest.fixture(autouse=True)
def own_language() -> Iterator[None]:
    """A request leaves its reader's language behind, as it does in a web thread: not in here."""
    yield
    translation.deactivate()


@pytest.fixture(autouse=True)
def own_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that live long give old connections back; in a test's transaction that ends it."""
    for module in ("hapanel.helpdesk.desk", "hapanel.accounts.visitors"):
        monkeypatch.setattr(f"{module}.close_old_connections", lambda: None)


@pytest.fixture
def ada(db: None) -> User:
    """Administrator."""
    return person("ada", Role.ADMINISTRATOR)


@pytest.fixture
def oda(db: None) -> User:
    """Operator."""
    return person("oda", Role.OPERATOR)


@pytest.fixture
def hal(db: None) -> User:
    """Help desk."""
    return person("hal", Role.HELP_DESK)


@pytest.fixture
def clusterubd(db: None) -> Cluster:
    """The paper's cluster, seen a moment ago: master holds 100 siakad and 101 elearning."""
    return papers_cluster()


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
