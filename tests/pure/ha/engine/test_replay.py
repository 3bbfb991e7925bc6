"""The replay as a program: what it prints, and what it says of files that are no cases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hapanel.ha.replay.__main__ import main
from hapanel.ha.replay.case import faults

OFF = {"power": "off", "network": "off"}


def case(**fields: Any) -> dict[str, Any]:
    """Two nodes with a guest each; the second loses power."""
    return {
        "nodes": ["n1", "n2"],
        "hardware_status": {"n1": OFF, "n2": OFF},
        "services": {
            "vm:10": {"node": "n1", "state": "started"},
            "ct:11": {"node": "n2", "state": "stopped", "max_restart": "2"},
        },
        "commands": [["power n1 on", "power n2 on"], ["power n2 off"]],
        "expected": {"duration": 620, "final": {"services": "not looked at"}},
        **fields,
    }


def run(tmp_path: Path, whole: Any) -> int:
    path = tmp_path / "case.json"
    path.write_text(whole if isinstance(whole, str) else json.dumps(whole))
    return main([str(path)])


def test_it_prints_the_outcome(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, case()) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["service_transitions", "placements", "final"]
    assert found["service_transitions"][0] == {
        "t": 20,
        "sid": "vm:10",
        "from": None,
        "to": "request_start",
        "node": "n1",
    }
    assert [line["why"] for line in found["placements"]] == ["added", "added"]
    assert found["final"]["services"]["vm:10"]["state"] == "started"
    assert found["final"]["services"]["vm:10"]["running_on"] == []
    assert found["final"]["powered"] == {"n1": False, "n2": False}


WRONG = [
    ("{", "not JSON"),
    ("[]", "$: Expected `object`, got `array`"),
    (case(nodes=[1, "n2"]), "$.nodes[0]: Expected `str`, got `int`"),
    (case(expected={}), "$.expected: Object missing required field `duration`"),
    (case(commands=[["power n3 on"]]), "$.commands[0][0]: there is no node n3"),
    (case(commands=[[], ["power n1 maybe"]]), "$.commands[1][0]: not a command"),
    (case(commands=[["service vm:77 started"]]), "$.commands[0][0]: not a command"),
    (case(commands=[["service vm:10 frobnicate"]]), "$.commands[0][0]: not a command"),
    (case(commands=[[""]]), "$.commands[0][0]: not a command"),
    (case(nodes=["n1"]), "$.hardware_status: its nodes are not those of $.nodes"),
    (
        case(services={"vm:10": {"node": "n9", "state": "started"}}),
        "$.services[vm:10].node: there is no node n9",
    ),
    (case(datacenter={"crs": {"ha": "guess"}}), "$.datacenter.crs.ha: Invalid enum value"),
    (case(rules=[{"type": "odd"}]), "$.rules[0].type"),
]


@pytest.mark.parametrize(("whole", "said"), WRONG, ids=[said for _, said in WRONG])
def test_bad_input_is_told_by_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], whole: Any, said: str
) -> None:
    assert run(tmp_path, whole) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err


def test_no_file_and_no_argument_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "missing.json")]) == 2
    assert "No such file" in capsys.readouterr().err
    assert main([]) == 2
    assert capsys.readouterr().err.startswith("usage:")


def test_the_digits_of_a_failing_guest() -> None:
    assert faults("fa:130").starts == 3
    assert faults("fa:102").moves == 2
    assert faults("fa:1001").cannot_stop
    assert faults("fa:110002").only_on == "node2"
    assert faults("vm:1999").starts == 0
