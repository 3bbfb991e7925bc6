"""/cluster/replication, /nodes/{node}/replication. Only ZFS replicates; no lab node has it."""

from hapanel.lab.api.routing import Call, api
from hapanel.lab.errors import died, forbidden
from hapanel.lab.formats import NODE_NAME
from hapanel.lab.schema import Param, Type, flag, maybe

JOB_ID = Param("id", pattern=r"[1-9][0-9]{2,8}-\d{1,9}")
PROPERTIES = [
    maybe("comment", max_length=4096),
    flag("disable"),
    maybe("rate", Type.NUMBER, minimum=1),
    maybe("remove_job", enum=("local", "full")),
    maybe("schedule", max_length=128),
    maybe("source", **NODE_NAME),
]


@api.on("GET", "/cluster/replication")
def jobs(_call: Call) -> object:
    """All jobs."""
    return []


@api.on("GET", "/nodes/{node}/replication", proxied=True, protected=True,
        params=[maybe("guest", Type.INTEGER, minimum=100, maximum=999999999)])  # fmt: skip
def node_jobs(_call: Call) -> object:
    """Jobs of guests on that node with their state."""
    return []


def _guest_number(call: Call) -> int:
    return int(call.text("id").partition("-")[0])


def _need(call: Call, privilege: str) -> None:
    path = f"/vms/{_guest_number(call)}"
    if not call.may(path, privilege):
        raise forbidden(path, privilege)


@api.on("GET", "/cluster/replication/{id}", params=[JOB_ID])
def job(call: Call) -> object:
    """One job."""
    _need(call, "VM.Audit")
    raise died(f"no such replication job '{call.text('id')}'")


@api.on("GET", "/nodes/{node}/replication/{id}/status", proxied=True, protected=True,
        params=[JOB_ID])  # fmt: skip
def job_status(call: Call) -> object:
    """State of one job."""
    _need(call, "VM.Audit")
    raise died(f"no such replication job '{call.text('id')}'")


@api.on(
    "POST",
    "/cluster/replication",
    params=[
        JOB_ID, Param("target", **NODE_NAME), Param("type", enum=("local",)), *PROPERTIES,
    ],
)  # fmt: skip
def job_create(call: Call) -> None:
    """Refused for everything that can be asked for: last, because no volume can be replicated."""
    _need(call, "VM.Replicate")
    call.need_quorum()
    guest, target = call.world.guests.get(_guest_number(call)), call.text("target")
    if guest is None:
        raise died(f"Guest '{_guest_number(call)}' does not exist.")
    if target not in call.world.nodes:
        raise died(f"Target '{target}' does not exist.")
    if call.text("source", guest.node) != guest.node:
        words = "does not match current node of guest"
        raise died(f"Source '{call.text('source')}' {words} '{guest.vmid}' ({guest.node})")
    if target == guest.node:
        raise died("Source and target must not be identical")
    raise died("No replicatable volumes found")


@api.on(
    "PUT",
    "/cluster/replication/{id}",
    params=[
        JOB_ID, *PROPERTIES, maybe("delete", max_length=4096), maybe("digest", max_length=64),
    ],
)  # fmt: skip
@api.on("DELETE", "/cluster/replication/{id}", params=[JOB_ID, flag("force"), flag("keep")])
async def job_change(call: Call) -> None:
    """Changes or ends a job."""
    _need(call, "VM.Replicate")
    await call.need_lock("file-replication_cfg")
    raise died(f"no such job '{call.text('id')}'")
