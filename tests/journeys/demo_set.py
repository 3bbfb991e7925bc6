"""The real demo set, started for journeys: web, worker, beat, follower, Redis and the lab."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")
# A first start makes the environment anew on a busy machine; more than this is a fault.
START_SECONDS = 180


class DemoSet:
    """A running set; knows its address, its tokens and how to hurt the lab."""

    def __init__(self, facts: dict[str, Any], var: Path) -> None:
        self.url: str = facts["url"].rstrip("/")
        self.tokens: dict[str, str] = facts["tokens"]
        self.control_url: str = facts["control_url"]
        self.control_token: str = facts["control_token"]
        self.facts = facts
        self.var = var

    def ctl(self, *action: str) -> dict[str, Any]:
        """Run one `python -m hapanel.lab ctl` action; its JSON answer."""
        command = [sys.executable, "-m", "hapanel.lab", "ctl", "--url", self.control_url]
        command += ["--token", self.control_token, *action]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout or "{}")
        return answer

    def pid(self, program: str) -> int:
        """The process id of one program of the set, as the supervisor knows it now."""
        found = list(self.var.rglob("processes.json"))
        pids: dict[str, int] = json.loads(found[0].read_text())
        return pids[program]

    def kill(self, program: str) -> None:
        """kill -9 one program; the supervisor starts it again."""
        os.kill(self.pid(program), signal.SIGKILL)

    def call(
        self,
        method: str,
        path: str,
        *,
        who: str = "oda",
        body: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """One REST call as `who`: status and decoded body."""
        request = urllib.request.Request(
            f"{self.url}/api/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.tokens[who]}",
                "Content-Type": "application/json",
                **(headers or {}),
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"{}")

    def get(self, path: str, who: str = "oda") -> dict[str, Any]:
        status, body = self.call("GET", path, who=who)
        assert status == 200, (status, body)
        return body

    def migrate(self, vmid: int, target: str, **more: Any) -> dict[str, Any]:
        """Ask for a migration over REST; the operation."""
        body = {"cluster": "clusterubd", "vmid": vmid, "target": target, **more}
        status, operation = self.call("POST", "migrations/", body=body)
        assert status == 202, (status, operation)
        return operation

    def bring_home(self, vmid: int, node: str = "master") -> None:
        """Wait until the guest is at rest and on `node`, migrating it there when it is not."""
        path = f"vms/clusterubd/{vmid}/"
        eventually(lambda: not self._open_operation(vmid), 120)
        eventually(lambda: self.get(path)["status"] == "running", 90)
        if self.get(path)["node"] != node:
            operation = eventually(lambda: self.ask(vmid, node), 60)
            ended = self.wait_for_end(operation["id"])
            assert ended["state"] == "succeeded", ended

    def other_node(self, vmid: int) -> str:
        """Wait until the guest is at rest; the node of the two where it is not."""
        eventually(lambda: not self._open_operation(vmid), 120)
        guest = eventually(lambda: self._running(vmid), 90)
        return "slave" if guest["node"] == "master" else "master"

    def _running(self, vmid: int) -> dict[str, Any] | None:
        guest = self.get(f"vms/clusterubd/{vmid}/")
        return guest if guest["status"] == "running" else None

    def _open_operation(self, vmid: int) -> bool:
        """Whether a migration of the guest still goes on (a test before may have failed in it)."""
        newest = self.get(f"migrations/?vmid={vmid}&cluster=clusterubd")["results"]
        return any(operation["state"] in {"queued", "running"} for operation in newest)

    def ask(self, vmid: int, node: str) -> dict[str, Any] | None:
        """Ask for a migration; None while the cluster's state refuses it (HA settles slowly)."""
        body = {"cluster": "clusterubd", "vmid": vmid, "target": node}
        status, operation = self.call("POST", "migrations/", body=body)
        return operation if status == 202 else None

    def wait_for_end(self, operation_id: int, seconds: float = 150) -> dict[str, Any]:
        """The operation once it has ended (or needs attention)."""
        over = {"succeeded", "failed", "cancelled", "needs_attention"}

        def ended() -> dict[str, Any] | None:
            operation = self.get(f"migrations/{operation_id}/")
            return operation if operation["state"] in over else None

        return eventually(ended, seconds)


def eventually(look: Callable[[], T | None], seconds: float, every: float = 0.2) -> T:
    """The first truthy answer of `look`; fails when there is none within `seconds`."""
    deadline = time.monotonic() + seconds
    last: T | None = None
    while time.monotonic() < deadline:
        last = look()
        if last:
            return last
        time.sleep(every)
    raise AssertionError(f"nothing within {seconds} s; last answer: {last!r}")


@contextmanager
def running_demo(*options: str) -> Iterator[DemoSet]:
    """`./panel demo` on free ports and addresses, ended at the end by its process id."""
    with tempfile.TemporaryDirectory(prefix="hapanel-journey-") as folder:
        var = Path(folder)
        command = [sys.executable, "panel", "demo", "--port", "0", "--net", "auto"]
        command += ["--var", str(var), "--json", *options]
        log = (var / "panel.err").open("wb")
        panel = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log)
        try:
            assert panel.stdout is not None
            readable, _, _ = select.select([panel.stdout], [], [], START_SECONDS)
            line = panel.stdout.readline() if readable else b""
            assert line, (var / "panel.err").read_text()[-4000:]
            yield DemoSet(json.loads(line), var)
        finally:
            panel.send_signal(signal.SIGTERM)
            try:
                panel.wait(30)
            except subprocess.TimeoutExpired:
                panel.kill()
                panel.wait(10)
            log.close()
