"""The panel's own programs and the environment they run in."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hapanel import embedded_redis
from hapanel.kernel.refusal import Refused, gettext_noop, refusal_kind
from hapanel.supervisor.program import Program

# What Python runs for each process. deploy/ and docker-compose.yml run the very same (a test says
# so). Whose address a request has is judged by HAPANEL_PROXY_COUNT alone, not by uvicorn. Worker
# threads wait on the network for nearly all of their time, and share its kept connections.
WEB = (
    "-m uvicorn hapanel.asgi:application"
    " --no-proxy-headers --no-access-log --timeout-graceful-shutdown 3"
)
WORKER = (
    "-m celery -A hapanel.celery worker --pool threads --concurrency 12"
    " --loglevel INFO --without-mingle --without-gossip"
)
BEAT = "-m celery -A hapanel.celery beat -S redbeat.RedBeatScheduler --loglevel INFO --pidfile="
FOLLOWER = "manage.py follow"

NO_REDIS = refusal_kind(
    "setup-no-redis",
    gettext_noop("There is no Redis: none on PATH, and none packaged for this machine (%(kind)s)."),
    gettext_noop("Install one (Debian: apt-get install redis-server) or set HAPANEL_REDIS_URL."),
)
PATH_TOO_LONG = refusal_kind(
    "setup-path-too-long",
    gettext_noop("%(path)s is too long for the address of a unix socket."),
    gettext_noop("Use a folder with a shorter path."),
)


@dataclass(frozen=True, slots=True)
class PanelPrograms:
    """Makes the programs of one panel: `root` is the checkout, `environ` its settings."""

    root: Path
    environ: Mapping[str, str]

    def manage(self, name: str, *arguments: str) -> Program:
        """A step by manage.py that ends by itself."""
        return Program(name, (sys.executable, "manage.py", *arguments), self.environ, once=True)

    def serving(self, host: str, port: int) -> list[Program]:
        """Web, worker, beat and follower."""
        return [
            self._long("web", *WEB.split(), "--host", host, "--port", str(port)),
            self._long("worker", *WORKER.split()),
            self._long("beat", *BEAT.split()),
            self._long("follower", *FOLLOWER.split()),
        ]

    def _long(self, name: str, *arguments: str) -> Program:
        return Program(name, (sys.executable, *arguments), self.environ)


def redis_url(folder: Path) -> str:
    """Where the embedded Redis for `folder` listens. Raises Refused when its path is too long."""
    try:
        return embedded_redis.url_of(folder)
    except embedded_redis.SocketPathTooLong as path:
        raise Refused(PATH_TOO_LONG(path=path)) from path


def redis_program(folder: Path, environ: Mapping[str, str]) -> Program:
    """The embedded Redis for `folder`. Raises Refused when there is no server to start."""
    try:
        command = embedded_redis.command(folder)
    except embedded_redis.NoRedisServer as missing:
        raise Refused(NO_REDIS(kind=missing)) from missing
    return Program("redis", tuple(command), environ)


def base_environment(root: Path) -> dict[str, str]:
    """What every program of ours gets on top of the user's environment."""
    own = {
        "DJANGO_SETTINGS_MODULE": "hapanel.settings",
        "PYTHONPATH": str(root),
        "PYTHONUNBUFFERED": "1",
        # Threads would otherwise each keep a heap of their own: a third more memory, no gain.
        "MALLOC_ARENA_MAX": "2",
    }
    return {**os.environ, **own}


def static_digest(root: Path, lock: Path) -> str:
    """A digest that changes when a file under static/ or a package that brings some changes."""
    digest = hashlib.sha256(lock.read_bytes())
    for path in sorted((root / "static").rglob("*")):
        facts = path.stat()
        digest.update(f"{path} {facts.st_mtime_ns} {facts.st_size}\n".encode())
    return digest.hexdigest()
