"""Compares task logs line by line: what a clock, a link or a machine decides is left out."""

from __future__ import annotations

import re
from typing import Any

OF_THE_SANDBOX = ("no content", "query-backup", "System is booting up", "qemu-img info")
PLACE = r"[/\w.-]*"
VARIES = (
    (r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", "<time> "),
    (r"\d+(\.\d+)? ([KMGT]i)?B\b(/s)?", "<bytes>"),
    (r"\(duration [\d:]+\)", "(duration)"),
    (r"(downtime|downtime limit:) \d+ ms", "downtime"),
    (r"\(\d+\.\d+\.\d+\.\d+\)", "(address)"),
    (r"root@\d+\.\d+\.\d+\.\d+", "root@address"),
    (rf"'{PLACE}/(images|template)/", r"'\1/"),
    (r"(fmt=\w+).*$", r"\1"),
    (r"bytes read: \d+ .*", "bytes read"),
)
MANY = (r"\d+ bytes .* copied, ", r"\d+\+\d+ records (in|out)$", r"migration active, ", r"xbzrle: ")


def log_differences(wanted: list[Any], got: list[Any]) -> list[str]:
    """What the lab's log says otherwise; of a log that was still written only what both have,
    and of a page from its middle the numbers.
    """
    if wanted and wanted[0]["n"] > 1:
        pages = [[row["n"] for row in rows] for rows in (got, wanted)]
        return [] if pages[0] == pages[1] else [f"lines {pages[0]} instead of {pages[1]}"]
    theirs = _plain([row["t"] for row in wanted])
    ours = _plain([row["t"] for row in got])
    if not theirs or not theirs[-1].startswith("TASK"):
        shared = min(len(theirs), len(ours))
        theirs, ours = theirs[:shared], ours[:shared]
    if [set(row) for row in got] != [{"n", "t"}] * len(got):
        return ["rows have other keys than n and t"]
    return [] if theirs == ours else [f"log {ours} instead of {theirs}"]


def _plain(lines: list[str]) -> list[str]:
    """Without what only the sandbox says, and lines that come as often as time allows."""
    found = []
    for line in lines:
        if any(words in line for words in OF_THE_SANDBOX) or any(re.search(m, line) for m in MANY):
            continue
        for pattern, instead in VARIES:
            line = re.sub(pattern, instead, line)
        found.append(line)
    return found
