"""The script of docs/api.md, run as it stands there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.journeys.demo_set import DemoSet

Done = subprocess.CompletedProcess[str]
API_DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "api.md"

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")


def script() -> str:
    found = re.search(r"```sh\n(set -eu\n.*?)```", API_DOCUMENT.read_text(), re.DOTALL)
    assert found
    return found[1]


def run(
    demo: DemoSet, folder: Path, target: str, who: str = "oda"
) -> subprocess.CompletedProcess[str]:
    text = script().replace('"target": "slave"', f'"target": "{target}"')
    environment = {"PATH": "/usr/bin:/bin", "PANEL": demo.url, "TOKEN": demo.tokens[who]}
    return subprocess.run(
        ["sh", "-c", text],
        env={**environment, "KEY": f"curl-{target}"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_a_script_with_curl_migrates_once_for_one_key(demo: DemoSet, tmp_path: Path) -> None:
    home = demo.get("vms/clusterubd/100/")["node"]
    away = "slave" if home == "master" else "master"
    before = len(demo.get("migrations/?vmid=100")["results"])
    first = run(demo, tmp_path, away)
    assert first.returncode == 0, first.stderr + first.stdout
    assert "succeeded, downtime" in first.stdout
    again = run(demo, tmp_path, away)
    assert again.returncode == 0, again.stderr + again.stdout
    assert len(demo.get("migrations/?vmid=100")["results"]) == before + 1
    assert demo.get("vms/clusterubd/100/")["node"] == away
    assert run(demo, tmp_path, home).returncode == 0


def test_hal_is_told_why_his_script_may_not(demo: DemoSet, tmp_path: Path) -> None:
    refused = run(demo, tmp_path, "slave", who="hal")
    assert refused.returncode == 1
    assert "Your role does not allow this." in refused.stderr
