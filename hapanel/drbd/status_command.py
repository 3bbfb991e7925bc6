"""`python -m hapanel.drbd status FILE`: a recorded answer of DRBD, decoded to JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from hapanel.drbd.decode.forms import Form, decode, form_of
from hapanel.drbd.decode.generations import generations
from hapanel.drbd.join import Replication
from hapanel.drbd.judge import Judgement
from hapanel.drbd.recording import judged_of, nodes_of, read_recording

USAGE = "usage: python -m hapanel.drbd status FILE\n"


def status(arguments: Sequence[str]) -> int:
    """Decode the one file that `arguments` name and print it: 0, or 2 when it is no status."""
    if len(arguments) != 1 or (arguments[0].startswith("-") and arguments[0] != "-"):
        sys.stderr.write(USAGE)
        return 2
    try:
        content = _content(arguments[0])
        answer = _decoded(content)
    except _Unreadable as error:
        sys.stderr.write(f"{arguments[0]}:{error}\n")
        return 2
    json.dump(answer, sys.stdout, indent=1)
    sys.stdout.write("\n")
    return 0


class _Unreadable(Exception):
    """Why nothing can be read, with the place in front: `LINE: what`."""


def _content(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise _Unreadable(f" {error.strerror or error}") from error


def _decoded(content: bytes) -> dict[str, Any]:
    if b'"recordings"' in content and content.lstrip()[:1] == b"{":
        return _recording(content)
    text = content.decode("utf-8", "replace")
    form = form_of(text)
    if form is Form.UNREADABLE:
        number, line = _first_line(text)
        raise _Unreadable(f"{number}: no status of DRBD: {line[:80]!r}")
    if form is Form.GENERATIONS:
        return {"form": form.value, "generations": _plain(generations(text))}
    return {"form": form.value, **_plain(decode(text))}


def _recording(content: bytes) -> dict[str, Any]:
    try:
        recording = read_recording(content)
    except msgspec.MsgspecError as error:
        raise _Unreadable(f"1: no recording: {error}") from error
    told = tuple(nodes_of(recording))
    return {
        "form": "recording",
        "state": recording.state,
        "nodes": {one.node: _plain(one.status) for one in told},
        "resources": {one.resource: _judged(one, judgement) for one, judgement in judged_of(told)},
    }


def _judged(replication: Replication, judgement: Judgement) -> dict[str, Any]:
    return {
        "health": judgement.health.value,
        "severity": judgement.severity.value,
        "split_brain": judgement.split_brain is not None,
        "findings": [
            {**one.as_record(), "because": one.because(), "remedy": one.remedy()}
            for one in judgement.findings
        ],
        "contradictions": [asdict(one) for one in replication.contradictions],
    }


def _first_line(text: str) -> tuple[int, str]:
    lines = ((number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip())
    return next(lines, (1, ""))


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value)
