"""The records behind the watch over replication: what is to be watched, and where answers go."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import close_old_connections, transaction
from django.utils import timezone

from hapanel.accounts.vault import VaultLocked, keyed_digest, unseal
from hapanel.drbd.configuration.subject import GuestOn, Surroundings
from hapanel.drbd.redact import redact
from hapanel.live.stream import Kind
from hapanel.observe.events import Fact, Happening
from hapanel.observe.journal import Journal
from hapanel.observe.replication_files import read_configuration
from hapanel.observe.replication_health import judge_anew
from hapanel.observe.replication_sides import (
    happenings,
    is_told_by_other_end,
    without_figures,
)
from hapanel.observe.replication_watch import Plan
from hapanel.ports.errors import ClusterError
from hapanel.ports.node_shell import ConfigurationFile, HostKey, LvmReport, NodeDoor, SshLogin
from hapanel.ports.replication import NodeStatus, ResourceState, Role
from hapanel.ports.ssh_faults import fault_of
from nodes.models import Cluster, DrbdNode, DrbdResource, DrbdSide, Event, Node, SshAccess
from nodes.node_interfaces import addresses_by_node, interfaces_of, open_families_by_node
from nodes.replication_figures import note_status
from vms.replication import replication_of

# The later end of a link gives it up this much after the earlier one at most (ping-int, timeout).
ONE_CHANGE = timedelta(seconds=30)

logger = logging.getLogger(__name__)


class RecordedReplication:
    """The `ReplicationDesk` of the running panel; its methods block on the database and Redis."""

    def plans(self) -> tuple[Plan, ...]:
        """Every cluster with ssh switched on, in two queries."""
        close_old_connections()
        accesses = list(SshAccess.objects.filter(is_on=True).order_by())
        nodes = Node.objects.filter(cluster__in=[a.cluster_id for a in accesses]).exclude(ip="")
        by_cluster: dict[int, list[Node]] = {}
        for node in nodes.order_by("name"):
            by_cluster.setdefault(node.cluster_id, []).append(node)
        return tuple(
            plan
            for access in accesses
            if (plan := _plan(access, by_cluster.get(access.cluster_id, [])))
        )

    def saw(self, cluster_id: int, node: str, status: NodeStatus) -> None:
        """Record a node's whole answer."""
        close_old_connections()
        cluster = Cluster.objects.filter(pk=cluster_id).only("name").first()
        if cluster is None:
            return
        at, journal = timezone.now(), Journal()
        note_status(cluster_id, node, at, status)
        with transaction.atomic():
            _write_node(cluster, node, status, journal)
            changed = _write_sides(cluster, node, status, at, journal)
            judge_anew(cluster, at, journal)
            journal.hint(Kind.DRBD, changed or _moving(status))
            journal.write(cluster, at)

    def missed(self, cluster_id: int, node: str, error: ClusterError) -> None:
        """Record that a node is not seen over ssh, and why."""
        close_old_connections()
        cluster = Cluster.objects.filter(pk=cluster_id).only("name").first()
        if cluster is None:
            return
        at, journal = timezone.now(), Journal()
        fault = fault_of(node, error).as_record()
        with transaction.atomic():
            row = DrbdNode.objects.filter(cluster=cluster, node=node).first()
            if row is not None and row.fault == fault:
                return
            seen_at = row.last_seen_at if row and row.last_seen_at else at if row else None
            DrbdNode.objects.update_or_create(
                cluster=cluster, node=node, defaults={"fault": fault, "last_seen_at": seen_at}
            )
            if row is not None and row.fault is None:
                journal.tell([Happening(Fact.SSH_LOST, node, {"because": error.reason[:200]})])
            judge_anew(cluster, at, journal)
            journal.hint(Kind.DRBD, [""])
            journal.write(cluster, at)

    def read_files(self, cluster_id: int, node: str, files: tuple[ConfigurationFile, ...]) -> None:
        """Record a node's configuration, its secrets removed, with what lint says of it."""
        cluster = Cluster.objects.filter(pk=cluster_id).first()
        if cluster is None:
            return
        guests = {
            one.name: tuple(GuestOn(str(g), g.node if g.is_running else None) for g in one.guests)
            for one in replication_of(cluster).resources
            if one.guests
        }
        known = interfaces_of(cluster.nodes.order_by("name"), timezone.now())
        around = Surroundings(
            addresses=addresses_by_node(known),
            open_families=open_families_by_node(known),
            guests=guests,
        )

        def digest(secret: str, resource: str) -> str:
            return keyed_digest(secret, f"shared-secret of {resource} in cluster {cluster_id}")

        read = read_configuration(node, files, around, digest)
        _write_rare(
            cluster_id,
            node,
            files=read.files,
            findings=read.findings,
            configured=read.configured,
            secrets=read.secrets,
        )
        _name_configured(cluster, read.configured)

    def read_lvm(self, cluster_id: int, node: str, report: LvmReport) -> None:
        """Record a node's volume groups."""
        _write_rare(cluster_id, node, lvm=as_json(report))


