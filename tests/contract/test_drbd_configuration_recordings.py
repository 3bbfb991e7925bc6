"""The lint against what real drbdadm said of wrong configurations, as far as that is here.

Recorded were commands and answers, each configuration by its name; they are rebuilt here from the
one that the other answers show. What drbdadm refused must be an error, at the line it named; what
it accepted must be none, unless bringing the resource up was recorded to fail.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import Any

import pytest

from hapanel.drbd.configuration.findings import Finding, Severity
from hapanel.drbd.configuration.options import Syntax
from hapanel.drbd.configuration.subject import Surroundings
from tests.machine import FACTS
from tests.pure.drbd.configurations import RECORDED, changed, findings

GENERATIONS = {"drbd84": Syntax.V8, "drbd9": Syntax.V9}
NAMED_LINE = re.compile(r"rs\.res:([1-9][0-9]*)")
UP_FAILS = {"after-sb-2pri-bad-for-that-option": "after-sb-2pri-bad"}
# One address for both with two ports: drbdadm 8.4 says only that it is none of this host's.
NOT_OF_THIS_HOST = "not found on this host"


def _with(line: int, *new: str) -> str:
    lines = RECORDED.split("\n")
    return "\n".join([*lines[: line - 1], *new, *lines[line - 1 :]])


def _without(*numbers: int) -> str:
    lines = enumerate(RECORDED.split("\n"), start=1)
    return "\n".join(each for number, each in lines if number not in numbers)


def _second(*replaced: tuple[str, str]) -> str:
    text = RECORDED.replace("resource rs", "resource r2")
    for old, new in replaced:
        text = text.replace(old, new)
    return RECORDED + text


PORT, MINOR, DISK = (":7788", ":7799"), ("/dev/drbd0", "/dev/drbd1"), ("/dev/vda", "/dev/vdb")
NODE_IDS = changed(
    changed(RECORDED, "on slave {", "on slave {\n    node-id 1;"),
    "on master {",
    "on master {\n    node-id 0;",
)
CONFIGURATIONS = {
    "ok": RECORDED,
    "address-bad-ip": changed(RECORDED, "10.0.7.2:", "10.0.7.299:"),
    "address-hostname": changed(RECORDED, "10.0.7.2:", "slave:"),
    "address-no-port": changed(RECORDED, "10.0.7.2:7788", "10.0.7.2"),
    "after-sb-2pri-bad-for-that-option": changed(
        RECORDED, "after-sb-2pri disconnect", "after-sb-2pri discard-secondary"
    ),
    "after-sb-unknown-policy": changed(RECORDED, "discard-zero-changes", "discard-both"),
    "bad-number": changed(RECORDED, "4M", "4X"),
    "become-primary-on-unknown": changed(RECORDED, "primary-on both", "primary-on nobody"),
    "cram-without-secret": _without(10),
    "device-without-disk": _without(23),
    "drbd9-connection-mesh": NODE_IDS.replace(
        "  on slave {", "  connection-mesh {\n    hosts master slave;\n  }\n  on slave {"
    ),
    "drbd9-node-id": NODE_IDS,
    "drbd9-quorum-option": _with(3, "  options { quorum majority; }"),
    "duplicate-resource": RECORDED + RECORDED,
    "hosts-not-this-node": RECORDED.replace("on master", "on m2").replace("on slave", "on s2"),
    "missing-brace": _without(33),
    "missing-semicolon": changed(RECORDED, "protocol C;", "protocol C"),
    "no-resource-at-all": "",
    "number-out-of-range": changed(RECORDED, "4M", "400G"),
    "old-syncer-section": RECORDED.replace("  disk {\n", "  syncer {\n")
    .replace("resync-rate 4M", "rate 33M")
    .replace("c-plan-ahead 0", "verify-alg md5"),
    "only-one-host": _without(*range(21, 27)),
    "peer-only": _without(*range(27, 33)),
    "protocol-3": changed(RECORDED, "protocol C", "protocol 3"),
    "protocol-D": changed(RECORDED, "protocol C", "protocol D"),
    "protocol-lowercase-c": changed(RECORDED, "protocol C", "protocol c"),
    "same-address": changed(RECORDED, "10.0.7.2:", "10.0.7.1:"),
    "same-ip-other-port": changed(RECORDED, "10.0.7.2:7788", "10.0.7.1:7799"),
    "timeout-zero": _with(11, "    timeout 0;"),
    "two-resources-same-disk": _second(PORT, MINOR),
    "two-resources-same-minor": _second(PORT, DISK),
    "two-resources-same-port": _second(MINOR, DISK),
    "unknown-disk-option": changed(RECORDED, "resync-rate", "resync-speed"),
    "unknown-net-option": changed(RECORDED, "two-primaries", "two-primary"),
    "unknown-resource-keyword": _with(3, "  foo bar;"),
    "unknown-section": changed(RECORDED, "  disk {", "  disc {"),
    "verify-alg-unknown": changed(RECORDED, "crc32c", "foo256"),
}


def recorded(series: str, state: str) -> list[dict[str, Any]]:
    path = FACTS / "drbd" / series / f"{state}.json"
    found: list[dict[str, Any]] = (
        json.loads(path.read_text())["recordings"] if path.is_file() else []
    )
    return found


def _by_configuration() -> list[tuple[str, str, list[dict[str, Any]]]]:
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for series in GENERATIONS:
        for each in recorded(series, "27-config-errors"):
            name, verb = each["name"].rsplit(".", 1)
            if verb in ("dump", "sh-nop") and name in CONFIGURATIONS:
                found[series, name].append(each)
    return [(series, name, answers) for (series, name), answers in found.items()]


def _judged(name: str, series: str, node: str) -> list[Finding]:
    around = Surroundings(this_node=node)
    found = findings(CONFIGURATIONS[name], GENERATIONS[series], around)
    return [each for each in found if each.severity is Severity.ERROR]


def _fails_up(name: str) -> bool:
    wanted = f"-{UP_FAILS.get(name, name)}-up"
    state = "28-bad-options-accepted-by-dump"
    return any(each["name"].endswith(wanted) and each["exit"] for each in recorded("drbd84", state))


def _lines(errors: list[Finding]) -> set[int]:
    return {place.line for each in errors for place in (each.place, *each.related)}


@pytest.mark.skipif(not (FACTS / "drbd").is_dir(), reason="no recordings of drbdadm here")
@pytest.mark.parametrize(("series", "name", "answers"), _by_configuration())
def test_what_drbdadm_refused_is_an_error_at_its_line(
    series: str, name: str, answers: list[dict[str, Any]]
) -> None:
    errors = _judged(name, series, answers[0]["node"])
    refusals = [each for each in answers if each["exit"]]
    said = " ".join(each["stderr"] for each in answers)
    if refusals:
        # Nothing to configure: no error in any file, drbdadm only misses the resource asked for.
        if name != "no-resource-at-all":
            assert errors
            lines = NAMED_LINE.findall(refusals[0]["stderr"])
            assert not lines or int(lines[0]) in _lines(errors), (said, [*map(str, errors)])
    elif not _fails_up(name) and NOT_OF_THIS_HOST not in said:
        assert not errors, [*map(str, errors)]


@pytest.mark.skipif(not (FACTS / "drbd").is_dir(), reason="no recordings of drbdadm here")
def test_what_the_dump_accepts_and_up_refuses_is_an_error() -> None:
    names = set(CONFIGURATIONS) - {"address-not-mine"}
    failing = {name for name in names if _fails_up(name)}
    assert failing >= {"after-sb-unknown-policy", "verify-alg-unknown", "address-bad-ip"}
    for name in failing:
        assert _judged(name, "drbd84", "master"), name


WRITTEN_OUT = re.compile(r"drbdadm dump( rs)?\Z|drbdsetup show( --show-defaults)?( rs)?\Z")


def _written_out() -> list[tuple[str, str]]:
    """What real tools wrote out in DRBD's own syntax, in every state: series and text."""
    found = set()
    for path in (FACTS / "drbd").glob("drbd*/*.json"):
        if not path.name.startswith(("27-", "28-")):
            found |= {
                (path.parent.name, each["stdout"])
                for each in json.loads(path.read_text())["recordings"]
                if WRITTEN_OUT.match(each.get("command", "")) and each.get("exit") == 0
            }
    return sorted(found)


@pytest.mark.skipif(not (FACTS / "drbd").is_dir(), reason="no recordings of drbdadm here")
def test_what_drbds_own_tools_write_out_has_no_error() -> None:
    texts = _written_out()
    assert len(texts) > 20
    for series, text in texts:
        found = findings(text, GENERATIONS[series])
        assert [str(each) for each in found if each.severity is Severity.ERROR] == []
