"""The files that people deploy with: valid, without secrets, and of one mind about the commands."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from hapanel.supervisor.panel_programs import BEAT, FOLLOWER, WEB, WORKER

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.executable).parent
COMMANDS = {"web": WEB, "worker": WORKER, "beat": BEAT, "follower": FOLLOWER}
UNITS = ROOT / "deploy" / "systemd"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert isinstance(found, dict)
    return found


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_the_compose_file_follows_the_compose_specification() -> None:
    checked = run(
        TOOLS / "check-jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        ROOT / "docker-compose.yml",
    )
    assert checked.returncode == 0, checked.stdout


def test_no_variable_of_the_compose_file_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    variables = re.findall(r"\$\{(\w+)(.*?)\}", text)
    assert variables
    assert [name for name, rest in variables if not rest.startswith(":?")] == []


def test_every_long_running_service_has_a_health_check(compose: dict[str, Any]) -> None:
    lasting = {name for name, service in compose["services"].items() if name != "migrate"}
    assert lasting == {"postgres", "redis", "web", "worker", "beat", "follower"}
    assert [name for name in lasting if "healthcheck" not in compose["services"][name]] == []


def test_only_web_is_published_and_only_on_this_machine(compose: dict[str, Any]) -> None:
    published = {
        name: service["ports"]
        for name, service in compose["services"].items()
        if "ports" in service
    }
    assert published == {"web": ["127.0.0.1:8000:8000"]}


def test_the_dockerfile_satisfies_its_linter() -> None:
    checked = run(TOOLS / "hadolint", ROOT / "Dockerfile")
    assert checked.returncode == 0, checked.stdout
    assert checked.stdout == ""


def test_the_image_contains_every_package_but_the_lab() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for package in project["tool"]["importlinter"]["root_packages"]:
        assert f"COPY {package} {package}\n" in dockerfile
        assert f"!{package}" in ignored
    assert "hapanel/lab" in ignored


def test_the_image_does_not_run_as_root() -> None:
    users = re.findall(r"^USER (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert users
    assert users[-1] not in {"root", "0"}


@pytest.mark.parametrize("name", COMMANDS)
def test_compose_and_systemd_run_what_the_supervisor_runs(
    name: str, compose: dict[str, Any]
) -> None:
    ours = COMMANDS[name].split()
    container = compose["services"][name]["command"]
    assert container[: len(ours) + 1] == ["python", *ours]
    unit = (UNITS / f"hapanel-{name}.service").read_text()
    start = re.search(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    assert start is not None
    assert shlex.split(start[1])[: len(ours) + 1] == ["/opt/hapanel/.venv/bin/python", *ours]


def test_the_image_starts_web_unless_told_otherwise(compose: dict[str, Any]) -> None:
    found = re.search(r"^CMD (\[.*\])$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert found is not None
    assert json.loads(found[1]) == compose["services"]["web"]["command"]


def test_systemd_understands_the_units(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not on this machine")
    shutil.copytree(UNITS, tmp_path / "units")
    for unit in (tmp_path / "units").rglob("*.*"):
        if unit.is_file():  # the programs lie in this checkout, not in /opt
            text = unit.read_text().replace("/opt/hapanel/.venv/bin/python", sys.executable)
            unit.write_text(text.replace("/opt/hapanel", str(ROOT)))
    checked = run(
        "systemd-analyze",
        "verify",
        *sorted((tmp_path / "units").glob("hapanel*.service")),
        tmp_path / "units" / "hapanel.target",
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path / 'units'}:", "PATH": "/usr/bin:/bin"},
    )
    assert checked.returncode == 0, checked.stderr
    assert "hapanel" not in checked.stderr


def test_a_database_that_is_away_at_boot_stops_no_unit_for_good() -> None:
    for unit in UNITS.glob("*.service"):
        text = unit.read_text()
        assert "\nRequires=" not in text, unit.name
        assert "\nStartLimitIntervalSec=0\n" in text, unit.name
        assert re.search(r"^Restart=(always|on-failure)$", text, re.MULTILINE), unit.name
        if unit.name != "hapanel-migrate.service":
            assert "manage.py migrate --check\nExecStart=" in text, unit.name


def test_the_target_wants_every_unit() -> None:
    target = (UNITS / "hapanel.target").read_text()
    assert all(unit.name in target for unit in UNITS.glob("*.service"))


def test_nginx_passes_the_event_stream_on_at_once() -> None:
    text = (ROOT / "deploy" / "nginx" / "hapanel.conf").read_text()
    location = re.search(r"location = /api/v1/events/ \{(.*?)\}", text, re.DOTALL)
    assert location is not None
    assert "proxy_buffering off;" in location[1]
    assert "proxy_read_timeout 1h;" in location[1]
    assert "X-Forwarded-For $remote_addr;" in text
    assert "https://$server_name$request_uri" in text, "a caller's Host decides no redirect"
