"""The shared secret leaves no text of DRBD's."""

from __future__ import annotations

import pytest

from hapanel.drbd.redact import redact

SECRET = "correct-horse"


@pytest.mark.parametrize(
    "text",
    [
        f"Command 'drbdsetup connect rs --shared-secret={SECRET} --protocol=C' terminated with",
        f"Command 'drbdsetup connect rs --shared-secret={SECRET}' terminated with exit code 10",
        rf"Command 'drbdsetup new-peer rs 1 --shared-secret={SECRET}\ {SECRET} -x' terminated",
        f"    shared-secret    {SECRET};",
        f'    shared-secret    "{SECRET} {SECRET}";',
        f'    shared-secret    "{SECRET}',
        f'<option name="shared-secret" value="{SECRET}"/>',
        f'"shared-secret": "{SECRET}",',
        f'"shared-secret":"{SECRET}\\" {SECRET}"',
        f"net {{ shared-secret {SECRET}; }}",
        f"drbdsetup net-options --shared-secret {SECRET}",
    ],
)
def test_no_form_keeps_the_secret(text: str) -> None:
    redacted = redact(text)
    assert SECRET not in redacted
    assert "***" in redacted


def test_what_stands_around_the_secret_stays() -> None:
    text = "Command 'drbdsetup connect rs --shared-secret=a --protocol=C' terminated with code 10"
    assert redact(text) == text.replace("=a", "=***")
    dump = "net {\n shared-secret x;\n protocol C;\n}"
    assert redact(dump) == "net {\n shared-secret ***;\n protocol C;\n}"


def test_a_known_secret_is_hidden_where_nothing_names_it() -> None:
    assert redact(f"Parse error near {SECRET}", [SECRET, ""]) == "Parse error near ***"
