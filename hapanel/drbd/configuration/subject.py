"""What lint looks at: the configuration, its generation, and what is known around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hapanel.drbd.configuration.grammar import Section
from hapanel.drbd.configuration.model import Configuration
from hapanel.drbd.configuration.options import Syntax


@dataclass(frozen=True, slots=True)
class GuestOn:
    """A guest with a disk on a resource, and the node it runs on; None when it is stopped."""

    label: str
    node: str | None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known beside the files; what is left empty is not judged.

    `this_node` is the node whose file it is, `addresses` the IP addresses on each node's
    interfaces (empty for a node whose addresses are not known), `open_families` the families
    (`inet`, `inet6`) of which a node may have more than these, `guests` who lies on a resource,
    `link_rate` what the replication link carries in bytes a second, `lvm` each node's lvm.conf as
    text.
    """

    this_node: str | None = None
    addresses: Mapping[str, frozenset[str]] = field(default_factory=dict)
    open_families: Mapping[str, frozenset[str]] = field(default_factory=dict)
    guests: Mapping[str, tuple[GuestOn, ...]] = field(default_factory=dict)
    link_rate: float | None = None
    lvm: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subject:
    """One configuration to be judged. `syntax` is ANY when nothing tells the generation."""

    configuration: Configuration
    syntax: Syntax
    around: Surroundings


def syntax_of(configuration: Configuration) -> Syntax:
    """The generation that a configuration's words tell: one word of 9 is enough."""
    told = Syntax(0)
    for _, statement in configuration.document.walk():
        if statement.known is not None and not statement.guessed:
            if statement.known.syntax is Syntax.V9:
                return Syntax.V9
            if statement.known.syntax is Syntax.V8:
                told = Syntax.V8
    return told or Syntax.ANY


def same_host(one: str, other: str) -> bool:
    """Whether two host names mean one node; a name without its domain fits (as in drbdadm)."""
    one, other = one.lower(), other.lower()
    if "." in one and "." in other:
        return one == other
    return one.split(".")[0] == other.split(".")[0]


STARTUP, NET, DISK, OPTIONS = Section.STARTUP, Section.NET, Section.DISK, Section.OPTIONS
