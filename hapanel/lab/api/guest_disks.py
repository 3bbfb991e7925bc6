"""/nodes/{node}/qemu|lxc/{vmid}/resize, feature, template and clone: disks, and what they can."""

from hapanel.lab.api.routing import AUDIT_GUEST, VMID, Call, Needs, api, not_implemented
from hapanel.lab.errors import TaskFailed, bad_parameters, died
from hapanel.lab.formats import CONFIG_ID, STORAGE_ID
from hapanel.lab.guests.drives import grow
from hapanel.lab.guests.flock import LockTimeout, config_lock
from hapanel.lab.guests.formats import dns_name
from hapanel.lab.guests.options import CT_DISK_KEYS, VM_DISK_KEYS
from hapanel.lab.guests.sizes import is_disk, parse_size, size_of_disk
from hapanel.lab.guests.snapshots import has_feature
from hapanel.lab.guests.volumes import format_of
from hapanel.lab.migration.disks import local_disks_of
from hapanel.lab.names import Kind
from hapanel.lab.power import check_lock
from hapanel.lab.schema import Param, Type, flag, maybe
from hapanel.lab.tasks import Task
from hapanel.lab.world import Guest

RESIZE_SECONDS = 0.5
DISKS = Needs("/vms/{vmid}", ("VM.Config.Disk",))
TEMPLATE = Needs("/vms/{vmid}", ("VM.Allocate",))
_SIZE = Param("size", pattern=r"\+?\d+(\.\d+)?[KMGT]?")
_DIGEST = maybe("digest", max_length=40)


@api.on(
    "PUT",
    "/nodes/{node}/qemu/{vmid}/resize",
    needs=DISKS,
    proxied=True,
    params=[Param("disk", enum=VM_DISK_KEYS), _SIZE, _DIGEST, flag("skiplock")],
)
def vm_resize(call: Call) -> object:
    """A task, in which everything may go wrong, an unknown guest too."""
    if call.flag("skiplock") and not call.principal.is_root_itself:
        raise bad_parameters({"skiplock": "Only root may use this option."})
    vmid, node, skip = call.number("vmid"), call.text("node"), call.flag("skiplock")

    async def work(task: Task) -> None:
        guest = call.world.guests.get(vmid)
        if guest is None or guest.node != node or guest.kind is not Kind.QEMU:
            file = f"nodes/{node}/qemu-server/{vmid}.conf"
            raise TaskFailed(f"Configuration file '{file}' does not exist")
        try:
            async with config_lock(call.world, guest, task.print):
                if call.has("digest") and call.text("digest") != guest.digest():
                    raise TaskFailed("checksum mismatch (file change by other user?)")
                if not skip:
                    check_lock(guest)
                size = _new_size(call, guest)
                call.need_writable_in_task(guest)
                await call.world.clock.pass_time(RESIZE_SECONDS)
                grow(guest, call.text("disk"), size)
        except (ValueError, LockTimeout) as fault:
            raise TaskFailed(str(fault)) from fault

    return call.fork("resize", vmid, work)


@api.on(
    "PUT",
    "/nodes/{node}/lxc/{vmid}/resize",
    needs=DISKS,
    proxied=True,
    params=[Param("disk", enum=CT_DISK_KEYS), _SIZE, _DIGEST],
)
def ct_resize(call: Call) -> object:
    """Unlike a VM's it is refused before there is a task."""
    guest = call.guest()
    if guest.lock is not None:
        raise died(f"CT is locked ({guest.lock})")
    if call.has("digest") and call.text("digest") != guest.digest():
        raise died("detected modified configuration - file changed by other user? Try again.")
    try:
        size = _new_size(call, guest)
    except ValueError as fault:
        raise died(str(fault)) from fault
    call.need_writable(guest)

    async def work(_task: Task) -> None:
        await call.world.clock.pass_time(RESIZE_SECONDS)
        grow(guest, call.text("disk"), size)

    return call.fork("resize", guest.vmid, work)


def _new_size(call: Call, guest: Guest) -> int:
    """Bytes; raises ValueError for what cannot be."""
    key, text = call.text("disk"), call.text("size")
    entry = guest.config.get(key)
    if entry is None:
        raise ValueError(f"disk '{key}' does not exist")
    if not is_disk(key, entry):
        raise ValueError("you can't resize a cdrom")
    if guest.snapshots and format_of(str(entry).split(",")[0]) == "qcow2":
        raise ValueError(f"can't resize volume: {key} if snapshot exists")
    now = size_of_disk(str(entry))
    size = parse_size(text.removeprefix("+")) or 0
    size = now + size if text.startswith("+") else size
    if size < now:
        raise ValueError("shrinking disks is not supported")
    return size


