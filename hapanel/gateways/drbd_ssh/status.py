"""A node's DRBD state in as few commands as its series needs.

9 tells all in one JSON. 8.4 tells states in text, and a sync's total and StandAlone links only in
/proc/drbd. Generation ids come from a third command, asked only while a link does not stand.
"""

from __future__ import annotations

from msgspec.structs import replace

from hapanel.drbd.decode.combine import with_generations, with_proc_drbd
from hapanel.drbd.decode.generations import generations
from hapanel.drbd.decode.proc_drbd import proc_drbd
from hapanel.drbd.decode.status_json import status_json
from hapanel.drbd.decode.status_text import status_text
from hapanel.gateways.drbd_ssh.connection import Connection
from hapanel.gateways.drbd_ssh.permitted import good_output, text_of
from hapanel.ports.replication import ConnectionState, NodeStatus, ResourceState, Series
from hapanel.ports.ssh_errors import (
    CommandFailed,
)

PROC = "cat /proc/drbd"
TEXT = "drbdsetup status --verbose --statistics"
JSON = "drbdsetup status --json --verbose --statistics"
# A node with very many broken links is asked for the ids of so many resources at most.
MOST_IDS = 20


async def read_status(connection: Connection) -> NodeStatus:
    """Everything that DRBD tells of itself; where it does not run, `error` says so.

    Raises Unreachable, Garbage, ScriptOlder.
    """
    try:
        proc = proc_drbd(text_of(await good_output(connection, PROC)))
    except CommandFailed as error:
        # Without the module there is no such file; asking drbdsetup would load it (8.4).
        return NodeStatus(error=error.reason)
    is_9 = proc.series is Series.V9
    try:
        said = text_of(await good_output(connection, JSON if is_9 else TEXT))
    except CommandFailed as error:
        return NodeStatus(error=error.reason, series=proc.series, version=proc.version)
    status = with_proc_drbd(status_json(said) if is_9 else status_text(said), proc)
    return await _with_ids(connection, status)


async def _with_ids(connection: Connection, status: NodeStatus) -> NodeStatus:
    broken = [one.name for one in status.resources if not _stands(one)][:MOST_IDS]
    ids = {}
    for name in broken:
        try:
            said = text_of(await good_output(connection, f"drbdadm get-gi {name}"))
        except CommandFailed:
            continue  # evidence that is missing is no fault of the status
        ids[name] = generations(said)
    if not ids:
        return status
    return replace(
        status,
        resources=tuple(
            with_generations(one, ids[one.name]) if one.name in ids else one
            for one in status.resources
        ),
    )


def _stands(resource: ResourceState) -> bool:
    return all(peer.connection_state is ConnectionState.CONNECTED for peer in resource.peers)
