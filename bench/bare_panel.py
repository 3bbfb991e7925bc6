"""A panel of the benchmark's own: folder, Redis, empty database; Django set up, no program running.

Importing this module sets the environment, so it has to come before anything that reads settings.
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

VAR = Path(tempfile.mkdtemp(prefix="hapanel-bench-"))
REDIS_FOLDER = VAR / "redis"
ENVIRONMENT = {
    "HAPANEL_VAR": str(VAR),
    "HAPANEL_DATABASE_URL": f"sqlite://{VAR / 'bench.sqlite3'}",
    "HAPANEL_REDIS_URL": embedded_redis.url_of(REDIS_FOLDER),
    "HAPANEL_LOG_LEVEL": "WARNING",
}


def set_up() -> None:
    """Start Redis, set Django up and make the tables."""
    for name in [name for name in os.environ if name.startswith("HAPANEL_")]:
        del os.environ[name]
    os.environ.update(ENVIRONMENT, DJANGO_SETTINGS_MODULE="hapanel.settings")
    _start_redis()
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)


def person(name: str) -> str:
    """An operator of this name; the secret of a new API token of hers."""
    from hapanel.access import Role
    from hapanel.accounts.models import ApiToken, User
    from hapanel.accounts.roles import give_role, make_groups

    make_groups()
    user, _ = User.objects.get_or_create(username=name)
    give_role(user, Role.OPERATOR)
    ApiToken.objects.filter(user=user, name="bench").delete()
    return ApiToken.issue(user, "bench")[1]


def _start_redis() -> None:
    server = subprocess.Popen(
        embedded_redis.command(REDIS_FOLDER),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    atexit.register(_end, server)
    deadline = time.monotonic() + 10
    while not embedded_redis.answers(REDIS_FOLDER):
        if time.monotonic() > deadline:
            raise SystemExit("the benchmark's Redis did not start")
        time.sleep(0.02)


def _end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    server.wait(timeout=10)
    shutil.rmtree(VAR, ignore_errors=True)
