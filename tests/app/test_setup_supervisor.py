"""The set of processes: kept alive, watched, and gone when it has to be."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hapanel.bootstrap import verbs
from hapanel.kernel.refusal import Refused
from hapanel.supervisor import addresses
from hapanel.supervisor.__main__ import main
from hapanel.supervisor.addresses import ask_readyz, claim_net, claim_port
from hapanel.supervisor.journal import Journal
from hapanel.supervisor.options import how_to_hurt, how_to_stop, read_options
from hapanel.supervisor.program import Program
from hapanel.supervisor.run_lock import RunLock
from hapanel.supervisor.running_set import EndRequested, RunningSet
from hapanel.supervisor.up import stop

SLEEPING = "import time; time.sleep(600)"
ROOT = Path(__file__).resolve().parents[2]


def python(name: str, code: str, *, once: bool = False) -> Program:
    return Program(name, (sys.executable, "-c", code), dict(os.environ), once=once)


def is_running(pid: int) -> bool:
    try:
        return "zombie" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def wait_for(is_true: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_a_killed_process_is_started_again_and_its_new_pid_is_known(tmp_path: Path) -> None:
    with RunningSet(tmp_path, tmp_path) as running:
        running.start(python("worker", SLEEPING))
        first = running.pids()["worker"]
        os.kill(first, signal.SIGKILL)
        running.wait_until(lambda: running.pids().get("worker", first) != first, "worker", 10)
        known = json.loads((tmp_path / "processes.json").read_text())
        assert known == running.pids()
        assert is_running(known["worker"])


def test_a_process_that_keeps_dying_is_given_longer_and_longer_pauses(tmp_path: Path) -> None:
    count = tmp_path / "count"
    code = f"open({str(count)!r}, 'a').write('x')"
    with RunningSet(tmp_path, tmp_path) as running:
        running.start(python("worker", code))
        until = time.monotonic() + 2.4
        while time.monotonic() < until:
            running.look(0.1)
    assert 2 <= len(count.read_text()) <= 3


def test_leaving_the_set_ends_every_process_and_what_it_started(tmp_path: Path) -> None:
    code = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {SLEEPING!r}])
print(child.pid, flush=True)
time.sleep(600)
"""
    with RunningSet(tmp_path, tmp_path) as running:
        running.start(python("worker", code))
        log = tmp_path / "log" / "worker.log"
        running.wait_until(lambda: log.read_text().endswith("\n"), "worker", 10)
        pids = [running.pids()["worker"], int(log.read_text())]
        assert all(is_running(pid) for pid in pids)
    wait_for(lambda: not any(is_running(pid) for pid in pids))
    assert not (tmp_path / "processes.json").exists()


def test_a_supervisor_killed_with_9_leaves_nothing_behind(tmp_path: Path) -> None:
    code = f"""
import os, sys
from pathlib import Path
from hapanel.supervisor.options import how_to_stop, read_options
from hapanel.supervisor.program import Program
from hapanel.supervisor.running_set import RunningSet
state = Path({str(tmp_path)!r})
with RunningSet(state, state) as running:
    for name in ("web", "worker"):
        running.start(Program(name, (sys.executable, "-c", {SLEEPING!r}), dict(os.environ)))
    while True:
        running.look()
"""
    supervisor = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    processes = tmp_path / "processes.json"
    wait_for(lambda: processes.exists() and len(json.loads(processes.read_text())) == 2)
    pids = list(json.loads(processes.read_text()).values())
    supervisor.kill()
    supervisor.wait()
    wait_for(lambda: not any(is_running(pid) for pid in pids))


def test_a_step_that_fails_is_refused_with_its_own_last_words(tmp_path: Path) -> None:
    with RunningSet(tmp_path, tmp_path) as running:
        running.start(python("migrate", "raise SystemExit('no such table')", once=True))
        with pytest.raises(Refused) as refused:
            running.finish("migrate")
    assert "no such table" in str(refused.value)
    assert str(tmp_path / "log" / "migrate.log") in str(refused.value)


def test_a_program_that_never_comes_up_is_refused_at_its_second_death(tmp_path: Path) -> None:
    started = time.monotonic()
    with RunningSet(tmp_path, tmp_path) as running:
        running.start(python("lab", "raise SystemExit('address in use')"))
        with pytest.raises(Refused) as refused:
            running.wait_until(lambda: False, "lab", 60)
    assert "address in use" in str(refused.value)
    assert time.monotonic() - started < 10


def test_ctrl_c_asks_for_the_end_instead_of_breaking_in(tmp_path: Path) -> None:
    with RunningSet(tmp_path, tmp_path) as running:
        running.start(python("web", SLEEPING))
        pid = running.pids()["web"]
        # To this thread: the test session may have others, which would not wait for it.
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        with pytest.raises(EndRequested):
            running.look()
    assert not is_running(pid)


