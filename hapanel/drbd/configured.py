"""What a node's configuration means for the judgement of its resources: which nodes belong to one,
and whether both are to be Primary for good."""

from __future__ import annotations

from dataclasses import dataclass

from hapanel.drbd.configuration.grammar import Section
from hapanel.drbd.configuration.model import Resource
from hapanel.drbd.configuration.reader import Source, read
from hapanel.drbd.configuration.understanding import understood


@dataclass(frozen=True, slots=True)
class Meant:
    """One resource as it is meant. `members` are the hosts' names, in the file's order."""

    name: str
    members: tuple[str, ...]
    dual_primary: bool


def meant(text: str, name: str = "") -> tuple[Meant, ...]:
    """The resources in a configuration, or in what `drbdadm dump` prints; `name` is the file's."""
    configuration = understood(read(Source(name, text)))
    return tuple(_meant(one) for one in configuration.distinct if one.name)


def _meant(resource: Resource) -> Meant:
    """Two Primaries for good is more than allowing two, which a live migration needs as well."""
    hosts = tuple(host.names[0] for host in resource.hosts if host.names)
    allowed = resource.setting(Section.NET, "allow-two-primaries")
    named = resource.setting(Section.STARTUP, "become-primary-on")
    arguments = [token.text for token in named.statement.arguments] if named else []
    both = "both" in arguments or len(arguments) > 1
    return Meant(resource.name, hosts, bool(allowed and allowed.is_on and both))
