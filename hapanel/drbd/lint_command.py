"""`python -m hapanel.drbd lint FILE [FILE2]`: findings as lines, the exit code as the verdict."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from hapanel.drbd import configuration_files
from hapanel.drbd.configuration.compare import compare
from hapanel.drbd.configuration.findings import Finding, Severity
from hapanel.drbd.configuration.lint import judged
from hapanel.drbd.configuration.model import Configuration
from hapanel.drbd.configuration.options import Syntax
from hapanel.drbd.configuration.reader import read
from hapanel.drbd.configuration.subject import Surroundings
from hapanel.drbd.configuration.understanding import understood

CLEAN, ERRORS, UNREADABLE = 0, 1, 2
SYNTAXES = {"8": Syntax.V8, "8.3": Syntax.V8, "8.4": Syntax.V8, "9": Syntax.V9}


def lint(arguments: Sequence[str]) -> int:
    """Print the findings of one file, or of two and their differences: the exit code.

    0: no errors, 1: errors (with --strict also warnings), 2: a file cannot be read.
    """
    parser = _parser()
    asked = parser.parse_args(arguments)
    if len(asked.files) > 2:
        parser.error("one file, or the two nodes' files")
    try:
        around = _around(asked.cluster, asked.host)
    except (OSError, ValueError) as problem:
        sys.stderr.write(f"{asked.cluster}: {problem}\n")
        return UNREADABLE
    configurations = []
    for path in asked.files:
        source = configuration_files.source(Path(path), path)
        if source.text is None:
            sys.stderr.write(f"{path}: cannot be read\n")
            return UNREADABLE
        configurations.append(understood(read(source, configuration_files.load)))
    found = _findings(configurations, SYNTAXES.get(asked.drbd), around)
    _print(found, as_json=asked.json)
    counted = [each for each in found if asked.strict or each.severity is Severity.ERROR]
    return ERRORS if counted else CLEAN


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hapanel.drbd lint",
        description="Judge a DRBD configuration; with two files also what differs between them.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--strict", action="store_true", help="warnings count as errors")
    parser.add_argument("--drbd", choices=SYNTAXES, help="the generation that will read it")
    parser.add_argument("--host", help="the node whose file it is, as uname -n names it")
    parser.add_argument("--cluster", metavar="FILE", help="what is known of the cluster, as JSON")
    parser.add_argument("--json", action="store_true", help="a JSON list instead of lines")
    return parser


def _around(cluster: str | None, host: str | None) -> Surroundings:
    if cluster is None:
        return Surroundings(this_node=host)
    return configuration_files.surroundings(Path(cluster), host)


def _findings(
    configurations: Sequence[Configuration], syntax: Syntax | None, around: Surroundings
) -> list[Finding]:
    found = [each for one in configurations for each in judged(one, syntax, around)]
    if len(configurations) == 2:
        found += [each.finding for each in compare(*configurations)]
    return found


def _print(found: Sequence[Finding], as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps([each.as_record() for each in found], indent=1) + "\n")
    else:
        sys.stdout.write("".join(f"{each}\n" for each in found))
