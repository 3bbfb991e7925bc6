"""The command line that runs a lab in the foreground."""

import argparse
import asyncio
import json
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from hapanel.lab import scale
from hapanel.lab.control import Control
from hapanel.lab.lab import Lab, fresh_control_token
from hapanel.lab.net.listener import Door, Listener
from hapanel.lab.scenario import Scenario, UnknownScenario, load

LOOPBACK_NET = re.compile(r"127(\.(25[0-5]|2[0-4]\d|1?\d?\d)){2}")


def main(argv: list[str] | None = None) -> int:
    """Runs the program; the exit status."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if (arguments.nodes or arguments.guests) and arguments.scenario != scale.NAME:
        parser.error(f"--nodes and --guests belong to --scenario {scale.NAME}")
    try:
        scenario = _scenario(arguments)
    except UnknownScenario as fault:
        print(fault, file=sys.stderr)
        return 2
    try:
        return asyncio.run(_serve(scenario, arguments))
    except OSError as fault:
        print(f"cannot open the lab's addresses: {fault}", file=sys.stderr)
        return 1


def _scenario(arguments: argparse.Namespace) -> Scenario:
    if arguments.scenario != scale.NAME:
        return load(arguments.scenario)
    return scale.made_up(arguments.nodes or scale.NODES, arguments.guests or scale.GUESTS)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hapanel.lab",
        description="A Proxmox VE cluster in one program; `ctl` hurts and heals a running one.",
    )
    parser.add_argument("--scenario", default="clusterubd", help="name, or path of a JSON file")
    parser.add_argument("--speed", type=_speed, default=1.0, help="how much shorter durations are")
    parser.add_argument("--net", type=_net, default="127.0.42", help="three octets in 127.")
    parser.add_argument("--nodes", type=_up_to(scale.MOST_NODES), help="of --scenario scale")
    parser.add_argument("--guests", type=_up_to(scale.MOST_GUESTS), help="of --scenario scale")
    parser.add_argument(
        "--churn", type=_share, default=0.0, help="1%%: so many guests change every ten seconds"
    )
    parser.add_argument("--folder", type=Path, help="keeps the nodes' ssh keys between starts")
    parser.add_argument("--control-port", type=int, default=0, help="0 picks a free one")
    return parser


def _speed(word: str) -> float:
    speed = float(word)
    if not 0.1 <= speed <= 1000:
        raise argparse.ArgumentTypeError("must be between 0.1 and 1000")
    return speed


def _up_to(most: int) -> Callable[[str], int]:
    def number(word: str) -> int:
        if not 1 <= int(word) <= most:
            raise argparse.ArgumentTypeError(f"must be between 1 and {most}")
        return int(word)

    return number


def _share(word: str) -> float:
    share = float(word.removesuffix("%")) / 100
    if not word.endswith("%") or not 0 <= share <= 1:
        raise argparse.ArgumentTypeError("must be a percentage such as 1%")
    return share


def _net(word: str) -> str:
    if not LOOPBACK_NET.fullmatch(word):
        raise argparse.ArgumentTypeError("must be three octets such as 127.0.42")
    return word


async def _serve(scenario: Scenario, arguments: argparse.Namespace) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    lab = Lab(
        scenario,
        speed=arguments.speed,
        net=arguments.net,
        churn=arguments.churn,
        folder=arguments.folder,
    )
    token = fresh_control_token()
    control = Listener("127.0.0.1", arguments.control_port, Control(lab, token).serve)
    try:
        lab.start()
        control.set_door(Door.OPEN)
        print(json.dumps(lab.ready(f"http://127.0.0.1:{control.port}", token)), flush=True)
        await stop.wait()
    finally:
        control.set_door(Door.CLOSED)
        await lab.close()
    return 0
