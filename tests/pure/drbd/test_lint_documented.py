"""Every rule has its paragraph, and no paragraph is left over."""

from __future__ import annotations

import re
from pathlib import Path

from hapanel.drbd import lint_command
from hapanel.drbd.configuration.findings import RULES

DOCS = (Path(__file__).resolve().parents[3] / "docs" / "drbd-lint.md").read_text()


def test_every_rule_has_its_paragraph() -> None:
    assert lint_command.lint is not None  # imports every rule
    paragraphs = dict(re.findall(r"(?m)^### (\S+)\n([^#]+)", DOCS))
    assert set(paragraphs) == set(RULES)
    assert all(text.strip() for text in paragraphs.values())
