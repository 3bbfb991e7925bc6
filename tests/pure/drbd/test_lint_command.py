"""The command line: lines, exit codes, includes from a disk."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from hapanel.drbd.lint_command import lint
from tests.pure.drbd.configurations import GOOD, THREE, changed

LINE = re.compile(r"\S+:\d+: (error|warning) [a-z0-9-]+: [^;]+; .+\Z")


def test_a_good_file_exits_0_and_says_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rs.res"
    file.write_text(GOOD)
    assert lint([str(file)]) == 0
    assert capsys.readouterr().out == ""


def test_errors_exit_1_and_warnings_only_when_strict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rs.res"
    file.write_text(changed(GOOD, "protocol C", "protocol 3"))
    assert lint([str(file)]) == 1
    out = capsys.readouterr().out
    assert out.startswith(f"{file}:3: error bad-protocol: ")
    file.write_text(changed(GOOD, "vg0/rs", "sda1", 24))
    assert lint([str(file)]) == 0
    assert lint([str(file), "--strict"]) == 1
    assert all(LINE.match(line) for line in (out + capsys.readouterr().out).splitlines())


def test_two_files_are_judged_and_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = tmp_path / "master.res", tmp_path / "slave.res"
    one.write_text(GOOD)
    other.write_text(GOOD)
    assert lint([str(one), str(other)]) == 0
    other.write_text(changed(GOOD, "1pri consensus", "1pri disconnect"))
    assert lint([str(one), str(other)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(
        f"{one}:12: error differs-no-connection: rs: net after-sb-1pri is consensus"
    )
    assert f"{other}:12" in line


def test_what_cannot_be_read_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint([str(tmp_path / "none.res")]) == 2
    assert "cannot be read" in capsys.readouterr().err
    for wrong in ([], ["a", "b", "c"], ["a", "--drbd", "7"]):
        with pytest.raises(SystemExit) as ended:
            lint(wrong)
        assert ended.value.code == 2


def test_includes_are_read_beside_the_file_that_names_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "drbd.d").mkdir()
    (tmp_path / "drbd.conf").write_text('include "drbd.d/*.res";\ninclude "drbd.d/no.conf";\n')
    (tmp_path / "drbd.d" / "b.res").write_text(changed(THREE, "majority", "majorty"))
    (tmp_path / "drbd.d" / "a.res").write_text(GOOD)
    assert lint([str(tmp_path / "drbd.conf"), "--json"]) == 1
    told = [
        (Path(e["file"]).name, e["line"], e["code"]) for e in json.loads(capsys.readouterr().out)
    ]
    assert told == [("drbd.conf", 2, "include-missing"), ("b.res", 3, "bad-number")]


def test_a_cluster_file_tells_what_is_around(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, cluster = tmp_path / "rs.res", tmp_path / "cluster.json"
    file.write_text(GOOD)
    (tmp_path / "lvm.conf").write_text('global_filter = [ "a|.*|" ]')
    told = {
        "nodes": {"master": ["10.1.1.1"], "slave": ["10.1.1.9"]},
        "guests": {"rs": [{"name": "100", "node": "master"}, {"name": "101", "node": "slave"}]},
        "link_mbit": 100,
        "lvm": {"master": "lvm.conf"},
    }
    cluster.write_text(json.dumps(told))
    assert lint([str(file), "--cluster", str(cluster)]) == 1
    codes = {line.split(" ")[2] for line in capsys.readouterr().out.splitlines()}
    assert codes == {
        "address-not-on-node:",
        "shared-by-both-nodes:",
        "rate-above-link:",
        "lvm-sees-backing-disk:",
    }
    for wrong in ("{", '{"node": {}}', '{"lvm": {"master": "none"}}'):
        cluster.write_text(wrong)
        assert lint([str(file), "--cluster", str(cluster)]) == 2


def test_the_generation_and_the_node_may_be_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rs.res"
    file.write_text(changed(GOOD, "on-io-error detach", "fencing resource-only"))
    assert lint([str(file), "--host", "slave"]) == 0
    assert lint([str(file), "--drbd", "9"]) == 1
    assert lint([str(file), "--host", "third"]) == 1
    out = capsys.readouterr().out
    assert "wrong-generation" in out
    assert "not-for-this-node" in out
