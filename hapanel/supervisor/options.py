"""The options of `./panel demo`, `up` and `stop`."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for. `var` is the folder that holds everything which is not code."""

    verb: str
    var: Path
    host: str = "127.0.0.1"
    port: int = 8000
    scenario: str = "clusterubd"
    speed: float = 6.0
    net: str = "127.0.42"
    database: str = "sqlite"
    json: bool = False


def read_options(root: Path, arguments: list[str]) -> Options:
    """Options from the command line; ends the program with a usage line when they are wrong."""
    parser = argparse.ArgumentParser(prog="./panel")
    verbs = parser.add_subparsers(dest="verb", required=True)
    demo = verbs.add_parser("demo", help="the panel with a lab cluster, on this machine only")
    up = verbs.add_parser("up", help="the panel on the configured database, without the lab")
    stop = verbs.add_parser("stop", help="end what demo or up started")
    demo.add_argument("--var", type=_folder, default=root / "var", help="default: var/")
    for verb in (up, stop):
        verb.add_argument(
            "--var", type=_folder, default=own_folder(root), help="default: HAPANEL_VAR, or var/"
        )
    for verb in (demo, up):
        verb.add_argument("--port", type=_port, default=8000, help="0 picks a free one")
        verb.add_argument("--json", action="store_true", help="one JSON line instead of words")
    up.add_argument("--host", default="127.0.0.1", help="address to listen on")
    demo.add_argument("--scenario", default="clusterubd", help="default: clusterubd")
    demo.add_argument("--speed", type=float, default=6.0, help="how much faster tasks are (6)")
    demo.add_argument(
        "--net", default="127.0.42", help="first three numbers of the lab's addresses, or auto"
    )
    demo.add_argument(
        "--database",
        choices=("sqlite", "postgres"),
        default="sqlite",
        help="postgres starts one for this run; needs the test requirements",
    )
    return Options(**vars(parser.parse_args(arguments)))


def own_folder(root: Path) -> Path:
    """The folder that `up` keeps to unless told otherwise: the one that manage.py uses."""
    return Path(os.environ.get("HAPANEL_VAR") or root / "var").absolute()


def how_to_stop(root: Path, var: Path) -> str:
    """The command that ends what runs from `var`."""
    return "./panel stop" if var == own_folder(root) else f"./panel stop --var {var}"


def how_to_hurt(root: Path, var: Path) -> str:
    """The command that hurts and heals the lab of the demo that keeps to `var`."""
    return "./panel ctl" if var == root / "var" else f"./panel ctl --var {var}"


def _folder(text: str) -> Path:
    return Path(text).expanduser().resolve()


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port
