"""/nodes/{node}/qemu|lxc/{vmid}/config and /pending: what a guest is made of."""

from collections.abc import Iterable, Mapping

from hapanel.lab.api.routing import AUDIT_GUEST, Call, Needs, api, not_implemented
from hapanel.lab.errors import TaskFailed, bad_parameters, died
from hapanel.lab.formats import CONFIG_ID, STORAGE_ID
from hapanel.lab.guests import config as configuration
from hapanel.lab.guests.drives import Allocator, let_go, wish_of, wishes
from hapanel.lab.guests.flock import LockTimeout, config_lock
from hapanel.lab.guests.options import CT_OPTIONS, NAMES, ROOT_ONLY, VM_OPTIONS, privilege_of
from hapanel.lab.guests.sizes import MIB, is_disk_key
from hapanel.lab.names import Kind
from hapanel.lab.schema import Param, Type, flag, items_of, maybe
from hapanel.lab.tasks import Task
from hapanel.lab.world import Guest

Options = dict[str, object]

_PRIVILEGES = (
    "VM.Config.Disk", "VM.Config.CDROM", "VM.Config.CPU", "VM.Config.Memory", "VM.Config.Network",
    "VM.Config.HWType", "VM.Config.Options", "VM.Config.Cloudinit",
)  # fmt: skip
_CT_PRIVILEGES = (
    "VM.Config.Disk", "VM.Config.CPU", "VM.Config.Memory", "VM.Config.Network",
    "VM.Config.Options",
)  # fmt: skip
CHANGE_VM = Needs("/vms/{vmid}", _PRIVILEGES, any_of=True)
CHANGE_CT = Needs("/vms/{vmid}", _CT_PRIVILEGES, any_of=True)
_READ_PARAMS = [flag("current"), maybe("snapshot", max_length=40)]
_CHANGE_PARAMS = [
    maybe("delete", **CONFIG_ID, many=True),
    maybe("digest", max_length=40),
    maybe("revert", **CONFIG_ID, many=True),
]
_FORCE = maybe("force", Type.BOOLEAN, requires="delete")
_VM_CHANGE_PARAMS = [*_CHANGE_PARAMS, _FORCE, flag("skiplock"), *VM_OPTIONS]
_OPTIONS = {
    Kind.QEMU: {param.name: param for param in VM_OPTIONS},
    Kind.LXC: {param.name: param for param in CT_OPTIONS},
}
_DIGEST_WORDS = {
    Kind.QEMU: "checksum mismatch (file change by other user?)",
    Kind.LXC: "detected modified configuration - file changed by other user? Try again.",
}


@api.on(
    "GET",
    "/nodes/{node}/qemu/{vmid}/config",
    needs=AUDIT_GUEST,
    proxied=True,
    params=_READ_PARAMS,
)
@api.on(
    "GET",
    "/nodes/{node}/lxc/{vmid}/config",
    needs=AUDIT_GUEST,
    proxied=True,
    params=_READ_PARAMS,
)
def guest_config(call: Call) -> object:
    """The configuration as the next start will have it, with `current` as it is; and its digest."""
    if call.flag("current") and call.has("snapshot"):
        raise bad_parameters({"snapshot": "cannot use 'snapshot' parameter with 'current'"})
    guest = call.guest()
    if call.has("snapshot"):
        snapshot = guest.snapshots.get(call.text("snapshot"))
        if snapshot is None:
            raise died(f"snapshot '{call.text('snapshot')}' does not exist")
        more: Options = {"parent": snapshot.parent} if snapshot.parent else {}
        return {**snapshot.config, **more, "snaptime": snapshot.time, "digest": guest.digest()}
    config = guest.config if call.flag("current") else configuration.with_pending(guest)
    marks = {"lock": guest.lock, "parent": guest.parent}
    shown = {key: value for key, value in marks.items() if value is not None}
    return {**config, **shown, "digest": guest.digest()}


