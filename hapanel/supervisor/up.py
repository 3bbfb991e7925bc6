"""`./panel up` and `./panel stop`: the panel on the database that is configured for it."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from hapanel import embedded_redis
from hapanel.kernel.refusal import Refused
from hapanel.supervisor.addresses import ask_readyz, claim_port
from hapanel.supervisor.options import Options, how_to_stop
from hapanel.supervisor.panel_programs import (
    PanelPrograms,
    base_environment,
    redis_program,
    redis_url,
)
from hapanel.supervisor.run_lock import NOT_YOURS, RunLock
from hapanel.supervisor.running_set import RunningSet

REDIS_SECONDS = 20
STOP_SECONDS = 30
# A Redis that is configured is somebody else's to run; without one the embedded one is ours.
REDIS_SETTINGS = ("HAPANEL_REDIS_URL", "HAPANEL_REDIS_URL_FILE")


class Up:
    """The panel's processes with the settings of the environment."""

    def __init__(self, root: Path, options: Options, running: RunningSet) -> None:
        self._root = root
        self._options = options
        self._running = running
        self._port = claim_port(options.host, options.port)

    def start(self) -> None:
        """Bring the database up to date, then start everything."""
        environ = {**base_environment(self._root), "HAPANEL_VAR": str(self._options.var)}
        if not any(environ.get(name) for name in REDIS_SETTINGS):
            folder = self._options.var / "redis"
            environ["HAPANEL_REDIS_URL"] = redis_url(folder)
            self._running.start(redis_program(folder, environ))
            self._running.wait_until(lambda: embedded_redis.answers(folder), "redis", REDIS_SECONDS)
        programs = PanelPrograms(self._root, environ)
        static = programs.manage("static", "collectstatic", "--no-input", "-v0")
        self._running.start(programs.manage("migrate", "migrate", "--no-input"), static)
        self._running.finish("migrate", "static")
        self._running.start(*programs.serving(self._options.host, self._port))

    def what_hinders(self) -> str | None:
        """None once the panel calls itself ready, else its own words."""
        readiness = ask_readyz(self._options.host, self._port)
        return None if readiness.is_ready else readiness.words

    def facts(self) -> dict[str, Any]:
        """The form of the `--json` line."""
        return {
            "url": f"http://{self._options.host}:{self._port}",
            "var": str(self._options.var),
            "pids": {"supervisor": os.getpid(), **self._running.pids()},
        }

    def words(self) -> str:
        """The facts as they are printed for a person."""
        facts = self.facts()
        stop = how_to_stop(self._root, self._options.var)
        return f"HA Panel: {facts['url']}   logs: {facts['var']}/log   end: Ctrl-C or {stop}"

    def as_json(self) -> str:
        """The facts as one line."""
        return json.dumps(self.facts())


def stop(var: Path) -> int:
    """End the set that runs from `var` and wait; 0 also when none ran. Raises Refused."""
    lock = RunLock(var)
    pid = lock.holder()
    if pid is None:
        sys.stdout.write("Nothing runs here.\n")
        return 0
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        pass  # it ended this very moment
    except PermissionError as error:
        raise Refused(NOT_YOURS(pid=pid, folder=var)) from error
    deadline = time.monotonic() + STOP_SECONDS
    while lock.holder() == pid:
        if time.monotonic() > deadline:
            sys.stderr.write(f"Process {pid} has not ended after {STOP_SECONDS} s.\n")
            return 1
        time.sleep(0.1)
    sys.stdout.write("Ended.\n")
    return 0
