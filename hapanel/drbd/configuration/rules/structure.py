"""Is everything there, and once?"""

from __future__ import annotations

from collections.abc import Iterator

from hapanel.drbd.configuration.findings import Finding, Rule, error, warning
from hapanel.drbd.configuration.grammar import Section, Shape
from hapanel.drbd.configuration.model import Host, Resource
from hapanel.drbd.configuration.options import Syntax
from hapanel.drbd.configuration.subject import Subject
from hapanel.drbd.configuration.tokens import Place
from hapanel.drbd.configuration.tree import Statement
from hapanel.drbd.configuration.understanding import last
from hapanel.kernel.refusal import gettext_noop

DUPLICATE_RESOURCE = error(
    "duplicate-resource",
    gettext_noop("The resource %(name)s is already defined at %(first)s"),
    gettext_noop("Rename one of them, or remove the copy"),
)
DUPLICATE_SECTION = error(
    "duplicate-section",
    gettext_noop("%(name)s stands here a second time, first at %(first)s"),
    gettext_noop("Merge the two"),
)
DUPLICATE_OPTION = warning(
    "duplicate-option",
    gettext_noop("%(name)s is already set at %(first)s, and only the last one holds"),
    gettext_noop("Remove the one that is not meant"),
)
MISSING_STATEMENT = error(
    "missing-statement",
    gettext_noop("The section of host %(host)s lacks: %(missing)s"),
    gettext_noop("Add what is missing"),
)
NODE_ID_MISSING = error(
    "node-id-missing",
    gettext_noop(
        "Host %(host)s has no node-id, which DRBD 9 needs unless two hosts both have none"
    ),
    gettext_noop("Give each host its own node-id, counted from 0, the same in all files"),
)
NODE_ID_CONFLICT = error(
    "node-id-conflict",
    gettext_noop("The node-id %(node_id)s belongs to another host already, at %(first)s"),
    gettext_noop("Give each host its own node-id, counted from 0"),
)
SINGLE_HOST = warning(
    "single-host",
    gettext_noop("The resource %(name)s names fewer than two hosts, so nothing is replicated"),
    gettext_noop("Add a section for the other node"),
)
NO_RESOURCE = warning(
    "no-resource",
    gettext_noop("There is no resource in this configuration"),
    gettext_noop("Include the files of /etc/drbd.d, or define a resource"),
)
HIGHEST_NODE_ID = 31
ONCE = {
    Section.FILE: ("global", "common"),
    Section.RESOURCE: (
        *("protocol", "net", "disk", "syncer", "startup", "handlers", "proxy", "options"),
        *("device", "connection-mesh"),
    ),
    Section.HOST: ("disk", "device", "meta-disk", "address", "node-id"),
    Section.FLOATING: ("disk", "device", "meta-disk", "node-id"),
}
ONCE[Section.COMMON] = ONCE[Section.RESOURCE]
SHARED_BY_HOSTS = (Section.RESOURCE, Section.COMMON)


def duplicates(subject: Subject) -> Iterator[Finding]:
    """What stands twice where DRBD wants it once, or where only the last one holds."""
    document = subject.configuration.document
    yield from _repeated(Section.FILE, document.statements)
    for _, statement in document.walk():
        if statement.section is not None:
            yield from _repeated(statement.section, statement.inside())
    names: dict[str, Place] = {}
    for resource in subject.configuration.resources:
        first = names.setdefault(resource.name, resource.place)
        if first is not resource.place:
            yield DUPLICATE_RESOURCE(resource.place, first, name=resource.name, first=str(first))


def _repeated(section: Section, statements: tuple[Statement, ...]) -> Iterator[Finding]:
    seen: dict[str, Place] = {}
    for statement in statements:
        rule = _at_most_once(section, statement)
        if rule is not None:
            key = _identity(statement)
            first = seen.setdefault(key, statement.place)
            if first is not statement.place:
                yield rule(statement.place, first, name=key, first=str(first))


def _at_most_once(section: Section, statement: Statement) -> Rule | None:
    """What to say when it stands a second time; None when it may."""
    if statement.guessed or statement.known is None:
        return None
    # A resource's `disk PATH` is no section; one for all hosts may stand beside `disk {`.
    is_path = statement.name == "disk" and statement.block is None
    if statement.name in ONCE.get(section, ()) and not (is_path and section in SHARED_BY_HOSTS):
        return DUPLICATE_SECTION
    if statement.known.shape is Shape.OPTION:
        return DUPLICATE_OPTION
    return DUPLICATE_SECTION if statement.section in (Section.HOST, Section.VOLUME) else None


def _identity(statement: Statement) -> str:
    """What may stand once: the keyword, for hosts and volumes with their names."""
    if statement.section in (Section.HOST, Section.VOLUME):
        return " ".join([statement.name, *(token.text for token in statement.arguments)])
    return statement.name


def completeness(subject: Subject) -> Iterator[Finding]:
    """Hosts, devices, disks, addresses and node ids that are missing."""
    statements = subject.configuration.document.statements
    if not subject.configuration.resources and not statements:
        yield NO_RESOURCE(Place(subject.configuration.document.file, 1))
    for resource in subject.configuration.resources:
        for host in resource.hosts:
            missing = list(_missing(host, resource, subject.syntax))
            if missing:
                yield MISSING_STATEMENT(host.place, host=host.label, missing=", ".join(missing))
        yield from _node_ids(resource, subject.syntax)
        count = sum(len(host.names) or 1 for host in resource.hosts)
        if count < 2 and not any(each.place for each in resource.connections):
            yield SINGLE_HOST(resource.place, name=resource.name)


def _missing(host: Host, resource: Resource, syntax: Syntax) -> Iterator[str]:
    volumes = host.volumes
    if not volumes or any(volume.device is None for volume in volumes):
        yield "device"
    if not host.is_stacked:
        if not volumes or any(volume.disk is None for volume in volumes):
            yield "disk"
        # 9 takes internal where nothing is said.
        without = not volumes or any(volume.meta_disk is None for volume in volumes)
        if without and syntax is not Syntax.V9:
            yield "meta-disk"
    # An address that could not be read is reported as such; a connection may bring its own.
    said = host.statement.name == "floating" or last(host.statement.inside(), "address")
    if not said and not resource.connections:
        yield "address"


def _node_ids(resource: Resource, syntax: Syntax) -> Iterator[Finding]:
    seen: dict[str, Place] = {}
    for host in resource.hosts:
        if host.node_id is None:
            continue
        first = seen.setdefault(host.node_id.text, host.node_id.place)
        if first is not host.node_id.place:
            node_id = host.node_id.text
            yield NODE_ID_CONFLICT(host.node_id.place, first, node_id=node_id, first=str(first))
    if syntax is Syntax.V9 and (seen or len(resource.hosts) != 2):
        for host in resource.hosts:
            if host.node_id is None:
                yield NODE_ID_MISSING(host.place, host=host.label)