def test_only_lines_that_speak_of_errors_reach_the_screen(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_text("ERROR of an earlier run\n")
    journal = Journal("web", log)
    assert journal.new_errors() == []
    with log.open("a") as lines:
        lines.write("INFO all is well\nERROR the disk is full\n")
    assert journal.new_errors() == ["ERROR the disk is full"]
    assert journal.new_errors() == []


def test_the_same_error_again_and_again_is_shown_once(tmp_path: Path) -> None:
    journal = Journal("worker", tmp_path / "worker.log")
    for second in range(3):
        with journal.path.open("a") as lines:
            lines.write(f"16:39:{second:02} ERROR task {second} failed\n")
        assert len(journal.new_errors()) == (second == 0)


def test_a_log_that_grew_large_is_cut_under_its_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hapanel.supervisor.journal.LARGEST_LOG_BYTES", 1000)
    log = tmp_path / "web.log"
    journal = Journal("web", log)
    with log.open("a") as lines:
        lines.write("INFO a line\n" * 200)
        lines.flush()
        journal.new_errors()
        lines.write("ERROR after the cut\n")
    assert journal.new_errors() == ["ERROR after the cut"]
    assert log.stat().st_size < 100
    assert log.with_suffix(".log.1").exists()


def test_a_second_set_in_the_same_folder_is_refused_and_names_the_first(tmp_path: Path) -> None:
    first, second = RunLock(tmp_path), RunLock(tmp_path)
    first.take(4711)
    with pytest.raises(Refused, match="4711"):
        second.take(4712)
    assert second.holder() == 4711


def test_the_lock_of_a_dead_set_holds_nobody(tmp_path: Path) -> None:
    (tmp_path / "panel.lock").write_text("4711")
    assert RunLock(tmp_path).holder() is None
    RunLock(tmp_path).take(4712)


def test_stop_says_so_when_nothing_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert stop(tmp_path) == 0
    assert "Nothing runs" in capsys.readouterr().out


def test_up_and_stop_keep_to_the_folder_that_manage_uses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAPANEL_VAR", str(tmp_path / "state"))
    assert read_options(ROOT, ["up"]).var == tmp_path / "state"
    assert read_options(ROOT, ["stop"]).var == tmp_path / "state"
    assert read_options(ROOT, ["demo"]).var == ROOT / "var"
    assert how_to_stop(ROOT, tmp_path / "state") == "./panel stop"
    assert how_to_stop(ROOT, ROOT / "var") == f"./panel stop --var {ROOT / 'var'}"


def test_a_demo_in_another_folder_names_the_command_that_reaches_its_lab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "demo").mkdir()
    ready = {"control_url": "http://127.0.0.1:1/", "control_token": "secret"}
    (tmp_path / "demo" / "lab-ready.json").write_text(json.dumps(ready))
    became: list[list[str]] = []
    monkeypatch.setattr(verbs, "_environment", lambda lock: Path(lock))

    def become(python: Path, words: list[str]) -> int:
        became.append(words)
        return 0

    monkeypatch.setattr(verbs, "_become", become)
    told = how_to_hurt(ROOT, tmp_path).split()[2:]
    assert verbs.run(["ctl", *told, "crash", "slave"]) == 0
    assert became[0][-4:] == ["--token", "secret", "crash", "slave"]
    assert how_to_hurt(ROOT, ROOT / "var") == "./panel ctl"


def test_the_words_of_ctl_are_told_without_a_demo(capsys: pytest.CaptureFixture[str]) -> None:
    assert verbs.run(["ctl", "--help"]) == 0
    assert "power-on NODE" in capsys.readouterr().out


def test_a_taken_port_is_refused_with_another_one_to_choose() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Refused, match=f"--port {port + 1}"):
            claim_port("127.0.0.1", port)


@pytest.mark.parametrize(
    ("answer", "is_ready", "words"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nok\n", True, "200"),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\nno worker\n", False, "no worker"),
        (b"HTTP/1.1 500 Internal Server Error\r\n\r\n<html>", False, "500"),
        (b"", False, "does not answer"),
    ],
)
def test_readiness_is_the_panels_own_word(answer: bytes, is_ready: bool, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        readiness = ask_readyz("127.0.0.1", server.getsockname()[1])
    assert readiness.is_ready is is_ready
    assert words in readiness.words


def test_port_0_is_a_free_port() -> None:
    assert claim_port("127.0.0.1", 0) > 1023


def test_a_network_that_another_lab_uses_is_refused_with_another_one_to_choose() -> None:
    net = claim_net("auto")
    with socket.socket() as taken:
        taken.bind((f"{net}.20", 8006))
        taken.listen()
        with pytest.raises(Refused, match="--net 127"):
            claim_net(net)


@pytest.mark.parametrize("net", ["10.0.0", "127.0", "127.0.300", "localhost"])
def test_a_net_that_is_no_loopback_net_is_refused(net: str) -> None:
    with pytest.raises(Refused, match="loopback"):
        claim_net(net)


def test_a_set_of_somebody_else_is_refused_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = RunLock(tmp_path)
    lock.take(os.getpid())

    def not_permitted(pid: int, number: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "kill", not_permitted)
    assert main(["stop", "--var", str(tmp_path)]) == 1
    assert "belongs to somebody else" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["up", "stop"])
def test_a_folder_that_may_not_be_used_is_refused_with_a_remedy(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def denied(*_args: object, **_options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    assert main([verb, "--var", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "Permission denied" in said
    assert "--var FOLDER" in said


def test_a_folder_below_a_file_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["up", "--var", str(tmp_path / "file" / "var")]) == 1
    assert "Not a directory" in capsys.readouterr().err


def test_when_every_network_is_taken_auto_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_lab_fits", lambda _net: False)
    with pytest.raises(Refused) as refused:
        claim_net("auto")
    assert refused.value.refusals[0].code == "setup-no-net-free"
