"""The scene of an act on a DRBD resource: from records for people, asked anew for the worker."""

from __future__ import annotations

from dataclasses import replace

from hapanel.drbd import refusals as no
from hapanel.drbd.actions import Scene
from hapanel.drbd.join import join
from hapanel.kernel.refusal import Refused
from hapanel.operations.work import Work
from hapanel.ports.node_shell import LvmReport
from nodes.models import Cluster
from vms.replication import Resource, replication_of


def recorded_resource(cluster: Cluster, name: str) -> Resource:
    """The resource as it was seen last. Raises Refused (404) when the cluster has none of the name,
    or is not seen over ssh."""
    found = replication_of(cluster).resource(name)
    if found is None:
        raise Refused(no.UNKNOWN_RESOURCE(cluster=cluster.name, resource=name))
    return found


def recorded_scene(resource: Resource, node: str) -> Scene:
    """The scene for people. Volume groups are read rarely, so whether they are active is left to
    the worker."""
    return Scene(node, resource.replication, resource.circumstances, resource.groups)


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
    """Those of the groups with a volume that is active."""
    active = {volume.vg for volume in report.volumes if volume.active}
    return tuple(group for group in groups if group in active)
