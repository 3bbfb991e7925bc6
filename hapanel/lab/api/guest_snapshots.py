"""/nodes/{node}/qemu|lxc/{vmid}/snapshot: taken, listed, described, deleted, gone back to."""

from functools import partial

from hapanel.lab.api.routing import AUDIT_GUEST, Call, Needs, api
from hapanel.lab.errors import died
from hapanel.lab.formats import CONFIG_ID
from hapanel.lab.guests.configured import Snapshot
from hapanel.lab.guests.snapshots import deletion, rollback, taking
from hapanel.lab.names import Kind
from hapanel.lab.schema import Param, flag, maybe
from hapanel.lab.world import Guest

Row = dict[str, object]

SNAPSHOT = Needs("/vms/{vmid}", ("VM.Snapshot",))
ROLLBACK = Needs("/vms/{vmid}", ("VM.Snapshot", "VM.Snapshot.Rollback"), any_of=True)
NAME = Param("snapname", max_length=40, **CONFIG_ID)
HERE = "You are here!"
_RESERVED = {Kind.QEMU: ("current", "pending"), Kind.LXC: ("current", "vzdump")}


@api.on(
    "GET", "/nodes/{node}/qemu/{vmid}/snapshot", needs=AUDIT_GUEST, proxied=True, protected=True
)
@api.on("GET", "/nodes/{node}/lxc/{vmid}/snapshot", needs=AUDIT_GUEST, proxied=True, protected=True)
def snapshot_list(call: Call) -> object:
    """All snapshots, and the present as if it were one."""
    guest = call.guest()
    rows: list[Row] = [_row(guest, snapshot) for snapshot in guest.snapshots.values()]
    current: Row = {
        "name": "current",
        "description": HERE,
        "digest": guest.digest(),
        "running": int(guest.is_running),
    }
    if guest.parent is not None:
        current["parent"] = guest.parent
    return [*rows, current]


def _row(guest: Guest, snapshot: Snapshot) -> Row:
    row: Row = {
        "name": snapshot.name,
        "description": snapshot.description,
        "snaptime": snapshot.time,
    }
    if guest.kind is Kind.QEMU:
        row["vmstate"] = int(snapshot.has_memory)
    return row if snapshot.parent is None else {**row, "parent": snapshot.parent}


@api.on(
    "POST",
    "/nodes/{node}/qemu/{vmid}/snapshot",
    needs=SNAPSHOT,
    proxied=True,
    params=[NAME, maybe("description"), flag("vmstate")],
)
@api.on(
    "POST",
    "/nodes/{node}/lxc/{vmid}/snapshot",
    needs=SNAPSHOT,
    proxied=True,
    params=[NAME, maybe("description")],
)
def snapshot_take(call: Call) -> object:
    """qmsnapshot or vzsnapshot; a name that is taken fails in the task."""
    name = call.text("snapname")
    if name in _RESERVED[call.kind]:
        raise died(f"unable to use snapshot name '{name}' (reserved name)")
    guest = call.guest()
    description = call.text("description")
    snapshot = Snapshot(name, 0, {}, description, has_memory=call.flag("vmstate"))
    work = taking(call.world, guest, snapshot, partial(call.need_writable_in_task, guest))
    return call.fork(f"{guest.kind.prefix}snapshot", guest.vmid, work)


@api.on("GET", "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}", params=[NAME])
@api.on("GET", "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}", params=[NAME])
def snapshot_index(_call: Call) -> object:
    """What there is of a snapshot."""
    return [{"cmd": "rollback"}, {"cmd": "config"}]


@api.on(
    "DELETE",
    "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}",
    needs=SNAPSHOT,
    proxied=True,
    params=[NAME, flag("force")],
)
@api.on(
    "DELETE",
    "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}",
    needs=SNAPSHOT,
    proxied=True,
    params=[NAME, flag("force")],
)
def snapshot_delete(call: Call) -> object:
    """qmdelsnapshot or vzdelsnapshot."""
    guest = call.guest()
    work = deletion(
        call.world, guest, call.text("snapname"), partial(call.need_writable_in_task, guest)
    )
    return call.fork(f"{guest.kind.prefix}delsnapshot", guest.vmid, work)


@api.on(
    "POST",
    "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/rollback",
    needs=ROLLBACK,
    proxied=True,
    params=[NAME, flag("start")],
)
@api.on(
    "POST",
    "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/rollback",
    needs=ROLLBACK,
    proxied=True,
    params=[NAME, flag("start")],
)
def snapshot_rollback(call: Call) -> object:
    """qmrollback or vzrollback."""
    guest = call.guest()
    start, writable = call.flag("start"), partial(call.need_writable_in_task, guest)
    if start:
        call.need(f"/vms/{guest.vmid}", "VM.PowerMgmt")
    work = rollback(call.world, guest, call.text("snapname"), writable, start=start)
    return call.fork(f"{guest.kind.prefix}rollback", guest.vmid, work)


@api.on("GET", "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/config", proxied=True, params=[NAME])
@api.on("GET", "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/config", proxied=True, params=[NAME])
def snapshot_config(call: Call) -> object:
    """The configuration of then; one of three privileges opens it."""
    vmid, name = call.number("vmid"), call.text("snapname")
    if not call.may(f"/vms/{vmid}", "VM.Snapshot", "VM.Snapshot.Rollback", "VM.Audit"):
        call.need(f"/vms/{vmid}", "VM.Snapshot|VM.Snapshot.Rollback|VM.Audit")
    snapshot = _named(call.guest(), name)
    more: Row = {"snaptime": snapshot.time, "description": snapshot.description}
    if snapshot.parent is not None:
        more["parent"] = snapshot.parent
    return {**snapshot.config, **more}


@api.on(
    "PUT",
    "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/config",
    needs=SNAPSHOT,
    proxied=True,
    params=[NAME, maybe("description")],
)
@api.on(
    "PUT",
    "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/config",
    needs=SNAPSHOT,
    proxied=True,
    params=[NAME, maybe("description")],
)
def snapshot_describe(call: Call) -> None:
    """Changes the description."""
    guest = call.guest()
    if guest.lock is not None:
        raise died(f"{guest.kind.label} is locked ({guest.lock})")
    snapshot = _named(guest, call.text("snapname"))
    call.need_writable(guest)
    if call.has("description"):
        snapshot.description = call.text("description")


def _named(guest: Guest, name: str) -> Snapshot:
    if name not in guest.snapshots:
        raise died(f"snapshot '{name}' does not exist")
    return guest.snapshots[name]
