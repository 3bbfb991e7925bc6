"""Configuration files from a disk, for the command line: the one place here that opens files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from hapanel.drbd.configuration.reader import Source
from hapanel.drbd.configuration.subject import GuestOn, Surroundings

BYTES_PER_MEGABIT = 1_000_000 / 8


class Guest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A guest with a disk on a resource; `node` is null while it is stopped."""

    name: str
    node: str | None = None


class Cluster(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `--cluster FILE` may tell: each part can be left out, and is not judged then.

    `nodes` holds the IP addresses of each node's interfaces, `guests` who lies on a resource,
    `link_mbit` what the replication link carries, `lvm` the path of each node's lvm.conf, relative
    to this file.
    """

    nodes: dict[str, list[str]] = {}
    guests: dict[str, list[Guest]] = {}
    link_mbit: float | None = None
    lvm: dict[str, str] = {}


def source(path: Path, name: str | None = None) -> Source:
    """A file as a source, named as the caller named it; what is no UTF-8 in it is replaced."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return Source(name or str(path), None)
    return Source(name or str(path), text)


def load(pattern: str, including: str) -> Sequence[Source]:
    """The files that an `include` names, relative to the file that includes, in order of name."""
    directory = Path(including).parent
    if Path(pattern).is_absolute():
        directory, pattern = Path("/"), str(Path(pattern).relative_to("/"))
    hidden = Path(pattern).name.startswith(".")
    try:
        # As for a shell, a pattern means no hidden files unless it says so.
        found = [
            each
            for each in sorted(directory.glob(pattern))
            if each.is_file() and each.name.startswith(".") == hidden
        ]
    except (ValueError, NotImplementedError, OSError):
        return ()
    return [source(each) for each in found]


def surroundings(path: Path, this_node: str | None) -> Surroundings:
    """What a cluster file tells. Raises OSError and msgspec.DecodeError (a ValueError)."""
    told = msgspec.json.decode(path.read_bytes(), type=Cluster)
    guests = {
        resource: tuple(GuestOn(each.name, each.node) for each in some)
        for resource, some in told.guests.items()
    }
    return Surroundings(
        this_node=this_node,
        addresses={node: frozenset(addresses) for node, addresses in told.nodes.items()},
        guests=guests,
        link_rate=told.link_mbit * BYTES_PER_MEGABIT if told.link_mbit else None,
        lvm={node: (path.parent / name).read_text() for node, name in told.lvm.items()},
    )
