"""/cluster/backup, backup-info, jobs, mapping, metrics: none is ever configured in the lab."""

from hapanel.lab.api.routing import AUDIT_CLUSTER, Call, api

Row = dict[str, object]


@api.on("GET", "/cluster/backup", needs=AUDIT_CLUSTER)
def backup_jobs(_call: Call) -> object:
    """Backup jobs."""
    return []


@api.on("GET", "/cluster/backup-info")
def backup_info_index(_call: Call) -> object:
    """Names of what there is below."""
    return [{"subdir": "not-backed-up"}]


@api.on("GET", "/cluster/backup-info/not-backed-up", protected=True)
def not_backed_up(call: Call) -> object:
    """Guests that no job covers: without jobs all that the caller may see."""
    rows: list[Row] = [
        {"vmid": guest.vmid, "name": guest.name, "type": guest.kind.value}
        for guest in call.world.guests.values()
        if call.may(f"/vms/{guest.vmid}", "VM.Audit")
    ]
    return call.shuffled(rows)


@api.on("GET", "/cluster/jobs")
def jobs_index(_call: Call) -> object:
    """Names of what there is below."""
    return [{"subdir": "schedule-analyze"}, {"subdir": "realm-sync"}]


@api.on("GET", "/cluster/jobs/realm-sync", needs=AUDIT_CLUSTER)
def realm_sync_jobs(_call: Call) -> object:
    """Jobs that copy users from a directory."""
    return []


@api.on("GET", "/cluster/metrics")
def metrics_index(_call: Call) -> object:
    """Names of what there is below."""
    return [{"name": "server"}]


@api.on("GET", "/cluster/metrics/server", needs=AUDIT_CLUSTER)
def metric_servers(_call: Call) -> object:
    """Servers that are told what is measured."""
    return []


@api.on("GET", "/cluster/mapping")
def mapping_index(_call: Call) -> object:
    """Names of what there is below."""
    return [{"name": "dir"}, {"name": "pci"}, {"name": "usb"}]


@api.on("GET", "/cluster/mapping/dir")
@api.on("GET", "/cluster/mapping/pci")
@api.on("GET", "/cluster/mapping/usb")
def mappings(_call: Call) -> object:
    """Devices of nodes that guests know by one name."""
    return []
