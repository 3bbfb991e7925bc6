"""`python -m hapanel.drbd status FILE`: what is printed, and what ends with 2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hapanel.drbd.__main__ import main
from tests.pure.drbd.test_decoding import GI_OF_8, PROC_OF_8, STATUS_OF_8


@pytest.mark.parametrize(
    ("text", "form", "key"),
    [
        (STATUS_OF_8, "drbdsetup status", "resources"),
        (PROC_OF_8, "/proc/drbd", "resources"),
        (GI_OF_8, "drbdadm get-gi", "generations"),
    ],
)
def test_a_recorded_answer_is_printed_as_json(
    text: str, form: str, key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "answer"
    file.write_text(text)
    assert main(["status", str(file)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["form"] == form
    assert printed[key]


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"\nno status at all\n", ":2: "),
        (b"", ":1: "),
        (b"\x00\xff\xfe" * 50, ":1: "),
        (b'{"recordings": 7}', ":1: "),
    ],
)
def test_what_cannot_be_read_ends_with_2_and_its_place(
    content: bytes, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "answer"
    file.write_bytes(content)
    assert main(["status", str(file)]) == 2
    told = capsys.readouterr()
    assert told.err.startswith(f"{file}{place}")
    assert told.out == ""


@pytest.mark.parametrize("arguments", [[], ["status"], ["status", "--all"], ["nothing", "file"]])
def test_bad_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("usage: ")
