"""The scenes of replication one after another, on the paper's cluster, for somebody who looks."""

from __future__ import annotations

from django.utils import timezone

from hapanel.access import Role
from hapanel.drbd.recording import nodes_of, read_recording
from hapanel.observe.replication_desk import RecordedReplication
from nodes.models import Cluster, DrbdNode
from tests.clusterubd import papers_cluster, person
from tests.machine import FACTS
from tests.replication_scenes import SCENES, play, start_over


class Gallery:
    """Shows one state at a time, made up or recorded."""

    def __init__(self, recorded: bool) -> None:
        person("oda", Role.OPERATOR)
        self._cluster = papers_cluster()
        self._scenes = {} if recorded else {scene.name: scene for scene in SCENES}
        files = sorted((FACTS / "drbd").glob("drbd*/*.json")) if recorded else []
        self._files = {f"{file.parent.name}/{file.stem}": file for file in files}
        self.names = [*self._scenes, *self._files]

    def show(self, name: str) -> None:
        """Let the records say this, as of now."""
        Cluster.objects.update(observed_at=timezone.now(), ha_seen_at=timezone.now())
        if name in self._scenes:
            play(self._cluster, self._scenes[name])
        else:
            self._tell(name)

    def _tell(self, name: str) -> None:
        start_over(self._cluster, ("master", "slave"), shared=False)
        desk = RecordedReplication()
        for one in nodes_of(read_recording(self._files[name].read_bytes())):
            desk.saw(self._cluster.pk, one.node, one.status)
            meant = {
                m.name: {"members": list(m.members), "dual_primary": m.dual_primary}
                for m in one.configured
            }
            DrbdNode.objects.filter(cluster=self._cluster, node=one.node).update(configured=meant)
            desk.saw(self._cluster.pk, one.node, one.status)
