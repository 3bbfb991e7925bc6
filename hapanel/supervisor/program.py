"""One program of the set: how it is started, watched, started again and ended."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_PDEATHSIG = 1  # prctl(2)
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
# What cannot start dies sooner. One that ran this long was healthy and is back at once.
HEALTHY_AFTER_SECONDS = 5.0

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. `once` is a step that ends by itself; `output` receives its standard output
    when that is not for the log; `dies_with_us` is the signal it gets when the supervisor is gone.
    """

    name: str
    command: tuple[str, ...]
    environ: Mapping[str, str]
    once: bool = False
    output: Path | None = None
    dies_with_us: signal.Signals = signal.SIGKILL


@dataclass
class Child:
    """A program and its present process."""

    program: Program
    folder: Path
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_again_at: float | None = None
    deaths: int = 0
    _pause: float = field(default=FIRST_PAUSE_SECONDS, repr=False)

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process and self.process.returncode is None else None

    @property
    def exit_code(self) -> int | None:
        """How the last process ended: None while it runs, negative for a signal."""
        return self.process.returncode if self.process else None

    def start(self) -> None:
        """Start a process of the program, its words appended to the log."""
        self.start_again_at = None
        self.started_at = time.monotonic()
        with self.log.open("ab") as log:
            output = self.program.output.open("wb") if self.program.output else None
            try:
                self.process = subprocess.Popen(
                    self.program.command,
                    cwd=self.folder,
                    env=dict(self.program.environ),
                    stdin=subprocess.DEVNULL,
                    stdout=output or log,
                    stderr=log,
                    start_new_session=True,
                    preexec_fn=_Attached(self.program.dies_with_us),
                )
            finally:
                if output:
                    output.close()

    def has_just_ended(self) -> bool:
        """True once for each process that ended; plans the next start of what should run on."""
        if self.pid is None or self.process is None or self.process.poll() is None:
            return False
        if not self.program.once:
            self.deaths += 1
            if time.monotonic() - self.started_at > HEALTHY_AFTER_SECONDS:
                self._pause = FIRST_PAUSE_SECONDS
            self.start_again_at = time.monotonic() + self._pause
            self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)
        return True

    def is_over(self) -> bool:
        """Whether the process has ended, however it did."""
        return self.exit_code is not None

    def is_due(self) -> bool:
        """Whether the pause after a death is over."""
        return self.start_again_at is not None and time.monotonic() >= self.start_again_at

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process and whatever it started."""
        if self.pid is not None:
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:
                return

    def wait(self, seconds: float) -> bool:
        """Whether the process has ended within `seconds`."""
        if self.process is None:
            return True
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True


class _Attached:
    """Runs in the new process before its program: die with the supervisor, hear all signals, and
    write files that only their owner may read (the database is one).

    A supervisor that is killed with -9 cannot end anybody, so the kernel does it. Should it have
    died between fork and prctl, nobody would send that signal any more: hence the second look.
    """

    def __init__(self, number: signal.Signals) -> None:
        self._number = number
        self._supervisor = os.getpid()

    def __call__(self) -> None:
        _libc.prctl(PR_SET_PDEATHSIG, int(self._number))
        if os.getppid() != self._supervisor:
            os._exit(1)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.umask(0o077)