@api.on(
    "GET",
    "/nodes/{node}/qemu/{vmid}/feature",
    needs=AUDIT_GUEST,
    proxied=True,
    protected=True,
    params=[
        Param("feature", enum=("snapshot", "clone", "copy")),
        maybe("snapname", max_length=40, **CONFIG_ID),
    ],
)
@api.on(
    "GET",
    "/nodes/{node}/lxc/{vmid}/feature",
    needs=AUDIT_GUEST,
    proxied=True,
    protected=True,
    params=[
        Param("feature", enum=("snapshot", "clone", "copy")),
        maybe("snapname", max_length=40, **CONFIG_ID),
    ],
)
def guest_feature(call: Call) -> object:
    """Whether all disks can do it, and on which nodes their storages are."""
    guest = call.guest()
    if call.has("snapname") and call.text("snapname") not in guest.snapshots:
        raise died(f"snapshot '{call.text('snapname')}' does not exist")
    wanted = call.text("feature")
    can = {"snapshot": has_feature(call.world, guest), "copy": True, "clone": guest.is_template}
    storages = [
        call.world.storages[str(value).partition(":")[0]]
        for key, value in guest.config.items()
        if is_disk(key, value) and str(value).partition(":")[0] in call.world.storages
    ]
    shared = all(storage.shared for storage in storages)
    nodes = list(call.world.nodes) if shared else [guest.node]
    nodes = [name for name in nodes if all(storage.is_on(name) for storage in storages)]
    answer: dict[str, object] = {"hasFeature": int(can[wanted])}
    return answer | ({"nodes": nodes} if call.kind is Kind.QEMU else {})


@api.on(
    "POST",
    "/nodes/{node}/qemu/{vmid}/template",
    needs=TEMPLATE,
    proxied=True,
    params=[maybe("disk", enum=VM_DISK_KEYS)],
)
def vm_template(call: Call) -> object:
    """qmtemplate: disks become base images, and the guest never starts again."""
    guest = _may_become_template(call, "VM", "you can't convert a VM to template if VM is running")

    async def work(_task: Task) -> None:
        await call.world.clock.pass_time(RESIZE_SECONDS)
        _make_template(guest)

    return call.fork("qmtemplate", guest.vmid, work)


@api.on("POST", "/nodes/{node}/lxc/{vmid}/template", needs=TEMPLATE, proxied=True)
def ct_template(call: Call) -> None:
    """A container's has no task."""
    running = "you can't convert a CT to template if the CT is running"
    _make_template(_may_become_template(call, "CT", running))


def _may_become_template(call: Call, label: str, running: str) -> Guest:
    guest = call.guest()
    if guest.lock is not None:
        raise died(f"{label} is locked ({guest.lock})")
    if guest.snapshots:
        raise died(f"unable to create template, because {label} contains snapshots")
    if guest.is_template:
        raise died("you can't convert a template to a template")
    if guest.is_running:
        raise died(running)
    call.need_writable(guest)
    return guest


def _make_template(guest: Guest) -> None:
    for key, value in guest.config.items():
        if is_disk(key, value):
            volid, comma, rest = str(value).partition(",")
            guest.config[key] = volid.replace("vm-", "base-", 1) + comma + rest
    guest.config["template"] = 1


@api.on(
    "POST",
    "/nodes/{node}/qemu/{vmid}/clone",
    proxied=True,
    needs=Needs("/vms/{vmid}", ("VM.Clone",)),
    params=[
        Param("newid", Type.INTEGER, minimum=VMID.minimum, maximum=VMID.maximum),
        maybe("bwlimit", Type.INTEGER, minimum=0),
        maybe("description"),
        maybe("format", enum=("raw", "qcow2", "vmdk")),
        flag("full"),
        maybe("name", check=dns_name),
        maybe("pool"),
        maybe("snapname", max_length=40, **CONFIG_ID),
        maybe("storage", **STORAGE_ID),
        maybe("target"),
    ],
)
def vm_clone(call: Call) -> object:
    """Only the refusals: what could be cloned is answered like a method that is not there."""
    call.need(f"/vms/{call.number('newid')}", "VM.Allocate")
    guest = call.world.guests.get(call.number("vmid"))
    node = call.text("node")
    if guest is None or guest.kind is not Kind.QEMU or guest.node != node:
        vmid = call.number("vmid")
        raise died(f"unable to find configuration file for VM {vmid} on node '{node}'")
    _check_clone(call, guest)
    raise not_implemented("POST", f"/nodes/{node}/qemu/{guest.vmid}/clone")


def _check_clone(call: Call, guest: Guest) -> None:
    target, newid, name = call.text("target"), call.number("newid"), call.text("snapname")
    if target and target not in call.world.nodes:
        raise died(f"no such cluster node '{target}'")
    storage = call.world.storages.get(call.text("storage"))
    if call.has("storage") and storage is None:
        raise died(f"storage '{call.text('storage')}' does not exist")
    call.need_quorum()
    if guest.lock is not None:
        raise died(f"VM is locked ({guest.lock})")
    if name and name not in guest.snapshots:
        raise died(f"snapshot '{name}' does not exist")
    if target not in ("", guest.node) and local_disks_of(call.world, guest):
        raise died(f"can't clone VM to node '{target}' (VM uses local storage)")
    if newid in call.world.guests:
        raise died(f"unable to create VM {newid}: config file already exists")
