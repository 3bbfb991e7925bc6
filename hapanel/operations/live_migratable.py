"""Which of many guests could move live now, judged with a number of queries that does not grow.

`hapanel.operations.migrate.why_not_migratable` answers for one guest, with forecasts; a list of a
thousand guests asks here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from hapanel.ha import migration_refusals as no
from hapanel.ha.migration_facts import DiskFacts, GuestFacts, MigrationMode, MoveFacts
from hapanel.ha.preflight import judge
from hapanel.kernel.names import vmid_of
from hapanel.kernel.refusal import Refusal
from hapanel.operations.facts import cluster_facts, node_facts, rule_facts, storage_facts
from hapanel.operations.models import HOLDING_STATES, Operation
from nodes.metrics import GuestMetrics
from nodes.models import Cluster
from nodes.selectors import measured
from vms.models import Guest, HaResource
from vms.selectors import measured_guests


def why_not_live(guests: Sequence[Guest]) -> dict[int, Refusal | None]:
    """Primary key of each guest -> why it cannot move live to any node; None: it can.

    The guests should come with their cluster and disks loaded.
    """
    by_cluster: dict[int, list[Guest]] = defaultdict(list)
    for guest in guests:
        by_cluster[guest.cluster_id].append(guest)
    found: dict[int, Refusal | None] = {}
    for members in by_cluster.values():
        surroundings = _Surroundings(members[0].cluster, members)
        found |= {guest.pk: _first_hindrance(surroundings.facts_of(guest)) for guest in members}
    return found


def _first_hindrance(facts: MoveFacts) -> Refusal | None:
    """The first refusal of the most promising target; None when some target would do."""
    best: tuple[Refusal, ...] | None = None
    for node in facts.nodes:
        if node.name == facts.guest.node:
            continue
        near = {facts.guest.node, node.name}
        storages = tuple(each for each in facts.storages if each.node in near)
        refusals = judge(replace(facts, target=node.name, storages=storages)).refusals
        if not refusals:
            return None
        if best is None or len(refusals) < len(best):
            best = refusals
    if best is None:
        return no.UNKNOWN_TARGET(cluster=facts.cluster.name, node="-", nodes="-")
    return best[0]


class _Surroundings:
    """What the guests of one cluster have in common, read once."""

    def __init__(self, cluster: Cluster, guests: Iterable[Guest]) -> None:
        members = list(guests)
        figures = measured(cluster)
        self._cluster = cluster_facts(cluster)
        self._nodes = tuple(node_facts(node, figures) for node in cluster.nodes.all())
        self._storages = tuple(storage_facts(storage) for storage in cluster.storages.all())
        self._rules = tuple(rule_facts(rule) for rule in cluster.ha_rules.all())
        self._figures = measured_guests(cluster, [guest.vmid for guest in members])
        sids = [guest.sid for guest in members if guest.is_under_ha]
        states = HaResource.objects.filter(cluster=cluster, sid__in=sids)
        self._ha_states = dict(states.values_list("sid", "state"))
        held = Operation.objects.filter(
            cluster=cluster,
            state__in=HOLDING_STATES,
            vmid__in=[guest.vmid for guest in members],
        )
        self._operations = dict(held.values_list("vmid", "pk"))
        self._neighbours = self._where_neighbours_are(cluster)

    def _where_neighbours_are(self, cluster: Cluster) -> dict[str, str]:
        sids = {sid for rule in self._rules for sid in rule.resources}
        vmids = [vmid for sid in sids if (vmid := vmid_of(sid)) is not None]
        near = Guest.objects.filter(cluster=cluster, vmid__in=vmids, gone_at=None) if vmids else ()
        return {guest.sid: guest.node for guest in near}

    def facts_of(self, guest: Guest) -> MoveFacts:
        return MoveFacts(
            cluster=self._cluster,
            guest=self._guest_facts(guest, self._figures.get(guest.vmid)),
            target="",
            mode=MigrationMode.ONLINE,
            nodes=self._nodes,
            storages=self._storages,
            rules=self._rules,
            neighbours=self._neighbours,
            other_operation=self._operations.get(guest.vmid),
        )

    def _guest_facts(self, guest: Guest, figures: GuestMetrics | None) -> GuestFacts:
        disks = [
            DiskFacts(disk.key, disk.volume, disk.storage, disk.is_cdrom)
            for disk in guest.disks.all()
        ]
        under_ha = guest.is_under_ha
        return GuestFacts(
            vmid=guest.vmid,
            type=guest.guest_type,
            node=guest.node,
            status=guest.status,
            name=guest.name,
            template=guest.template,
            lock=guest.lock,
            ha_state=self._ha_states.get(guest.sid, guest.ha_state) if under_ha else "",
            maxmem=guest.maxmem,
            used_memory=figures.mem if figures else None,
            disks=tuple(disks) if guest.config_read_at is not None else None,
            passthrough=tuple(guest.passthrough),
        )