def _plan(access: SshAccess, nodes: list[Node]) -> Plan | None:
    try:
        key = unseal(access.encrypted_key)
    except VaultLocked as locked:
        logger.warning("the ssh key of cluster %s: %s", access.cluster_id, locked)
        return None
    pins = {name: msgspec.convert(pin, HostKey) for name, pin in access.host_keys.items()}
    return Plan(
        cluster_id=access.cluster_id,
        login=SshLogin(user=access.user, private_key=key),
        doors=tuple(
            NodeDoor(node=node.name, host=node.ip, port=access.port, host_key=pins.get(node.name))
            for node in nodes
        ),
    )


def _write_node(cluster: Cluster, node: str, status: NodeStatus, journal: Journal) -> None:
    """That the node answers, and what it says of its DRBD as a whole."""
    said = {
        "fault": None,
        "last_seen_at": None,
        "drbd_version": (status.version or "")[:32],
        "complaint": _complaint(status),
    }
    row = DrbdNode.objects.filter(cluster=cluster, node=node).first()
    if row is not None and all(getattr(row, name) == value for name, value in said.items()):
        return
    DrbdNode.objects.update_or_create(cluster=cluster, node=node, defaults=said)
    if row is not None and row.fault is not None:
        journal.tell([Happening(Fact.SSH_REGAINED, node)])
    journal.hint(Kind.DRBD, [""])


def _complaint(status: NodeStatus) -> str:
    if status.error:
        return redact(status.error)[:300]
    return redact(status.not_understood[0].text)[:300] if status.not_understood else ""


def _write_sides(
    cluster: Cluster, node: str, status: NodeStatus, at: datetime, journal: Journal
) -> list[str]:
    """Write what changed of this node's side of each resource; the names of those resources."""
    rows = DrbdSide.objects.filter(resource__cluster=cluster, node=node)
    known = {row.resource.name: row for row in rows.select_related("resource")}
    changed = [
        state.name
        for state in status.resources
        if _write_side(cluster, node, known.get(state.name), state, at, journal)
    ]
    # An answer that was cut says nothing about what is missing from it.
    if status.complete and not status.error:
        told = {state.name for state in status.resources}
        changed += [name for name, row in known.items() if name not in told and _removed(row)]
    return changed


def _write_side(
    cluster: Cluster,
    node: str,
    row: DrbdSide | None,
    told: ResourceState,
    at: datetime,
    journal: Journal,
) -> bool:
    state = without_figures(told)
    said: dict[str, Any] = as_json(state)
    if row is not None and row.state == said:
        return False
    if row is None:
        resource, _ = DrbdResource.objects.get_or_create(cluster=cluster, name=told.name[:128])
        row = DrbdSide(resource=resource, node=node)
    else:
        journal.tell(_told_once(cluster, at, happenings(node, state_of(row), state)))
        # Until now it was Primary, or is from now on.
    was_primary = row.state.get("role") == Role.PRIMARY.value
    if row.state.get("role") != state.role.value:
        row.role_since = at
    if was_primary or state.role is Role.PRIMARY:
        row.last_primary_at = at
    row.state, row.changed_at = said, at
    row.save()
    return True


def _told_once(
    cluster: Cluster, at: datetime, happened: Iterable[Happening]
) -> Iterator[Happening]:
    """Both ends of a link see it change; its history has one line for that."""
    for one in happened:
        if one.fact is Fact.DRBD_LINK_CHANGED:
            earlier = Event.objects.filter(
                cluster=cluster, fact=one.fact, subject=one.subject, at__gte=at - ONE_CHANGE
            )
            if any(is_told_by_other_end(one, event.params) for event in earlier):
                continue
        yield one


def _removed(row: DrbdSide) -> bool:
    resource = row.resource
    row.delete()
    rows = DrbdNode.objects.filter(cluster=resource.cluster_id).values_list("configured", flat=True)
    if not resource.sides.exists() and not any(resource.name in named for named in rows):
        resource.delete()
    return True


def as_json(snapshot: msgspec.Struct) -> Any:
    """A snapshot as a database gives it back: lists, not tuples."""
    return msgspec.json.decode(msgspec.json.encode(snapshot))


def state_of(row: DrbdSide) -> ResourceState:
    """The state in a record."""
    return msgspec.convert(row.state, ResourceState)


def _name_configured(cluster: Cluster, names: Iterable[str]) -> None:
    """A resource that is configured is one, up or not; one that neither is up anywhere nor
    configured anywhere is gone."""
    for name in names:
        DrbdResource.objects.get_or_create(cluster=cluster, name=name[:128])
    rows = DrbdNode.objects.filter(cluster=cluster).values_list("configured", flat=True)
    named = {name for configured in rows for name in configured}
    DrbdResource.objects.filter(cluster=cluster, sides=None).exclude(name__in=named).delete()


def _moving(status: NodeStatus) -> list[str]:
    """Resources whose figures somebody may be watching move."""
    return [
        one.name
        for one in status.resources
        if any(v.percent is not None for peer in one.peers for v in peer.volumes)
    ]


def _write_rare(cluster_id: int, node: str, **said: Any) -> None:
    close_old_connections()
    cluster = Cluster.objects.filter(pk=cluster_id).only("name").first()
    row = DrbdNode.objects.filter(cluster_id=cluster_id, node=node).first()
    if cluster is None or row is None:
        return
    if all(getattr(row, name) == value for name, value in said.items()):
        return
    journal = Journal()
    with transaction.atomic():
        DrbdNode.objects.filter(pk=row.pk).update(**said)
        journal.hint(Kind.DRBD, [""])
        journal.write(cluster, timezone.now())
