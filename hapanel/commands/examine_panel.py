"""The doctor looks at the panel's own parts: settings, database, Redis, programs, accounts."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _
from redis import RedisError

from hapanel.access import Role
from hapanel.accounts.models import User
from hapanel.commands.findings import Finding, Findings, fail, ok, warn
from hapanel.live import pulse
from hapanel.live.stream import connection as redis

# Units and containers start all of them; a panel for one person may leave beat's host to chance.
STARTED_BY = {
    pulse.Part.WORKER: "celery -A hapanel.celery worker --pool threads",
    pulse.Part.BEAT: "celery -A hapanel.celery beat -S redbeat.RedBeatScheduler",
    pulse.Part.FOLLOWER: "manage.py follow",
}


def settings_are_safe() -> Findings:
    """What must not be switched on, and what must not be left open, outside of a demo."""
    if settings.DEBUG:
        yield fail(
            "settings",
            _("HAPANEL_DEBUG is on: error pages show the panel's inside to everybody."),
            _("Remove HAPANEL_DEBUG from the settings and start the panel again."),
        )
    if "*" in settings.ALLOWED_HOSTS:
        yield warn(
            "settings",
            _("HAPANEL_ALLOWED_HOSTS takes every name, so a forged one is believed."),
            _("List the names by which people reach the panel."),
        )
    if not settings.HTTPS and not settings.DEMO:
        yield warn(
            "settings",
            _("HAPANEL_HTTPS is off: cookies also travel over plain HTTP."),
            _("Put a proxy with a certificate in front (deploy/) and set HAPANEL_HTTPS=1."),
        )
    if not (settings.DEBUG or "*" in settings.ALLOWED_HOSTS):
        yield ok("settings", _("Nothing is left open that should not be."))


def secret_files_are_private() -> Findings:
    """Generated keys lie in files that only the panel's own user may read."""
    for name in ("secret-key", "encryption-keys", "demo-tokens.json"):
        file: Path = settings.VAR_DIR / name
        if file.exists() and file.stat().st_mode & 0o077:
            yield fail(
                "secrets",
                _("%(file)s can be read by others.") % {"file": file},
                f"chmod 600 {file}",
            )


def database() -> Findings:
    """It answers, and its tables are those of this version."""
    try:
        connection.ensure_connection()
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        said = str(error).strip().splitlines()[0]
        yield fail(
            "database",
            _("The database does not answer: %(said)s") % {"said": said},
            _("Start it, and check HAPANEL_DATABASE_URL."),
        )
        return
    if waiting:
        names = ", ".join(str(migration) for migration, _backwards in waiting[:5])
        yield fail(
            "database",
            _("Its tables are from another version; these changes wait: %(names)s")
            % {"names": names},
            "./panel manage migrate",
        )
    else:
        yield ok("database", _("%(kind)s answers.") % {"kind": connection.display_name})


def redis_server() -> Findings:
    """It answers, and it does not throw away what the panel has put in."""
    try:
        redis().ping()
        memory = redis().info("memory")
    except RedisError as error:
        yield fail(
            "redis",
            _("Redis does not answer: %(said)s") % {"said": error},
            _("Start it, and check HAPANEL_REDIS_URL."),
        )
        return
    policy = str(memory.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction" and memory.get("maxmemory"):
        yield warn(
            "redis",
            _("It forgets keys when it is full (%(policy)s): tasks and locks could get lost.")
            % {"policy": policy},
            _("Set maxmemory-policy to noeviction."),
        )
    else:
        yield ok("redis", _("Redis answers."))


def programs() -> Findings:
    """Worker, beat and follower gave a sign of life a moment ago."""
    for part, command in STARTED_BY.items():
        try:
            yield _program(part, command)
        except RedisError:
            return  # redis_server has told it


def _program(part: pulse.Part, command: str) -> Finding:
    if pulse.is_alive(part):
        return ok(part.value, _("It works."))
    last = pulse.last_sign(part)
    says = (
        _("It has been silent since %(time)s UTC.") % {"time": f"{last:%Y-%m-%d %H:%M:%S}"}
        if last
        else _("It has never given a sign of life.")
    )
    remedy = _("Start it (./panel up, systemd or compose do): %(command)s") % {"command": command}
    if part is pulse.Part.FOLLOWER:
        return warn(part.value, says, remedy)
    return fail(part.value, says, remedy)


def accounts() -> Findings:
    """Somebody can administer the panel; nobody is there without a role."""
    try:
        people = list(User.objects.filter(is_active=True).prefetch_related("groups"))
    except DatabaseError:
        return  # database has told it
    if not any(person.role is Role.ADMINISTRATOR for person in people):
        yield fail(
            "accounts",
            _("No administrator can sign in."),
            "./panel manage create_user NAME --role administrator",
        )
        return
    yield ok("accounts", _("%(count)s people can sign in.") % {"count": len(people)})
