"""What drbdadm says when it refuses becomes a refusal with its own words, and no secret."""

from __future__ import annotations

import pytest

from hapanel.drbd.tool_errors import refusal_of_tool, said

REPEATED = (
    "Command 'drbdsetup connect rs --shared-secret=hush --protocol=C' terminated with exit code 10"
)


@pytest.mark.parametrize(
    ("exit_code", "stderr", "code"),
    [
        (17, "0: State change failed: (-2) Need access to UpToDate data\n", "drbd-no-current-data"),
        (11, "rs: State change failed: (-12) Device is held open by someone\n", "drbd-in-use"),
        (11, "rs: State change failed: (-10) refused\n", "drbd-peer-refused"),
        (11, "rs: State change failed: (-1) Multiple primaries\n", "drbd-second-primary"),
        (11, "rs: State change failed: (-25) No quorum\n", "drbd-no-quorum"),
        (10, f"rs: Failure: (158) Unknown resource\n{REPEATED}\n", "drbd-not-up"),
        (1, "'rs' not defined in your config (for this host).\n", "drbd-not-configured"),
        (1, "No valid meta data found\n", "drbd-no-metadata"),
        (
            10,
            "drbd.d/rs.res:24: in resource rs:\n\tIP not found on this host.\n",
            "drbd-address-taken",
        ),
        (10, "drbd.d/rs.res:11: timeout 0 => 0 out of range\n", "drbd-configuration"),
        (20, "received netlink error reply: No such device\n", "drbd-module"),
        (11, "", "drbd-refused"),
        (99, "rs: Failure: (9999) What nobody has seen\n", "drbd-refused"),
    ],
)
def test_each_no_is_explained_and_keeps_its_words(exit_code: int, stderr: str, code: str) -> None:
    refusal = refusal_of_tool("master", "rs", exit_code, stderr)
    assert refusal is not None
    assert refusal.code == code
    words = stderr.splitlines()[0].strip() if stderr else f"exit {exit_code}"
    assert words in refusal.because()
    assert "hush" not in str(refusal)


def test_what_succeeded_was_not_refused() -> None:
    assert refusal_of_tool("master", "rs", 0, "a warning\n") is None


def test_the_repeated_command_line_is_left_out() -> None:
    assert said(f"rs: Failure: (123) no\n{REPEATED}\n") == "rs: Failure: (123) no"
    assert said("a\x1b[31m\x00b\n") == "a?[31m?b"
    assert len(said("x" * 100_000)) < 400
