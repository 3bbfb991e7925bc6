"""Programs of other people as they come from the package index, run against a lab."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hapanel.bootstrap.environment import PIP
from tests.contract.lab_process import LabProcess, eventually

LOCK = Path(__file__).parent / "pvecontrol.lock"
# The lab is on this machine, whatever proxy the environment names.
ALONE = {**os.environ, "no_proxy": "*", "NO_PROXY": "*", "PYTHONWARNINGS": "ignore"}
PIP_SECONDS = 120


class Exporter:
    """A running prometheus-pve-exporter that signs in with the lab's watching token."""

    def __init__(self, lab: LabProcess, folder: Path) -> None:
        user, _, token = lab.ready["watch_token_id"].partition("!")
        access = {
            "user": user,
            "token_name": token,
            "token_value": lab.ready["watch_token_secret"],
            "verify_ssl": lab.ready["ca_file"],
        }
        config = folder / "pve.yml"
        config.write_text(json.dumps({"default": access}))  # JSON is YAML
        self._address = f"127.0.0.1:{_free_port()}"
        program = Path(sys.prefix) / "bin" / "pve_exporter"
        words = ["--config.file", str(config), "--web.listen-address", self._address]
        self._process = subprocess.Popen(
            [program, *words], env=ALONE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def metrics(self, target: str) -> dict[str, float]:
        """What it exports of the cluster, asked through the node with that address."""
        url = f"http://{self._address}/pve?target={target}&module=default&cluster=1&node=1"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

        def answer() -> str | None:
            try:
                found = opener.open(url, timeout=30)
            except urllib.error.URLError:
                return None  # it is still starting
            with found:
                return str(found.read().decode())

        lines = eventually(answer, seconds=30).splitlines()
        pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(20)


@contextlib.contextmanager
def exporting(lab: LabProcess, folder: Path) -> Iterator[Exporter]:
    """An exporter for the length of a block."""
    exporter = Exporter(lab, folder)
    try:
        yield exporter
    finally:
        exporter.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def install_pvecontrol(cache: pytest.Cache) -> Path:
    """A folder with pvecontrol in it, filled once for each lock file.

    One of its requirements exists as source only, which .venv does not take; so it gets a place of
    its own. Skips when it cannot be had here and now.
    """
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
    folder = cache.mkdir("pvecontrol") / digest
    if (folder / "pvecontrol").is_dir():
        return folder
    pip = Path(sys.prefix) / PIP.filename / "pip"
    exactly = ("--no-deps", "--require-hashes", "-r", LOCK)
    command = (sys.executable, pip, "install", "--quiet", "--no-input", "--target", folder)
    try:
        done = subprocess.run(
            (*command, *exactly), capture_output=True, timeout=PIP_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"pvecontrol: the package index did not give it within {PIP_SECONDS} s")
    if done.returncode != 0:
        reason = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        pytest.skip(f"pvecontrol cannot be installed here: {reason}")
    return folder


class PveControl:
    """pvecontrol as its user runs it, with the lab's operating token."""

    def __init__(self, packages: Path, lab: LabProcess, folder: Path) -> None:
        user, _, token = lab.ready["token_id"].partition("!")
        cluster = {
            "name": "lab",
            "host": next(iter(lab.hosts.values())),
            "user": user,
            "token_name": token,
            "token_value": lab.ready["token_secret"],
        }
        limits = {"cpufactor": 4.0, "memoryminimum": 1 << 30}
        (folder / "config.yaml").write_text(json.dumps({"clusters": [cluster], "node": limits}))
        self._environ = {**ALONE, "PYTHONPATH": str(packages), "PVECONTROLDIR": str(folder)}

    def ask(self, *words: str) -> list[dict[str, Any]]:
        """A list that it prints as JSON."""
        rows: list[dict[str, Any]] = json.loads(self.run("--output", "json", *words))
        return rows

    def run(self, *words: str) -> str:
        """Its output, with every question answered by yes."""
        done = subprocess.run(
            [sys.executable, "-m", "pvecontrol", "--cluster", "lab", *words],
            env=self._environ,
            input="yes\n" * 3,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
