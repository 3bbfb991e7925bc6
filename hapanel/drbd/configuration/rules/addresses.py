"""Can the nodes reach each other at what is written?"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from hapanel.drbd.configuration.findings import Finding, error, warning
from hapanel.drbd.configuration.grammar import Section
from hapanel.drbd.configuration.model import Address, Resource
from hapanel.drbd.configuration.options import Syntax
from hapanel.drbd.configuration.subject import Subject, same_host
from hapanel.drbd.configuration.tree import Statement
from hapanel.drbd.configuration.understanding import address_in
from hapanel.kernel.refusal import gettext_noop

SAME_ADDRESS = error(
    "same-address",
    gettext_noop("Both %(one)s and %(other)s have the address %(ip)s, so they cannot connect"),
    gettext_noop("Write the address of %(other)s on the replication network"),
)
ADDRESS_CONFLICT = error(
    "address-conflict",
    gettext_noop("%(endpoint)s is already used by resource %(name)s, at %(first)s"),
    gettext_noop("Choose another port for this resource, on both nodes"),
)
ADDRESS_NOT_ON_NODE = error(
    "address-not-on-node",
    gettext_noop("No interface of %(host)s has the address %(ip)s"),
    gettext_noop("Write an address that %(host)s has: %(addresses)s"),
)
HOST_UNKNOWN = warning(
    "host-unknown",
    gettext_noop("%(host)s is no node of the cluster"),
    gettext_noop("Write the name that uname -n prints on the node: %(nodes)s"),
)
NOT_FOR_THIS_NODE = error(
    "not-for-this-node",
    gettext_noop(
        "No resource of this configuration names %(node)s, so DRBD has nothing to do there"
    ),
    gettext_noop("Write %(node)s in the on section of its resource"),
)


def canonical(address: str) -> str:
    """An IP address in the one form that equal ones share, without prefix length or zone."""
    bare = address.split("/")[0].split("%")[0]
    try:
        return str(ip_address(bare))
    except ValueError:
        return bare


Listening = tuple[str, Address]
"""A host's name and where it listens."""


def shared_addresses(subject: Subject) -> Iterator[Finding]:
    """One address for two nodes of a resource, whatever the ports."""
    for resource in subject.configuration.resources:
        for group in _groups(resource):
            seen: dict[str, Listening] = {}
            for host, address in group:
                one, first = seen.setdefault(canonical(address.ip), (host, address))
                if first is not address:
                    places = (address.token.place, first.token.place)
                    yield SAME_ADDRESS(*places, one=one, other=host, ip=address.ip)


def _groups(resource: Resource) -> Iterator[list[Listening]]:
    """Who talks to each other: the host sections, and each path of each connection."""
    own = [host for host in resource.hosts if not host.goes_through_a_proxy]
    yield [(host.label, host.address) for host in own if host.address is not None]
    for connection in resource.connections:
        paths = [each for each in connection.inside() if each.section is Section.PATH]
        for each in (connection, *paths):
            yield list(_ends(each))


def _ends(statement: Statement) -> Iterator[Listening]:
    for each in statement.inside():
        through = any(token.text == "via" for token in each.arguments)
        if each.name == "host" and len(each.arguments) > 2 and not through:
            address = address_in(each.arguments[2:])
            if address is not None and each.arguments[1].text == "address":
                yield each.arguments[0].text, address


def conflicting_addresses(subject: Subject) -> Iterator[Finding]:
    """Two resources that listen at one address and port."""
    first_use: dict[tuple[str, str], tuple[Resource, Address]] = {}
    for resource in subject.configuration.distinct:
        ends = [end for group in _groups(resource) for end in group]
        clashes = [
            (address, *first_use[_where(host, address)])
            for host, address in ends
            if _where(host, address) in first_use
        ]
        # 9 tells connections apart by both ends, so one end alone may be shared.
        one_end = len(clashes) < min(2, len(ends))
        rule = ADDRESS_CONFLICT.only_warns if one_end else ADDRESS_CONFLICT
        if subject.syntax is Syntax.V8:
            rule = ADDRESS_CONFLICT
        for address, other, first in () if one_end and subject.syntax is Syntax.V9 else clashes:
            here, there = address.token.place, first.token.place
            yield rule(here, there, endpoint=address.endpoint, name=other.name, first=str(there))
        for host, address in ends:
            first_use.setdefault(_where(host, address), (resource, address))


def _where(host: str, address: Address) -> tuple[str, str]:
    """What two resources cannot share; a loopback address is another one on each host."""
    is_local = address.ip.startswith("127.") or address.ip == "::1"
    return (host if is_local else "", f"{canonical(address.ip)} {address.port}")


def addresses_of_nodes(subject: Subject) -> Iterator[Finding]:
    """With the nodes' interfaces known: an address that its node does not have."""
    nodes = subject.around.addresses
    for resource in subject.configuration.resources if nodes else ():
        listening = {(host, at.token): at for group in _groups(resource) for host, at in group}
        for (host, _), address in listening.items():
            known = next((node for node in nodes if same_host(node, host)), None)
            its = {canonical(each) for each in nodes[known]} if known is not None else set()
            if known is None or not its or _family(address) in _open_families(subject, known):
                continue
            if canonical(address.ip) not in its:
                addresses = ", ".join(sorted(nodes[known]))
                place = address.token.place
                yield ADDRESS_NOT_ON_NODE(place, host=host, ip=address.ip, addresses=addresses)


def _open_families(subject: Subject, node: str) -> frozenset[str]:
    return subject.around.open_families.get(node, frozenset())


def _family(address: Address) -> str:
    return "inet6" if ":" in address.ip else "inet"


def hosts_of_cluster(subject: Subject) -> Iterator[Finding]:
    """With the nodes known: a host that is none of them, or no resource for this one."""
    nodes, this_node = subject.around.addresses, subject.around.this_node
    named: list[str] = []
    for resource in subject.configuration.resources:
        for host in resource.hosts:
            named += host.names
            for name in host.names:
                if nodes and not any(same_host(name, node) for node in nodes):
                    yield HOST_UNKNOWN(host.place, host=name, nodes=", ".join(sorted(nodes)))
    resources = subject.configuration.resources
    floats = any(not host.names for each in resources for host in each.hosts)
    if this_node and resources and not floats and not _names(this_node, named):
        yield NOT_FOR_THIS_NODE(resources[0].place, node=this_node)


def _names(node: str, hosts: list[str]) -> bool:
    return any(same_host(node, host) for host in hosts)
