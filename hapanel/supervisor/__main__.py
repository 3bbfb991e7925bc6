"""`python -m hapanel.supervisor demo|up|stop ...`: what ./panel runs inside .venv."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from hapanel.kernel.refusal import Refused
from hapanel.supervisor.demo import Demo
from hapanel.supervisor.options import Options, read_options
from hapanel.supervisor.run_lock import RunLock, make_folder
from hapanel.supervisor.running_set import EndRequested, RunningSet
from hapanel.supervisor.up import Up, stop

ROOT = Path(__file__).resolve().parents[2]
SAY_WHAT_HINDERS_AFTER_SECONDS = 60
ASK_AGAIN_SECONDS = 0.25
# Before the panel was ready once; later a program is started again for ever.
HOPELESS_AFTER_DEATHS = 4


def run(options: Options) -> None:
    """Start a demo or a panel, say how to use it, and stay until told to end."""
    with RunningSet(ROOT, options.var) as running:
        kind = Demo if options.verb == "demo" else Up
        what = kind(ROOT, options, running)
        sys.stderr.write("Starting ...\n")
        what.start()
        await_ready(what, running)
        sys.stdout.write(f"{what.as_json() if options.json else what.words()}\n")
        sys.stdout.flush()
        while True:
            running.look()


def await_ready(what: Demo | Up, running: RunningSet) -> None:
    """Stay until the panel calls itself ready; say now and then what it is still waiting for."""
    say_at = time.monotonic() + SAY_WHAT_HINDERS_AFTER_SECONDS
    while (hindrance := what.what_hinders()) is not None:
        running.look(ASK_AGAIN_SECONDS)
        running.refuse_hopeless(HOPELESS_AFTER_DEATHS)
        if time.monotonic() > say_at:
            sys.stderr.write(f"Not ready yet: {hindrance}\n")
            say_at = time.monotonic() + SAY_WHAT_HINDERS_AFTER_SECONDS


def main(arguments: list[str]) -> int:
    """Run one verb; 0 when it did what was asked, 1 when it was refused."""
    options = read_options(ROOT, arguments)
    lock = RunLock(options.var)
    try:
        if options.verb == "stop":
            return stop(options.var)
        make_folder(options.var)
        lock.take(os.getpid())
        run(options)
    except Refused as refused:
        for refusal in refused.refusals:
            sys.stderr.write(f"{refusal.because()}\n{refusal.remedy()}\n")
        return 1
    except EndRequested:
        sys.stderr.write("Ended.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
