"""Will it keep the data when something fails? Secrets, two primaries, votes, start-up."""

from __future__ import annotations

from collections.abc import Iterator

from hapanel.drbd.configuration.findings import Finding, error, warning
from hapanel.drbd.configuration.model import Resource, Setting
from hapanel.drbd.configuration.options import Syntax
from hapanel.drbd.configuration.subject import DISK, NET, OPTIONS, STARTUP, Subject, same_host
from hapanel.kernel.refusal import gettext_noop

SECRET_MISSING = warning(
    "secret-missing",
    gettext_noop(
        "Resource %(name)s connects without a shared secret: any machine may pose as peer"
    ),
    gettext_noop("Set cram-hmac-alg sha256 and a shared-secret of 16 characters or more in net"),
)
SECRET_UNUSED = warning(
    "secret-unused",
    gettext_noop("The shared secret is not used, because no cram-hmac-alg is set"),
    gettext_noop("Set cram-hmac-alg sha256 in net"),
)
SECRET_WEAK = warning(
    "secret-weak",
    gettext_noop("The shared secret is short or easily guessed"),
    gettext_noop("Use 16 to 63 random characters, the same on both nodes"),
)
TWO_PRIMARIES_PROTOCOL = error(
    "two-primaries-protocol",
    gettext_noop("Two primaries need protocol C, and with %(protocol)s the nodes do not connect"),
    gettext_noop("Write protocol C, or remove allow-two-primaries"),
)
TWO_PRIMARIES_UNFENCED = warning(
    "two-primaries-unfenced",
    gettext_noop("Both nodes may be Primary and nothing fences: a cut link makes a split brain"),
    gettext_noop(
        "Set fencing resource-and-stonith with a fence-peer handler, or allow one primary"
    ),
)
TWO_PRIMARIES_DISCARD = warning(
    "two-primaries-discard",
    gettext_noop("%(option)s %(policy)s throws away one node's writes unasked after a split brain"),
    gettext_noop("Write %(option)s disconnect, and let a person choose"),
)
ASYNCHRONOUS = warning(
    "protocol-not-c",
    gettext_noop("With protocol %(protocol)s a write counts before the peer has it on disk"),
    gettext_noop("Write protocol C, or what was last written is lost when the node dies"),
)
PRIMARY_ON_BOTH = warning(
    "primary-on-both",
    gettext_noop("Both nodes become Primary at boot, so a cut link at that moment splits the data"),
    gettext_noop("Remove become-primary-on; let the cluster make Primary the node that needs it"),
)
PRIMARY_ON_UNKNOWN = error(
    "primary-on-unknown",
    gettext_noop("become-primary-on names %(host)s, which is no host of %(name)s (line %(line)s)"),
    gettext_noop("Write one of: %(hosts)s"),
)
PRIMARY_ON_BOTH_REFUSED = error(
    "primary-on-both-refused",
    gettext_noop("Both are to become Primary, but %(name)s (line %(line)s) does not allow two"),
    gettext_noop("Remove become-primary-on, which is safer than allow-two-primaries"),
)
WFC_ZERO = warning(
    "wfc-timeout-zero",
    gettext_noop("With wfc-timeout 0 a node that boots alone waits for its peer without end"),
    gettext_noop("Set some minutes, such as wfc-timeout 120, and degr-wfc-timeout 60"),
)
NO_QUORUM = warning(
    "no-quorum",
    gettext_noop("%(count)s nodes could vote, and %(name)s does not use quorum"),
    gettext_noop("Set quorum majority and on-no-quorum suspend-io in the options section"),
)
NO_TIEBREAKER = warning(
    "no-tiebreaker",
    gettext_noop(
        "Two nodes hold %(name)s and no third votes, though the cluster has %(count)s nodes"
    ),
    gettext_noop("Add %(node)s to the resource with disk none, and set quorum majority"),
)
SHORTEST_SECRET, FEWEST_KINDS = 16, 6
DISCARDING = {
    "after-sb-0pri": (
        *("discard-younger-primary", "discard-older-primary", "discard-least-changes"),
        *("discard-local", "discard-remote"),
    ),
    "after-sb-1pri": ("discard-secondary", "violently-as0p"),
    "after-sb-2pri": ("violently-as0p",),
}
VOTES_FOR_QUORUM = 3


def secrets(subject: Subject) -> Iterator[Finding]:
    """Peers know each other by a secret: there, used, and hard to guess."""
    for resource in subject.configuration.resources:
        secret = resource.setting(NET, "shared-secret")
        digest = resource.setting(NET, "cram-hmac-alg")
        if secret is None:
            yield SECRET_MISSING(digest.place if digest else resource.place, name=resource.name)
            continue
        if digest is None:
            yield SECRET_UNUSED(secret.place)
        text = secret.text
        if len(text) < SHORTEST_SECRET or len(set(text)) < FEWEST_KINDS:
            yield SECRET_WEAK(secret.place)


