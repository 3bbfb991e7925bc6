"""The doctor looks at each cluster: secret, reach, clock, whether it carries the panel itself."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from django.db import DatabaseError
from django.utils.translation import gettext as _

from hapanel.accounts.vault import VaultLocked, is_sealed_by_first_key, unseal
from hapanel.commands.findings import Finding, Findings, Verdict, fail, ok, warn
from hapanel.commands.own_machine import OwnMachine
from hapanel.kernel.refusal import gettext_noop
from hapanel.operations.privileges import NEEDS
from hapanel.operations.words import without_privilege
from hapanel.ports.cluster_gateway import ClusterGateway
from hapanel.ports.errors import ClusterError, NodeUnreachable, Unreachable
from hapanel.wiring import gateway_of
from nodes.models import Cluster, Mode, Node, NodeStatus, Reach
from vms.models import Guest

# The HA manager of each node writes its time every ten seconds or so.
CLOCK_AHEAD = timedelta(seconds=5)
CLOCK_BEHIND = timedelta(seconds=60)
# One call that hangs may end half a minute later; ten thousand guests cost no more.
COMPARE_SECONDS = 30.0
# Proxmox relays the question to the guest's node: there these do not answer, or not in time.
SILENT = (NodeStatus.OFFLINE, NodeStatus.UNKNOWN, NodeStatus.FENCE)

REMEDIES: dict[str, str] = {
    Reach.UNREACHABLE: gettext_noop(
        "Check the network and the firewall between panel and nodes (port 8006)."
    ),
    Reach.CERTIFICATE: gettext_noop(
        "Compare the new fingerprint with the node's, then change the cluster (docs/api.md)."
    ),
    Reach.REFUSED: gettext_noop(
        "Make a new token in Proxmox and change the cluster to it (docs/api.md)."
    ),
    Reach.PERMISSION: gettext_noop(
        "Give the token's role the missing privilege, with propagation."
    ),
}
LOOK_THERE = gettext_noop("Look at the nodes' own log: journalctl -u pveproxy -u pvedaemon.")


def clusters(machine: OwnMachine) -> Findings:
    """Every recorded cluster, asked through the same gateway as the workers use."""
    try:
        recorded = list(Cluster.objects.all())
    except DatabaseError:
        return
    if not recorded:
        yield warn(
            "clusters",
            _("The panel watches no cluster yet."),
            "./panel manage add_cluster NAME --url https://HOST:8006 --token-id USER@REALM!NAME",
        )
    for cluster in recorded:
        yield from examine(cluster, machine)


def examine(cluster: Cluster, machine: OwnMachine) -> Findings:
    """All there is to say about one cluster."""
    name = f"cluster {cluster.name}"
    secret = _secret(name, cluster)
    if secret is not None:
        yield secret
        if secret.verdict is Verdict.FAIL:
            return
    try:
        with gateway_of(cluster) as gateway:
            gateway.version()
            yield from _clock(name, gateway, datetime.now(UTC))
            yield home(name, cluster, gateway, machine)
    except ClusterError as error:
        said = {"said": error.reason}
        remedy = _(REMEDIES.get(error.kind, LOOK_THERE))
        yield fail(name, _("It does not answer as it should: %(said)s") % said, remedy)
        return
    yield from _observation(name, cluster)


def _secret(name: str, cluster: Cluster) -> Finding | None:
    try:
        unseal(cluster.encrypted_secret)
    except VaultLocked:
        return fail(
            name,
            _("Its token cannot be decrypted: the key is not in HAPANEL_ENCRYPTION_KEYS."),
            _("Put the former key back behind the new one, or give the token's secret again."),
        )
    if not is_sealed_by_first_key(cluster.encrypted_secret):
        return warn(
            name,
            _("Its token is still encrypted with an older key."),
            "./panel manage reseal_secrets",
        )
    return None


def _observation(name: str, cluster: Cluster) -> Findings:
    if cluster.is_stale():
        yield fail(
            name,
            _("It answers now, but the panel has not looked at it lately."),
            _("Look at beat and the worker: they do the looking."),
        )
    else:
        yield ok(name, _("It answers (%(address)s).") % {"address": cluster.answered_by})
    for privilege in _wanted(cluster):
        yield warn(
            name,
            _("The token lacks %(privilege)s. %(without)s")
            % {"privilege": privilege, "without": without_privilege(privilege)},
            _("Settings, the cluster's page, shows the commands that give it."),
        )


def _wanted(cluster: Cluster) -> list[str]:
    """The missing privileges that matter: a cluster that is only watched needs few."""
    to_watch = {need.privilege for need in NEEDS if need.to_watch}
    only_watched = cluster.mode == Mode.WATCH
    return [each for each in cluster.missing_privileges if not only_watched or each in to_watch]


def _clock(name: str, gateway: ClusterGateway, now: datetime) -> Findings:
    """Forecasts and downtimes compare Proxmox's times with ours."""
    times = [lrm.timestamp for lrm in gateway.ha_status().lrms if lrm.timestamp and not lrm.dead]
    if not times:
        return  # without HA nodes tell no time here
    ahead, behind = max(times) - now, now - max(times)
    if ahead > CLOCK_AHEAD or behind > CLOCK_BEHIND:
        seconds = round(max(ahead, behind).total_seconds())
        yield fail(
            name,
            _("Its clock and this machine's differ by %(seconds)s s.") % {"seconds": seconds},
            _("Let chrony set the time on the nodes and here: timedatectl set-ntp true."),
        )


def home(name: str, cluster: Cluster, gateway: ClusterGateway, machine: OwnMachine) -> Finding:
    """Whether this machine is a guest of the cluster: then it dies with what it should report."""
    if not machine.is_virtual:
        return ok(name, _("The panel lives on a machine of its own."))
    guests = list(Guest.objects.filter(cluster=cluster, gone_at=None).exclude(status="stopped"))
    unseen = Node.objects.filter(cluster=cluster, status__in=SILENT)
    silent = set(unseen.values_list("name", flat=True))
    until, compared = time.monotonic() + COMPARE_SECONDS, 0
    for guest in guests:
        if time.monotonic() >= until:
            break
        if guest.node in silent:
            continue
        try:
            config = gateway.guest_config(guest.node, guest.guest_type, guest.vmid)
        except ClusterError as error:
            if isinstance(error, (Unreachable, NodeUnreachable)):
                silent.add(guest.node)
            continue  # or gone or moved meanwhile
        compared += 1
        if machine.is_guest_with(config.macs, config.smbios_uuid):
            return _lives_in(name, guest)
    return _compared(name, compared, len(guests), silent & {guest.node for guest in guests})


def _compared(name: str, compared: int, total: int, silent: set[str]) -> Finding:
    """What the comparison says when no guest was this machine: all of them, or what it left out."""
    if compared == total:
        return ok(name, _("The panel is none of its guests."))
    said = {"count": compared, "total": total, "nodes": ", ".join(sorted(silent))}
    says = _("Only %(count)s of its %(total)s guests could be compared with this machine.") % said
    if silent:
        says += " " + _("These nodes do not answer: %(nodes)s.") % said
    return warn(
        name, says, _("Make sure that the panel is not one of its guests (docs/operations.md).")
    )


def _lives_in(name: str, guest: Guest) -> Finding:
    return fail(
        name,
        _("The panel runs in %(guest)s, a guest of this cluster: it falls silent with it.")
        % {"guest": guest},
        _("Move the panel to a third machine, which may be the QDevice too (docs/operations.md)."),
    )
