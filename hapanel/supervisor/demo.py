"""`./panel demo`: the panel beside a lab cluster, in a folder of its own, seeded and ready."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from hapanel import embedded_redis
from hapanel.supervisor.addresses import ask_readyz, claim_net, claim_port
from hapanel.supervisor.options import Options, how_to_hurt, how_to_stop
from hapanel.supervisor.panel_programs import (
    PanelPrograms,
    base_environment,
    redis_program,
    redis_url,
    static_digest,
)
from hapanel.supervisor.program import Program
from hapanel.supervisor.running_set import RunningSet

READY_SECONDS = 60
# A demo stands on its own: of what is set for the real panel only these get in.
LET_IN = (
    "HAPANEL_LANGUAGE",
    "HAPANEL_LOG_LEVEL",
    "HAPANEL_OBSERVE_SECONDS",
    "HAPANEL_PROBE_SECONDS",
    "HAPANEL_TIME_ZONE",
)
ROLES = {"ada": "administrator", "oda": "operator", "hal": "help desk"}


class Demo:
    """One demo: `options.var` holds its logs and tokens, `demo/` in there everything it keeps."""

    def __init__(self, root: Path, options: Options, running: RunningSet) -> None:
        self._root = root
        self._options = options
        self._running = running
        self._home = options.var / "demo"
        self._ready_line = self._home / "lab-ready.json"
        self._database_url = f"sqlite://{self._home / 'hapanel.sqlite3'}"
        self._port = claim_port(options.host, options.port)
        self._net = claim_net(options.net)

    def start(self) -> None:
        """Bring everything up, in the order that its parts need each other."""
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        environ = self.environment()
        self._running.start(redis_program(self._home / "redis", environ), self._lab())
        if self._options.database == "postgres":
            self._start_postgres()
        programs = PanelPrograms(self._root, self.environment())
        self._running.start(programs.manage("migrate", "migrate", "--no-input"))
        self._collect_static(programs)
        self._running.finish("migrate")
        self._running.wait_until(
            lambda: embedded_redis.answers(self._home / "redis"), "redis", READY_SECONDS
        )
        self._serve()
        self._running.after_restart("lab", self._serve)

    def _serve(self) -> None:
        """Seed from what the lab says about itself, then start what needs to know it."""
        self._running.wait_until(lambda: self.lab() is not None, "lab", READY_SECONDS)
        programs = PanelPrograms(self._root, self.environment())
        seed = programs.manage("seed", "seed_demo", "--ready", str(self._ready_line))
        self._running.start(seed)
        self._running.finish("seed")
        self._publish()
        self._running.start(*programs.serving(self._options.host, self._port))

    def _start_postgres(self) -> None:
        address = self._home / "postgres-url"
        address.unlink(missing_ok=True)
        program = Program(
            "postgres",
            (sys.executable, "-m", "tests.postgres"),
            base_environment(self._root),
            output=address,
            dies_with_us=signal.SIGTERM,
        )
        self._running.start(program)
        self._running.wait_until(
            lambda: address.read_text().endswith("\n"), "postgres", READY_SECONDS
        )
        self._database_url = address.read_text().strip()

    def _collect_static(self, programs: PanelPrograms) -> None:
        stamp = self._home / "static.stamp"
        digest = static_digest(self._root, self._root / "requirements.lock")
        if stamp.exists() and stamp.read_text() == digest:
            return
        self._running.start(programs.manage("static", "collectstatic", "--no-input", "-v0"))
        self._running.finish("static")
        stamp.write_text(digest)

    def lab(self) -> dict[str, Any] | None:
        """The lab's ready line, None until it is there."""
        try:
            text = self._ready_line.read_text()
        except FileNotFoundError:
            return None
        if not text.endswith("\n"):
            return None
        line = json.loads(text)
        return line if isinstance(line, dict) else None

    def _lab(self) -> Program:
        self._ready_line.unlink(missing_ok=True)
        options = self._options
        what = ("--scenario", options.scenario, "--speed", f"{options.speed:g}")
        keys = str(self._home / "lab-keys")
        where = ("--net", self._net, "--control-port", "0", "--folder", keys)
        command = (sys.executable, "-m", "hapanel.lab", *what, *where)
        # A lab that is killed cannot tidy up after itself: it gets a place that is emptied here.
        scratch = self._home / "lab"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        environ = {**base_environment(self._root), "TMPDIR": str(scratch)}
        return Program("lab", command, environ, output=self._ready_line)

    def environment(self) -> dict[str, str]:
        """The settings of the demo's processes: its own, and nothing that leads elsewhere."""
        environ = {
            name: value
            for name, value in base_environment(self._root).items()
            if not name.startswith("HAPANEL_") or name in LET_IN
        }
        environ |= {
            "HAPANEL_DEMO": "1",
            "HAPANEL_VAR": str(self._home),
            "HAPANEL_DATABASE_URL": self._database_url,
            "HAPANEL_REDIS_URL": redis_url(self._home / "redis"),
        }
        if lab := self.lab():
            environ["HAPANEL_LAB_URL"] = lab["control_url"]
            environ["HAPANEL_LAB_TOKEN"] = lab["control_token"]
        return environ

    def what_hinders(self) -> str | None:
        """None once the panel calls itself ready, else its own words."""
        readiness = ask_readyz(self._options.host, self._port)
        return None if readiness.is_ready else readiness.words

    def facts(self) -> dict[str, Any]:
        """What a program that uses the demo has to know; the form of the `--json` line."""
        lab = self.lab() or {}
        return {
            "url": f"http://{self._options.host}:{self._port}",
            "var": str(self._options.var),
            "pids": {"supervisor": os.getpid(), **self._running.pids()},
            "control_url": lab.get("control_url"),
            "control_token": lab.get("control_token"),
            "tokens": json.loads((self._options.var / "demo-tokens.json").read_text()),
            "lab": lab,
        }

    def _publish(self) -> None:
        """Leave in var/ what other commands of ./panel need: tokens and the demo's settings."""
        tokens = (self._home / "demo-tokens.json").read_text()
        _write_private(self._options.var / "demo-tokens.json", tokens)
        own = {
            name: value for name, value in self.environment().items() if name.startswith("HAPANEL_")
        }
        _write_private(self._home / "environment.json", json.dumps(own, indent=1))

    def words(self) -> str:
        """The facts as they are printed for a person."""
        facts = self.facts()
        accounts = [
            f"  {name}  {role:14} password demo   REST token {facts['tokens'].get(name, 'none')}"
            for name, role in ROLES.items()
        ]
        stop = how_to_stop(self._root, self._options.var)
        ctl = how_to_hurt(self._root, self._options.var)
        victim = facts["lab"]["nodes"][-1]["name"]
        end = [
            f"  Crash a node of the lab: {ctl} crash {victim}   (back: power-on {victim})",
            f"  Logs: {facts['var']}/log     End: Ctrl-C, or {stop}",
        ]
        return "\n".join(["", f"HA Panel demo: {facts['url']}", "", *accounts, "", *end, ""])

    def as_json(self) -> str:
        """The facts as one line."""
        return json.dumps(self.facts())


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text)
