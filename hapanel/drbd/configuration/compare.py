"""What differs between two nodes' configurations, by meaning and not by text.

Order, comments, spelling of numbers and what only repeats a default make no difference. That the
connection stays down (StandAlone on both) when secret, after-sb policies, allow-two-primaries,
protocol or verify-alg differ, and never comes up when ports do, was recorded from DRBD 8.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hapanel.drbd.configuration.findings import Finding, Phrase, Rule, error, warning
from hapanel.drbd.configuration.grammar import Section
from hapanel.drbd.configuration.model import Configuration, Host, Resource
from hapanel.drbd.configuration.tokens import Place, Token
from hapanel.drbd.configuration.tree import Statement, rendered
from hapanel.kernel.refusal import gettext_noop

REFUSES = error(
    "differs-no-connection",
    gettext_noop(
        "%(what)s is %(left)s here and %(right)s at %(there)s, so the nodes do not connect"
    ),
    gettext_noop("Write the same on both nodes, then run drbdadm adjust on both"),
)
DIFFERS = warning(
    "differs",
    gettext_noop("%(what)s is %(left)s here and %(right)s at %(there)s"),
    gettext_noop("Copy the file that is right to the other node, then run drbdadm adjust on both"),
)
ONE_SIDE = error(
    "only-on-one-node",
    gettext_noop("%(what)s is in this file and not in the other node's (%(there)s)"),
    gettext_noop("Copy the file to the other node, then run drbdadm adjust there"),
)
SECRETS_DIFFER = error(
    "secrets-differ",
    gettext_noop(
        "The shared secret of %(name)s differs from that at %(there)s, so the nodes do not connect"
    ),
    gettext_noop("Write the same shared-secret on both nodes, then run drbdadm adjust on both"),
)
NOT_SET = Phrase(gettext_noop("not set"))
DEFAULTS = {
    (Section.NET, "protocol"): "C",
    (Section.NET, "allow-two-primaries"): "no",
    (Section.NET, "always-asbp"): "no",
    (Section.NET, "fencing"): "dont-care",
    (Section.NET, "rr-conflict"): "disconnect",
    (Section.NET, "use-rle"): "yes",
    (Section.NET, "tcp-cork"): "yes",
    (Section.DISK, "fencing"): "dont-care",
    (Section.DISK, "on-io-error"): "detach",
    (Section.DISK, "disk-flushes"): "yes",
    (Section.DISK, "md-flushes"): "yes",
    (Section.OPTIONS, "quorum"): "off",
    (Section.OPTIONS, "auto-promote"): "yes",
    **{(Section.NET, f"after-sb-{n}pri"): "disconnect" for n in (0, 1, 2)},
}
"""What holds where nothing is set (drbd.conf(5)), for options that people write out."""
MUST_AGREE = {
    *("protocol", "cram-hmac-alg", "shared-secret", "allow-two-primaries", "after-sb-0pri"),
    *("after-sb-1pri", "after-sb-2pri", "verify-alg", "data-integrity-alg", "transport"),
    *("csums-alg", "discard-my-data"),
}
"""Net options that peers compare when they connect."""


@dataclass(frozen=True, slots=True)
class Side:
    """What one file says, as it may be shown, and where; `text` is None when it says nothing."""

    place: Place
    text: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the two files say differently. `what` is DRBD's own words for it."""

    resource: str
    what: str
    left: Side
    right: Side
    rule: Rule

    @property
    def finding(self) -> Finding:
        """The difference as a finding: at the side that says something, the first if both do."""
        here, there = (self.right, self.left) if self.left.text is None else (self.left, self.right)
        if self.rule is SECRETS_DIFFER:
            return secrets_differ(self.resource, here.place, there.place)
        named = {"left": here.text or NOT_SET, "right": there.text or NOT_SET}
        return self.rule(here.place, there.place, what=self.what, there=str(there.place), **named)


def secrets_differ(resource: str, here: Place, there: Place) -> Finding:
    """That both nodes have a secret for the resource, and not the same one."""
    return SECRETS_DIFFER(here, there, name=resource, there=str(there))


@dataclass(frozen=True, slots=True)
class _Fact:
    """One comparable statement: equal `meaning` is no difference."""

    meaning: str
    shown: str
    place: Place
    rule: Rule


