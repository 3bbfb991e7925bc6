"""The machine that the tests run on: their own folder, Redis and database, set before Django loads.

Loaded as a pytest plugin (`-p tests.machine` in pyproject.toml), because pytest-django reads the
settings before any conftest. `-p tests.postgres` beside it takes a real PostgreSQL server.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from hapanel import embedded_redis

FACTS = Path(__file__).resolve().parents[2] / "shared" / "facts"

# Nobody's own settings may leak into a test. The database stays: tests.postgres may have set it.
for name in [name for name in os.environ if name.startswith("HAPANEL_")]:
    if name != "HAPANEL_DATABASE_URL":
        del os.environ[name]
if not os.environ.get("HAPANEL_DATABASE_URL", "").startswith("postgresql"):
    os.environ.pop("HAPANEL_DATABASE_URL", None)

# Labs and demos start by the dozen: the panel's modules are compiled once, not in each of them.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

VAR = Path(tempfile.mkdtemp(prefix="hapanel-tests-"))
(VAR / "static").mkdir()
REDIS_FOLDER = VAR / "redis"
os.environ.update(
    HAPANEL_VAR=str(VAR),
    HAPANEL_SECRET_KEY="only for the tests, nothing is protected by it",
    HAPANEL_ENCRYPTION_KEYS="a key for tests only that protects nothing",
    HAPANEL_REDIS_URL=embedded_redis.url_of(REDIS_FOLDER),
    DJANGO_ALLOW_ASYNC_UNSAFE="true",
)

_started: list[subprocess.Popen[bytes]] = []


def start_redis() -> None:
    """Start this session's Redis once; it ends with the session."""
    if _started:
        return
    server = subprocess.Popen(
        embedded_redis.command(REDIS_FOLDER),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    _started.append(server)
    deadline = time.monotonic() + 10
    while not embedded_redis.answers(REDIS_FOLDER):
        if time.monotonic() > deadline:
            raise RuntimeError("the tests' Redis did not start")
        time.sleep(0.02)


@atexit.register
def _clean_up() -> None:
    for server in _started:
        server.terminate()
        server.wait(5)
    shutil.rmtree(VAR, ignore_errors=True)
