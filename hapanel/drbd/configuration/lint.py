"""All rules over one configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hapanel.drbd.configuration.findings import Finding
from hapanel.drbd.configuration.model import Configuration
from hapanel.drbd.configuration.options import Syntax
from hapanel.drbd.configuration.rules import (
    addresses,
    devices,
    guests,
    link,
    policies,
    structure,
    values,
)
from hapanel.drbd.configuration.subject import Subject, Surroundings, syntax_of
from hapanel.drbd.configuration.tree import Document
from hapanel.drbd.configuration.understanding import understood

CHECKS: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    values.misspelled_generation,
    values.values,
    structure.duplicates,
    structure.completeness,
    addresses.shared_addresses,
    addresses.conflicting_addresses,
    addresses.addresses_of_nodes,
    addresses.hosts_of_cluster,
    devices.device_names,
    devices.disks,
    devices.meta_disks,
    devices.used_twice,
    policies.secrets,
    policies.two_primaries,
    policies.synchronous,
    policies.becoming_primary,
    policies.waiting,
    policies.quorum,
    link.rates,
    link.verification,
    guests.shared_by_both,
    guests.lvm_filter,
)
"""Each check looks for one thing and yields what it found."""


def lint(
    document: Document, syntax: Syntax | None = None, around: Surroundings | None = None
) -> tuple[Finding, ...]:
    """All findings of a document, with those of reading it, in the order of the lines.

    `syntax` is the generation of the DRBD that will read it; None judges by the words in it.
    """
    return judged(understood(document), syntax, around)


def judged(
    configuration: Configuration,
    syntax: Syntax | None = None,
    around: Surroundings | None = None,
) -> tuple[Finding, ...]:
    """Like `lint`, for a configuration that is understood already."""
    told = syntax or syntax_of(configuration)
    subject = Subject(configuration, told, around or Surroundings())
    found = [each for check in CHECKS for each in check(subject)]
    found += configuration.document.findings
    order = {name: at for at, name in enumerate(configuration.document.files)}
    unique = {(each.code, each.place, each.because()): each for each in found}
    return tuple(sorted(unique.values(), key=lambda each: _order(order, each)))


def _order(files: dict[str, int], finding: Finding) -> tuple[int, int, int, str]:
    place = finding.place
    return (files.get(place.file, len(files)), place.line, place.column, finding.code)