def compare(left: Configuration, right: Configuration) -> tuple[Difference, ...]:
    """The differences of two configurations in the order of the first file."""
    found: list[Difference] = []
    for name in _names(left, right):
        one, other = left.resource(name), right.resource(name)
        if one is None or other is None:
            found.append(_one_sided(name, one, other, left, right))
        else:
            found += _differences(one, other)
    return tuple(found)


def _names(left: Configuration, right: Configuration) -> list[str]:
    return list(dict.fromkeys(each.name for each in (*left.resources, *right.resources)))


def _one_sided(
    name: str,
    one: Resource | None,
    other: Resource | None,
    left: Configuration,
    right: Configuration,
) -> Difference:
    def side(resource: Resource | None, configuration: Configuration) -> Side:
        top = Place(configuration.document.file, 1)
        return Side(resource.place, name) if resource else Side(top, None)

    return Difference(name, f"resource {name}", side(one, left), side(other, right), ONE_SIDE)


def _differences(one: Resource, other: Resource) -> Iterator[Difference]:
    left, right = dict(_facts(one)), dict(_facts(other))
    for what in dict.fromkeys((*left, *right)):
        here, there = left.get(what), right.get(what)
        if _means_the_same(what, here, there):
            continue
        both = here is not None and there is not None
        if both and what == _SECRET and not (secret_is_used(one) or secret_is_used(other)):
            continue  # nobody asks for it
        known = here or there
        assert known is not None  # `what` comes from one of the two
        yield Difference(
            one.name,
            f"{one.name}: {what}",
            Side(here.place, here.shown) if here else Side(one.place, None),
            Side(there.place, there.shown) if there else Side(other.place, None),
            SECRETS_DIFFER if both and what == _SECRET else known.rule,
        )


def _means_the_same(what: str, here: _Fact | None, there: _Fact | None) -> bool:
    default = _DEFAULT_OF.get(what)
    return (here.meaning if here else default) == (there.meaning if there else default)


def secret_is_used(resource: Resource) -> bool:
    """Whether peers have to prove that they know the secret: only with a cram-hmac-alg."""
    return resource.setting(Section.NET, "cram-hmac-alg") is not None


_SECRET = f"{Section.NET} shared-secret"
_DEFAULT_OF = {f"{section} {name}": value for (section, name), value in DEFAULTS.items()}


def _facts(resource: Resource) -> Iterator[tuple[str, _Fact]]:
    for (section, name), setting in resource.effective.items():
        agrees = section is Section.NET and name in MUST_AGREE
        rule = REFUSES if agrees else DIFFERS
        words = " ".join(token.text for token in setting.statement.arguments[1:])
        meaning = f"{setting.meaning} {words}".strip()
        shown = f"{setting.shown} {words}".strip()
        yield f"{section} {name}", _Fact(meaning, shown, setting.place, rule)
    for host in resource.hosts:
        yield from _host_facts(host)
    for at, connection in enumerate(resource.connections, start=1):
        text = rendered((connection,))
        yield (
            f"connection {at}",
            _Fact(text, f"line {connection.place.line}", connection.place, DIFFERS),
        )


def _host_facts(host: Host) -> Iterator[tuple[str, _Fact]]:
    label = host.label
    yield f"host {label}", _Fact(label, label, host.place, ONE_SIDE)
    if host.address is not None:
        meaning = f"{host.address.family} {host.address.endpoint}"
        place = host.address.token.place
        yield f"{label} address", _Fact(meaning, host.address.endpoint, place, REFUSES)
    if host.node_id is not None:
        yield f"{label} node-id", _of_token(host.node_id, REFUSES)
    for volume in host.volumes:
        named = f"{label} volume {volume.number}"
        if volume.minor is not None and volume.device is not None:
            minor = f"minor {volume.minor}"
            yield f"{named} device", _Fact(minor, minor, volume.device.place, DIFFERS)
        for what, statement in (("disk", volume.disk), ("meta-disk", volume.meta_disk)):
            if statement is not None:
                yield f"{named} {what}", _of_arguments(statement)


def _of_token(token: Token, rule: Rule) -> _Fact:
    return _Fact(token.text, token.shown, token.place, rule)


def _of_arguments(statement: Statement) -> _Fact:
    text = "".join(token.text for token in statement.arguments)
    return _Fact(text, text, statement.place, DIFFERS)
