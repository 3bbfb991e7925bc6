"""The loop that keeps a set of programs alive until it is told to end them."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from hapanel.kernel.refusal import Refused, gettext_noop, refusal_kind
from hapanel.supervisor.journal import Journal
from hapanel.supervisor.program import Child, Program

LOOK_SECONDS = 0.5
POLITE_SECONDS = 6.0
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_HEARD = (*_ENDING, signal.SIGCHLD)

STEP_FAILED = refusal_kind(
    "setup-step-failed",
    gettext_noop("%(name)s ended with %(code)s: %(words)s"),
    gettext_noop("Mend what it says; its whole log is %(log)s."),
)
NOT_IN_TIME = refusal_kind(
    "setup-not-in-time",
    gettext_noop("%(name)s is not ready after %(seconds)s s: %(words)s"),
    gettext_noop("Its log is %(log)s. On a very busy machine, just start again."),
)


class EndRequested(Exception):
    """Ctrl-C, SIGTERM or a closed terminal: everything is to end, and that is no fault."""


class RunningSet:
    """Programs that run together. `state` is the folder of logs and of processes.json.

    Signals are blocked and taken one by one (sigtimedwait), so no handler interrupts anything and
    the loop sleeps until something happens. Use as a context manager: leaving it ends everybody.
    """

    def __init__(self, root: Path, state: Path) -> None:
        self._root = root
        self._state = state
        self._logs = state / "log"
        self._children: dict[str, Child] = {}
        self._journals: dict[str, Journal] = {}
        self._after_restart: dict[str, Callable[[], None]] = {}
        self._former_mask: set[int | signal.Signals] = set()

    def __enter__(self) -> RunningSet:
        self._logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._former_mask = signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
        return self

    def __exit__(self, *exception: object) -> None:
        self._end(child for child in self._children.values() if child.program.once)
        self._end(child for name, child in self._children.items() if not _is_ground(name))
        self._end(self._children.values())
        (self._state / "processes.json").unlink(missing_ok=True)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._former_mask)

    def start(self, *programs: Program) -> None:
        """Start programs; one of the same name is replaced."""
        for program in programs:
            if program.name in self._children:
                self._end([self._children[program.name]])
            log = self._logs / f"{program.name}.log"
            self._journals.setdefault(program.name, Journal(program.name, log))
            child = Child(program, self._root, log)
            self._children[program.name] = child
            child.start()
        self._write_processes()

    def after_restart(self, name: str, action: Callable[[], None]) -> None:
        """Call `action` each time the program `name` had died and was started again."""
        self._after_restart[name] = action

    def pids(self) -> dict[str, int]:
        """The processes that run now, by name."""
        return {name: child.pid for name, child in self._children.items() if child.pid}

    def finish(self, *names: str, seconds: float = 120) -> None:
        """Wait until these steps have ended well. Raises Refused when one has not."""
        for name in names:
            child = self._children[name]
            self.wait_until(child.is_over, name, seconds)
            if child.exit_code != 0:
                raise Refused(STEP_FAILED(name=name, code=child.exit_code, **self._words(name)))

    def wait_until(self, is_ready: Callable[[], bool], name: str, seconds: float) -> None:
        """Look after everybody until `is_ready`.

        Raises Refused after `seconds`, or when the program `name` dies a second time meanwhile.
        """
        deadline = time.monotonic() + seconds
        child = self._children[name]
        patience = child.deaths + 2
        while not is_ready():
            if child.deaths >= patience:
                raise Refused(STEP_FAILED(name=name, code=child.exit_code, **self._words(name)))
            if time.monotonic() > deadline:
                raise Refused(NOT_IN_TIME(name=name, seconds=round(seconds), **self._words(name)))
            self.look(0.05)

    def refuse_hopeless(self, deaths: int) -> None:
        """Raises Refused when a program has died that often: it will not come up by itself."""
        for name, child in self._children.items():
            if child.deaths >= deaths:
                raise Refused(STEP_FAILED(name=name, code=child.exit_code, **self._words(name)))

    def look(self, seconds: float = LOOK_SECONDS) -> None:
        """Sleep up to `seconds` or until something happens, then do what is due.

        Raises EndRequested when the set is told to end.
        """
        heard = signal.sigtimedwait(_HEARD, seconds)
        if heard is not None and heard.si_signo in _ENDING:
            raise EndRequested
        restarted: list[str] = []
        for name, child in self._children.items():
            if child.has_just_ended() and not child.program.once:
                self._tell(name, f"ended ({_how(child.exit_code)}); it is started again")
            if child.is_due():
                child.start()
                restarted.append(name)
        if restarted:
            self._write_processes()
        for name in restarted:
            self._after_restart.get(name, _nothing)()
        for journal in self._journals.values():
            for line in journal.new_errors():
                self._tell(journal.name, line)

    def _words(self, name: str) -> dict[str, object]:
        journal = self._journals[name]
        words = [line for line in journal.last_lines() if line.strip()]
        return {"words": "\n  ".join(words[-6:]) or "it said nothing", "log": journal.path}

    def _write_processes(self) -> None:
        target = self._state / "processes.json"
        draft = target.with_suffix(".part")
        draft.write_text(json.dumps(self.pids()))
        draft.replace(target)

    def _end(self, children: Iterable[Child]) -> None:
        ending = [child for child in children if child.pid is not None]
        for child in ending:
            child.send(signal.SIGTERM)
        deadline = time.monotonic() + POLITE_SECONDS
        for child in ending:
            if not child.wait(max(0.0, deadline - time.monotonic())):
                child.send(signal.SIGKILL)
                child.wait(POLITE_SECONDS)

    def _tell(self, name: str, line: str) -> None:
        sys.stderr.write(f"[{name}] {line}\n")
        sys.stderr.flush()


def _nothing() -> None:
    """What most programs need after a restart."""


def _is_ground(name: str) -> bool:
    """What the others stand on ends last, so that they can put things in order."""
    return name in {"redis", "lab", "postgres"}


def _how(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return signal.Signals(-exit_code).name
    return f"exit code {exit_code}"