def two_primaries(subject: Subject) -> Iterator[Finding]:
    """Where both nodes may write: protocol, fencing, and what happens to the loser's writes."""
    for resource in subject.configuration.resources:
        allowed = resource.setting(NET, "allow-two-primaries")
        if allowed is None or not allowed.is_on:
            continue
        protocol = resource.setting(NET, "protocol")
        if protocol is not None and protocol.meaning in ("A", "B"):
            yield TWO_PRIMARIES_PROTOCOL(protocol.place, protocol=protocol.text)
        fencing = resource.setting(NET, "fencing") or resource.setting(DISK, "fencing")
        if fencing is None or fencing.text == "dont-care":
            yield TWO_PRIMARIES_UNFENCED((fencing or allowed).place)
        for option, policies in DISCARDING.items():
            policy = resource.setting(NET, option)
            if policy is not None and policy.text in policies:
                yield TWO_PRIMARIES_DISCARD(policy.place, option=option, policy=policy.text)


def synchronous(subject: Subject) -> Iterator[Finding]:
    """Failover needs protocol C. Far copies, stacked or through a proxy, cannot have it."""
    for resource in subject.configuration.resources:
        protocol = resource.setting(NET, "protocol")
        far = any(host.is_stacked or host.goes_through_a_proxy for host in resource.hosts)
        if protocol is None or protocol.meaning not in ("A", "B") or far or resource.connections:
            continue
        allowed = resource.setting(NET, "allow-two-primaries")
        if allowed is None or not allowed.is_on:
            yield ASYNCHRONOUS(protocol.place, protocol=protocol.text)


def becoming_primary(subject: Subject) -> Iterator[Finding]:
    """become-primary-on: hosts that exist, and not both."""
    for resource in subject.configuration.resources:
        setting = resource.setting(STARTUP, "become-primary-on")
        if setting is None or subject.syntax is Syntax.V9:
            continue
        names = [token for token in setting.statement.arguments if token.text != "both"]
        hosts = [name for host in resource.hosts for name in host.names]
        named = {"name": resource.name, "line": resource.place.line}
        for token in names:
            if hosts and not any(same_host(token.text, host) for host in hosts):
                yield PRIMARY_ON_UNKNOWN(
                    token.place, resource.place, **named, host=token.text, hosts=", ".join(hosts)
                )
        if len(names) != 1 and len(setting.statement.arguments) > 0:
            yield _both(resource, setting, named)


def _both(resource: Resource, setting: Setting, named: dict[str, object]) -> Finding:
    allowed = resource.setting(NET, "allow-two-primaries")
    if allowed is not None and allowed.is_on:
        return PRIMARY_ON_BOTH(setting.place)
    return PRIMARY_ON_BOTH_REFUSED(setting.place, resource.place, **named)


def waiting(subject: Subject) -> Iterator[Finding]:
    """A node that boots alone must not wait for ever."""
    for setting in _each_once(subject, "wfc-timeout"):
        if setting.number == 0:
            yield WFC_ZERO(setting.place)


def _each_once(subject: Subject, name: str) -> Iterator[Setting]:
    """A startup setting wherever it stands, once, though it may hold for many resources."""
    configuration = subject.configuration
    settings = [each.settings for each in configuration.resources]
    for each in (configuration.common, *settings):
        if (STARTUP, name) in each:
            yield each[(STARTUP, name)]


def quorum(subject: Subject) -> Iterator[Finding]:
    """Where three nodes could vote, a majority can decide who writes. 8 has no quorum."""
    for resource in subject.configuration.resources if subject.syntax & Syntax.V9 else ():
        names = [name for host in resource.hosts for name in host.names]
        setting = resource.setting(OPTIONS, "quorum")
        stacked = any(host.is_stacked for host in resource.hosts)
        if stacked or (setting is not None and setting.text != "off"):
            continue
        place = setting.place if setting else resource.place
        others = [
            node
            for node in sorted(subject.around.addresses)
            if not any(same_host(node, name) for name in names)
        ]
        if len(names) >= VOTES_FOR_QUORUM:
            yield NO_QUORUM(place, count=len(names), name=resource.name)
        elif others and len(names) == 2 and subject.syntax is Syntax.V9:
            count = len(subject.around.addresses)
            yield NO_TIEBREAKER(place, name=resource.name, count=count, node=others[0])
