"""Facts out of records: where a process starts comparing, and what it finds again later."""

from __future__ import annotations

from hapanel.observe.facts import GuestFacts, NodeFacts, Recorded, ServiceFacts, StorageFacts
from nodes.models import Cluster, Node, Storage
from vms.models import Guest, HaResource


def recorded_of(cluster: Cluster) -> Recorded:
    """Everything recorded of `cluster`; four queries. Guests that are gone are left out."""
    guests = Guest.objects.filter(cluster=cluster, gone_at=None).order_by()
    storages = Storage.objects.filter(cluster=cluster).order_by()
    return Recorded(
        nodes={row.name: node_facts_of(row) for row in Node.objects.filter(cluster=cluster)},
        guests={row.vmid: guest_facts_of(row) for row in guests},
        storages={(row.node, row.storage): storage_facts_of(row) for row in storages},
        services={
            row.sid: service_facts_of(row)
            for row in HaResource.objects.filter(cluster=cluster).order_by()
        },
    )


def node_facts_of(row: Node) -> NodeFacts:
    """The facts in a node's record."""
    return NodeFacts(
        name=row.name,
        status=row.status,
        node_id=row.node_id,
        ip=row.ip,
        maxcpu=row.maxcpu,
        maxmem=row.maxmem,
        lrm_state=row.lrm_state,
        lrm_dead=row.lrm_dead,
    )


def guest_facts_of(row: Guest) -> GuestFacts:
    """The facts in a guest's record."""
    return GuestFacts(
        vmid=row.vmid,
        type=row.type,
        node=row.node,
        status=row.status,
        name=row.name,
        lock=row.lock,
        tags=row.tags,
        template=row.template,
        maxcpu=row.maxcpu,
        maxmem=row.maxmem,
        maxdisk=row.maxdisk,
        ha_state=row.ha_state,
    )


def storage_facts_of(row: Storage) -> StorageFacts:
    """The facts in a storage's record."""
    return StorageFacts(
        node=row.node,
        storage=row.storage,
        status=row.status,
        type=row.type,
        shared=row.shared,
        content=row.content,
        total=row.total,
        used=row.used,
    )


def service_facts_of(row: HaResource) -> ServiceFacts:
    """The facts in an HA resource's record."""
    return ServiceFacts(
        sid=row.sid,
        node=row.node,
        state=row.state,
        crm_state=row.crm_state,
        request_state=row.request_state,
        max_restart=row.max_restart,
        max_relocate=row.max_relocate,
        failback=row.failback,
    )
