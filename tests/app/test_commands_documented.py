"""Nothing that people can meet is undocumented: settings, refusals, commands."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections import Counter
from pathlib import Path

import pytest
from django.core.management import get_commands

import hapanel
import nodes
import vms
from hapanel import settings
from hapanel.environment import ELSEWHERE, Environment, SettingRefused
from hapanel.kernel.refusal import KINDS

DOCS = Path(__file__).resolve().parents[2] / "docs"
NOT_IMPORTED = re.compile(r"migrations|__main__|^hapanel\.(lab|asgi)\b")


def test_every_setting_stands_in_the_settings_document() -> None:
    found = set(re.findall(r"HAPANEL_[A-Z_]+[A-Z]", (DOCS / "settings.md").read_text()))
    assert found == settings.env.declared | ELSEWHERE


def test_every_refusal_has_one_paragraph() -> None:
    for package in (hapanel, nodes, vms):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not NOT_IMPORTED.search(module.name):
                importlib.import_module(module.name)
    lines = (DOCS / "refusals.md").read_text().splitlines()
    headings = Counter(line.removeprefix("### ") for line in lines if line.startswith("### "))
    assert sorted(set(KINDS) - set(headings)) == []
    assert sorted(set(headings) - set(KINDS)) == []
    assert [code for code, count in headings.items() if count > 1] == []


def test_every_command_of_ours_says_what_it_does() -> None:
    ours = [name for name, app in get_commands().items() if app == "hapanel.commands"]
    assert {"add_cluster", "create_user", "doctor", "follow", "seed_demo"} <= set(ours)
    for name in ours:
        module = importlib.import_module(f"hapanel.commands.management.commands.{name}")
        assert module.Command.help, name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HAPANEL_OBSERVE_SECONDS", "0"),
        ("HAPANEL_OBSERVE_SECONDS", "soon"),
        ("HAPANEL_OBSERVE_SECONDS", "\u0663"),
    ],
)
def test_a_number_that_will_not_do_stops_the_start(name: str, value: str) -> None:
    with pytest.raises(SettingRefused, match=name):
        Environment({name: value}).number(name, 3, least=1)


def test_a_misspelt_setting_stops_the_start() -> None:
    with pytest.raises(SettingRefused, match="HAPANEL_DEBUGG"):
        Environment({"HAPANEL_DEBUGG": "1"}).refuse_unknown()


def test_a_secret_comes_from_its_variable_or_its_file_and_never_from_both(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://x\n")
    name, in_file = "HAPANEL_DATABASE_URL", "HAPANEL_DATABASE_URL_FILE"
    assert Environment({in_file: str(file)}).secret_text(name, "") == "postgresql://x"
    with pytest.raises(SettingRefused, match="both"):
        Environment({name: "x", in_file: str(file)}).secret_text(name, "")
    with pytest.raises(SettingRefused, match="cannot be read"):
        Environment({in_file: str(tmp_path / "none")}).secret_text(name, "")


def test_a_generated_secret_is_made_once_and_is_ours_alone(tmp_path: Path) -> None:
    file = tmp_path / "var" / "secret-key"
    first = Environment({}).secret("HAPANEL_SECRET_KEY", generated_in=file)
    assert len(first) == 64
    assert Environment({}).secret("HAPANEL_SECRET_KEY", generated_in=file) == first
    assert file.stat().st_mode & 0o777 == 0o600


def test_short_encryption_keys_are_refused(tmp_path: Path) -> None:
    variables = {"HAPANEL_ENCRYPTION_KEYS": f"{'k' * 32},short"}
    with pytest.raises(SettingRefused, match="shorter than 32"):
        Environment(variables).secrets("HAPANEL_ENCRYPTION_KEYS", generated_in=tmp_path / "keys")
