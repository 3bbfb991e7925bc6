"""Two nodes' files: what differs in meaning, with both places."""

from __future__ import annotations

import pytest

from hapanel.drbd.configuration.compare import Difference, compare
from hapanel.drbd.configuration.findings import Severity
from hapanel.drbd.configuration.model import Configuration
from hapanel.drbd.configuration.reader import Source, read
from hapanel.drbd.configuration.understanding import understood
from tests.pure.drbd.configurations import GOOD, THREE, changed


def understood_as(text: str, node: str) -> Configuration:
    return understood(read(Source(f"{node}/rs.res", text)))


def differences(left: str, right: str) -> tuple[Difference, ...]:
    return compare(understood_as(left, "master"), understood_as(right, "slave"))


def test_text_without_another_meaning_is_no_difference() -> None:
    text = GOOD.replace("60M", "61440k").replace("protocol C", "protocol c")
    text = text.replace("    after-sb-2pri disconnect;\n", "").replace("# The", "# Some other")
    lines = text.split("\n")
    startup, rest = lines[3:7], lines[7:-2]
    moved = "\n".join([*lines[:3], *rest, *startup, "}"])
    assert differences(GOOD, moved) == ()
    assert differences(GOOD, GOOD + THREE)[0].what == "resource data"


CASES = [
    ("k7Qm-v2Xp.9sRt/4bWz", "another-Secret-77", "rs: net shared-secret", 10, "error"),
    ("protocol C", "protocol A", "rs: net protocol", 3, "error"),
    ("ping-timeout 10", "allow-two-primaries", "rs: net allow-two-primaries", 15, "error"),
    ("crc32c", "md5", "rs: net verify-alg", 14, "error"),
    ("1pri consensus", "1pri discard-secondary", "rs: net after-sb-1pri", 12, "error"),
    ("10.1.1.1:7788", "10.1.1.1:7799", "rs: master address", 25, "error"),
    ("c-max-rate 60M", "c-max-rate 30M", "rs: disk c-max-rate", 19, "warning"),
]


@pytest.mark.parametrize(("old", "new", "what", "line", "severity"), CASES)
def test_each_difference_has_both_places(
    old: str, new: str, what: str, line: int, severity: str
) -> None:
    found = {each.what: each for each in differences(GOOD, changed(GOOD, old, new))}
    difference = found[what]
    assert difference.finding.severity == Severity(severity)
    here, there = difference.left.place, difference.right.place
    assert {here.file, there.file} == {"master/rs.res", "slave/rs.res"}
    assert line in (here.line, there.line)
    assert difference.finding.related == ((there,) if difference.left.text else (here,))


def test_a_secret_that_differs_is_told_and_not_shown() -> None:
    (found,) = differences(GOOD, changed(GOOD, "k7Qm-v2Xp.9sRt/4bWz", "another-Secret-77"))
    assert found.finding.code == "secrets-differ"
    shown = f"{found} {found.finding} {found.left} {found.right}"
    assert "another" not in shown
    assert "k7Qm" not in shown


def test_secrets_that_nobody_asks_for_keep_nobody_apart() -> None:
    unasked = GOOD.replace("    cram-hmac-alg sha256;\n", "")
    assert differences(unasked, changed(unasked, "k7Qm-v2Xp.9sRt/4bWz", "another-Secret-77")) == ()


def test_what_only_one_side_says_stands_beside_where_it_would_be() -> None:
    without = GOOD.replace("    ping-timeout 10;\n", "")
    (found,) = differences(without, GOOD)
    assert (found.left.text, found.left.place.line) == (None, 2)
    assert (found.right.text, found.right.place.line) == ("10", 15)
    assert str(found.finding).startswith("slave/rs.res:15: warning differs: rs: net ping-timeout")


def test_a_host_of_one_file_only_is_an_error() -> None:
    text = GOOD.replace("on slave", "on server2")
    whats = [each.what for each in differences(GOOD, text)]
    assert "rs: host slave" in whats
    assert "rs: host server2" in whats
    assert [each.what for each in differences(GOOD, "")] == ["resource rs"]


def test_disks_and_devices_are_compared_for_each_host_and_volume() -> None:
    text = changed(changed(GOOD, "vg0/rs", "vg1/rs", 30), "drbd0", "drbd3", 23)
    assert [each.what for each in differences(GOOD, text)] == [
        "rs: master volume 0 device",
        "rs: slave volume 0 disk",
    ]
