"""Real answers of Proxmox VE 9.2: a selection that is always here, and all of them if at hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

HERE = Path(__file__).parents[2] / "contract" / "recordings"
FACTS = Path(__file__).parents[4] / "shared" / "facts"
ANSWERS: dict[str, dict[str, Any]] = json.loads((HERE / "gateway_answers.json").read_text())
LOGS: dict[str, list[str]] = json.loads((HERE / "migration_logs.json").read_text())


def body_of(name: str) -> bytes:
    """The body of a recorded answer; empty where it was."""
    body = ANSWERS[name]["body"]
    return msgspec.json.encode(body) if body is not None else b""
