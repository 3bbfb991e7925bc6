"""The scene of an act on a DRBD resource: from records for people, asked anew for the worker."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from hapanel.drbd import refusals as no
from hapanel.drbd.actions import Scene
from hapanel.drbd.join import join
from hapanel.kernel.refusal import Refused
from hapanel.live.stream import Kind, publish
from hapanel.operations.work import Work
from hapanel.ports.errors import ClusterError
from hapanel.ports.node_shell import LvmReport
from hapanel.ports.replication import Role
from nodes.models import Cluster, DrbdNode
from vms.replication import Resource, replication_of


def recorded_resource(cluster: Cluster, name: str) -> Resource:
    """The resource as it was seen last. Raises Refused (404) when the cluster has none of the name,
    or is not seen over ssh."""
    found = replication_of(cluster).resource(name)
    if found is None:
        raise Refused(no.UNKNOWN_RESOURCE(cluster=cluster.name, resource=name))
    return found


def recorded_scene(resource: Resource, node: str) -> Scene:
    """The scene for people, to judge a wish by. Volume groups are read rarely, so whether they are
    active is left to the worker."""
    return Scene(node, resource.replication, resource.circumstances, resource.groups)


def offered_scene(resource: Resource, node: str) -> Scene:
    """The scene for what is offered to people, with the groups that were active when they were read
    last. Nothing is open on a Secondary."""
    active = resource.active_groups.get(node)
    side = resource.replication.side(node)
    if side is not None and side.now is not None and side.now.role is Role.SECONDARY:
        active = ()
    return replace(recorded_scene(resource, node), active_groups=active)


def live_scene(work: Work, node: str, *, with_groups: bool) -> Scene:
    """The scene as the nodes tell of it now; guests from records, which are seconds old.

    Raises ClusterError when there is no way to the nodes, Refused when the resource is gone.
    """
    resource = recorded_resource(work.cluster, work.operation.resource)
    hands = work.doors.to_nodes(work.cluster)
    members = [side.node for side in resource.replication.sides]
    replication = join(resource.name, hands.look(), work.now, members)
    scene = replace(recorded_scene(resource, node), replication=replication)
    side = scene.side
    if with_groups and side is not None and side.now is not None:
        active = active_of(hands.lvm(node), scene.groups)
        scene = replace(scene, active_groups=active)
    return scene


def active_of(report: LvmReport, groups: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the groups with a volume that is active; one that is not told of is not."""
    return report.active(groups) or ()


def record_groups(work: Work, node: str) -> None:
    """Record the node's volume groups as they are after an order; a node that does not answer now
    is read again by whoever watches it."""
    try:
        report = work.doors.to_nodes(work.cluster).lvm(node)
    except ClusterError:
        return
    plain = msgspec.json.decode(msgspec.json.encode(report))
    DrbdNode.objects.filter(cluster=work.cluster, node=node).update(lvm=plain)
    publish([(work.cluster.name, Kind.DRBD, "")])
