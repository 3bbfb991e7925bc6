"""The README is the first thing people believe: what it names has to be there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
STORY = README.split("## How a VM migrates")[1].split("\n## ")[0]


@pytest.mark.parametrize("path", re.findall(r"`([\w./-]+\.\w+)`", STORY))
def test_how_a_vm_migrates_lists_files_that_exist(path: str) -> None:
    assert (ROOT / path).is_file()


@pytest.mark.parametrize("path", re.findall(r"\]\(([\w./-]+)\)", README))
def test_what_the_readme_links_to_is_there(path: str) -> None:
    assert (ROOT / path).is_file()