@api.on("GET", "/nodes/{node}/qemu/{vmid}/pending", needs=AUDIT_GUEST, proxied=True)
@api.on("GET", "/nodes/{node}/lxc/{vmid}/pending", needs=AUDIT_GUEST, proxied=True)
def guest_pending(call: Call) -> object:
    """The configuration as a list of options, with what waits for the next start."""
    return call.shuffled(configuration.pending_rows(call.guest()))


@api.on(
    "PUT",
    "/nodes/{node}/qemu/{vmid}/config",
    needs=CHANGE_VM,
    proxied=True,
    params=_VM_CHANGE_PARAMS,
)
@api.on(
    "PUT",
    "/nodes/{node}/lxc/{vmid}/config",
    needs=CHANGE_CT,
    proxied=True,
    params=[*_CHANGE_PARAMS, *CT_OPTIONS],
)
async def guest_config_put(call: Call) -> None:
    """Changes options at once."""
    await _change_locked(call)


@api.on(
    "PUT",
    "/nodes/{node}/qemu/{vmid}/unlink",
    needs=Needs("/vms/{vmid}", ("VM.Config.Disk",)),
    proxied=True,
    params=[Param("idlist", **CONFIG_ID, many=True), flag("force")],
)
async def vm_unlink(call: Call) -> None:
    """Takes disks out, as `delete` does; with `force` their volumes go too."""
    call.values["delete"] = call.values.pop("idlist")
    await _change_locked(call)


@api.on(
    "POST",
    "/nodes/{node}/qemu/{vmid}/config",
    needs=CHANGE_VM,
    proxied=True,
    params=[
        *_VM_CHANGE_PARAMS,
        maybe("background_delay", Type.INTEGER, minimum=1, maximum=30),
        maybe("import-working-storage", **STORAGE_ID),
    ],
)
async def vm_config_post(call: Call) -> object:
    """The same in a task; with `background_delay` null when it is done by then."""
    if call.has("background_delay"):
        await _change_locked(call)
        return None
    _check_order(call)
    guest = call.guest()
    _check_state(call, guest)

    async def work(task: Task) -> None:
        try:
            async with config_lock(call.world, guest, task.print):
                _apply(call, guest, task.print)
        except (LockTimeout, ValueError) as fault:
            raise TaskFailed(str(fault)) from fault

    return call.fork("qmconfig", guest.vmid, work)


async def _change_locked(call: Call) -> None:
    _check_order(call)
    guest = call.guest()
    try:
        async with config_lock(call.world, guest):
            _check_state(call, guest)
            _apply(call, guest, lambda _line: None)
    except (LockTimeout, ValueError) as fault:
        raise died(str(fault)) from fault


def options_of(call: Call) -> Options:
    """The options of the configuration among the parameters, as they are stored."""
    declared = _OPTIONS[call.kind]
    return {
        key: configuration.stored(declared[key], value)
        for key, value in call.values.items()
        if key in declared
    }


def _deleted(call: Call) -> list[str]:
    return ["ide2" if key == "cdrom" else key for key in items_of(call.text("delete"))]


def _check_order(call: Call) -> None:
    """What is refused before the configuration is even read."""
    if call.flag("skiplock") and not call.principal.is_root_itself:
        raise bad_parameters({"skiplock": "Only root may use this option."})
    options, deleted = options_of(call), _deleted(call)
    reverted = items_of(call.text("revert"))
    if not options and not deleted and not reverted:
        raise died("no options specified")
    _check_names(call, options, deleted, reverted)
    check_options(call, [*deleted, *options])
    check_disks(call, options)


def _check_names(
    call: Call, options: Options, deleted: Iterable[str], reverted: Iterable[str]
) -> None:
    for key in reverted:
        if key not in NAMES[call.kind]:
            raise bad_parameters({"revert": f"unknown option '{key}'"})
        if key in options:
            raise bad_parameters(
                {"revert": f"you can't use '-{key}' and '-revert {key}' at the same time"}
            )
    for key in deleted:
        if key in options:
            raise bad_parameters(
                {"delete": f"you can't use '-{key}' and -delete {key}' at the same time"}
            )
        if key not in NAMES[call.kind]:
            raise bad_parameters({"delete": f"unknown option '{key}'"})


