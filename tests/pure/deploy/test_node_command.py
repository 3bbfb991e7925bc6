"""The forced command of real nodes: what it permits reaches the tools unchanged."""

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pure.deploy.hostile_lines import CANARY, hostile_lines

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "deploy" / "hapanel-node-command"
TOOLS = ("drbdadm", "drbdsetup", "cat", "ls", "lvs", "vgs", "pvs", "vgchange", "lvcreate",
         "lvremove", "ha-manager", "sh", "bash", "touch", "tee", "env")  # fmt: skip

# It answers the script's own questions, else it writes down how it was called.
STUB = """#!/bin/sh
[ "$1" = sh-ll-dev ] && { echo /dev/pve/drbd-rs; exit 0; }
[ "$1" = --noheadings ] && { printf '  vg_drbd /dev/drbd0\\n  pve /dev/sda3\\n'
    printf '  vg_mixed /dev/drbd1\\n  vg_mixed /dev/sdb\\n'; exit 0; }
seen=$(env | grep -v -E '^(PWD|SHLVL|_|OLDPWD)=' | sort | tr '\\n' ' ')
printf '%s\\n' "${0##*/}" "$@" "env: $seen" "stdin: $(cat)" > "${0%/*}/../ran"
exit 7
"""

# Loads the script once and lets a child of its own run each line, as sshd would.
DRIVER = """
import importlib.machinery, importlib.util, json, os, sys
loader = importlib.machinery.SourceFileLoader("node_command", sys.argv[1])
module = importlib.util.module_from_spec(importlib.util.spec_from_loader("node_command", loader))
sys.dont_write_bytecode = True
loader.exec_module(module)
sys.argv = sys.argv[1:]
for text in sys.stdin:
    wanted = json.loads(text)
    child = os.fork()
    if child == 0:
        try:
            os.environ.update(wanted)
            os._exit(module.main() or 0)
        except BaseException as fault:
            os._exit(99)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class NodeCommand:
    """The script on a node whose every tool is a stub that writes down how it was called."""

    def __init__(self, folder: Path) -> None:
        self.canary = folder / "canary"
        self.ran = folder / "ran"
        self.tools = folder / "tools"
        self.tools.mkdir()
        self.canary.write_text("alive")
        for tool in TOOLS:
            path = self.tools / tool
            path.write_text(STUB)
            path.chmod(0o755)
        self._driver = subprocess.Popen(
            [sys.executable, "-I", "-c", DRIVER, str(SCRIPT), str(self.tools)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            cwd=folder, env={"PATH": str(self.tools), "SSH_CLIENT": "10.0.7.9 50000 22"},
        )  # fmt: skip

    def ask(self, line: str, **environment: str) -> int:
        """The exit status for a line sent by the client."""
        self.ran.unlink(missing_ok=True)
        assert self._driver.stdin is not None
        assert self._driver.stdout is not None
        wanted = {**environment, "SSH_ORIGINAL_COMMAND": line.replace(CANARY, str(self.canary))}
        print(json.dumps(wanted), file=self._driver.stdin, flush=True)
        return int(self._driver.stdout.readline())

    def called(self) -> list[str]:
        """The tool's name and arguments, then what it saw of the environment and of stdin."""
        return self.ran.read_text().splitlines()

    def end(self) -> None:
        """Ends the driver."""
        self._driver.communicate()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeCommand]:
    node = NodeCommand(tmp_path_factory.mktemp("node"))
    yield node
    node.end()


def permitted_lines() -> list[str]:
    """Every line of the script's tables, with each optional part left out, and all there."""
    words = {
        "RESOURCE": "rs", "PART": "rs:slave/0", "NODE": "slave", "BYTES": "1073741824b",
        "DRBD_FILE": "/etc/drbd.d/rs.res", "LVM_FILE": "/etc/lvm/lvm.conf",
        "GROUP_ON_DRBD": "vg_drbd", "BACKING_VOLUME": "/dev/pve/drbd-rs",
        "COPY_PATH": "pve/hapanel-rs-1", "COPY": "hapanel-rs-1",
    }  # fmt: skip
    text = SCRIPT.read_text()
    lines = []
    for table in re.findall(r'^(?:LOOKING|CHANGING) = """\n(.*?)"""', text, re.S | re.M):
        for template in table.splitlines():
            for filled in (template.replace("[", "").replace("]", ""), template):
                bare = re.sub(r" \[[^\]]*\]", "", filled)
                lines.append(" ".join(words.get(word, word) for word in bare.split()))
    return list(dict.fromkeys(lines))


def test_hostile_lines_get_nowhere(node: NodeCommand) -> None:
    lines = hostile_lines()
    assert len(lines) >= 200
    through = []
    for line in lines:
        status = 126 if "\0" in line else node.ask(line)  # no environment can hold a NUL
        if status != 126 or node.ran.exists():
            through.append((line, status))
    print(f"hostile lines refused: {len(lines) - len(through)} of {len(lines)}")
    assert through == []
    assert node.canary.read_text() == "alive"


def test_every_permitted_line_reaches_its_tool_word_by_word(node: NodeCommand) -> None:
    lines = [line for line in permitted_lines() if line != "version"]
    assert len(lines) >= 40
    for line in lines:
        assert node.ask(line) == 7, line
        words = line.split(" ")
        assert node.called()[: len(words)] == words


def test_reports_have_columns_that_the_client_cannot_choose(node: NodeCommand) -> None:
    node.ask("vgs")
    assert node.called()[1:6] == ["--reportformat", "json", "--units", "b", "--nosuffix"]


def test_the_client_s_environment_is_ignored(node: NodeCommand) -> None:
    hostile = {"PATH": "/tmp", "LD_PRELOAD": "/tmp/x.so", "BASH_ENV": "/tmp/x", "LANG": "id",
               "PYTHONPATH": "/tmp", "LVM_SYSTEM_DIR": "/tmp", "IFS": "a", "HOME": "/"}  # fmt: skip
    assert node.ask("drbdadm status rs", **hostile) == 7
    seen = next(line for line in node.called() if line.startswith("env: "))
    assert seen == "env: HOME=/ LANG=C LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin "
    assert node.called()[-1] == "stdin: "


def test_it_runs_by_itself_and_says_why_it_refuses(node: NodeCommand) -> None:
    def run(line: str | None, *folders: str) -> subprocess.CompletedProcess[str]:
        environment = {} if line is None else {"SSH_ORIGINAL_COMMAND": line}
        command = [sys.executable, "-IS", str(SCRIPT), *folders]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert run("version").stdout == "hapanel-node-command 1\n"
    shell = run(None, str(node.tools))
    assert (shell.returncode, "there is no shell here" in shell.stderr) == (126, True)
    missing = run("drbdadm status", str(node.canary.parent))
    assert (missing.returncode, "drbdadm is not installed" in missing.stderr) == (127, True)
    relative = run("drbdadm status", os.path.relpath(node.tools))
    assert relative.returncode == 127


def test_the_script_is_installed_as_documented() -> None:
    mode = SCRIPT.stat().st_mode
    assert mode & stat.S_IXUSR
    assert not mode & stat.S_IWOTH
    page = (ROOT / "docs" / "replication-ssh.md").read_text()
    for line in permitted_lines():
        for word in line.split(" ")[:2]:
            assert word.replace("rs.res", "FILE") in page, line