def check_options(call: Call, options: Iterable[str]) -> None:
    """Each option needs its own privilege; some are root's alone."""
    place = f"/vms/{call.number('vmid')}"
    for key in sorted(options):
        if key in ROOT_ONLY and not call.principal.is_root_itself:
            raise died(f"only root can set '{key}' config")
        call.need(place, privilege_of(call.kind, key))


def check_disks(call: Call, options: Mapping[str, object]) -> None:
    """A new disk needs room on a storage that is here and takes disks of such guests."""
    content, what = ("images", "vm images"), "storage"
    if call.kind is Kind.LXC:
        content = ("rootdir", "container directories")
    for wish in wishes(options.items()):
        if "import-from" in wish.values:
            raise not_implemented(call.route.method, call.route.path.format_map(call.values))
        if wish.volid.startswith("/") and not call.principal.is_root_itself:
            raise died("Only root can pass arbitrary filesystem paths.")
        if wish.size is None or wish.storage is None:
            continue
        call.need(f"/storage/{wish.storage}", "Datastore.AllocateSpace")
        storage = call.world.storages.get(wish.storage)
        if storage is None:
            raise died(f"storage '{wish.storage}' does not exist")
        if content[0] not in storage.content.split(","):
            raise bad_parameters({what: f"storage '{wish.storage}' does not support {content[1]}"})
        if not storage.is_on(call.node):
            raise died(f"storage '{wish.storage}' is not available on node '{call.node}'")


def _check_state(call: Call, guest: Guest) -> None:
    """What the configuration itself has against a change."""
    if call.has("digest") and call.text("digest") != guest.digest():
        raise died(_DIGEST_WORDS[guest.kind])
    if guest.lock is not None and not call.flag("skiplock"):
        raise died(f"{guest.kind.label} is locked ({guest.lock})")
    balloon = call.number("balloon")
    memory = call.text("memory").removeprefix("current=")
    if balloon and balloon * MIB > (int(memory) * MIB if memory else guest.memory):
        raise died("balloon value too large (must be smaller than assigned memory)")
    if guest.config.get("protection"):
        for key in _deleted(call):
            if is_disk_key(key):
                unused = "unused disk" if key.startswith("unused") else "drive"
                raise died(f"can't remove {unused} '{key}' - protection mode enabled")
    call.need_writable(guest)


def _apply(call: Call, guest: Guest, say: configuration.Say) -> None:
    configuration.revert(guest, items_of(call.text("revert")))
    values = options_of(call)
    if "description" in values:
        values["description"] = configuration.description(guest.kind, str(values["description"]))
    lock = values.pop("lock", None)
    deleted = _deleted(call)
    _apply_disks(call, guest, values, deleted, say)
    _apply_cards(call, guest, values)
    if lock is not None or "lock" in deleted:
        guest.lock = None if lock is None else str(lock)
    configuration.change(guest, values, [key for key in deleted if key != "lock"])


def _apply_disks(
    call: Call, guest: Guest, values: Options, deleted: list[str], say: configuration.Say
) -> None:
    allocator = Allocator(call.world, guest, say)
    for key in [key for key in values if is_disk_key(key)]:
        entry = allocator.entry(wish_of(key, str(values[key])))
        if str(guest.config.get(key, "")).split(",")[0] != entry.split(",")[0]:
            let_go(guest, key)
        values[key] = entry
    for key in [key for key in deleted if is_disk_key(key)]:
        if call.flag("force"):
            guest.config.pop(key, None)
        let_go(guest, key)
        deleted.remove(key)


def _apply_cards(call: Call, guest: Guest, values: Options) -> None:
    prefix = str(call.world.options.get("mac_prefix", "BC:24:11"))
    for key in [key for key in values if key.rstrip("0123456789") == "net"]:
        mac = configuration.mac_of(prefix, f"{call.world.random.random()}")
        values[key] = configuration.net_entry(guest.kind, str(values[key]), mac)
