"""POST /nodes/{node}/vzdump: guests of a node are copied into archives."""

from hapanel.ha.engine.words import Requested
from hapanel.lab.api.routing import Call, api
from hapanel.lab.backup.job import TASK_TYPE, dumping
from hapanel.lab.backup.order import COMPRESSORS, DEFAULT_STORAGE, MODES, SNAPSHOT, DumpOrder, Rules
from hapanel.lab.backup.retention import PRUNE, keep_of
from hapanel.lab.errors import bad_parameters
from hapanel.lab.formats import NODE_NAME, STORAGE_ID, VMID_LIST
from hapanel.lab.properties import Format
from hapanel.lab.schema import Type, flag, items_of, maybe
from hapanel.lab.world import Guest

COMMAND_LINE_ONLY = "option is only allowed on the command line interface."
ROOTS = ("tmpdir", "dumpdir", "script", "job-id")
LIMITING = ("bwlimit", "ionice", "performance")
PLACES = ("dumpdir", "script", "tmpdir")
FLEECING = Format((flag("enabled"), maybe("storage", **STORAGE_ID)), bare="enabled")


@api.on(
    "POST",
    "/nodes/{node}/vzdump",
    proxied=True,
    params=[
        maybe("node", **NODE_NAME),
        flag("all"),
        maybe("bwlimit", Type.INTEGER, minimum=0),
        maybe("compress", enum=tuple(COMPRESSORS)),
        maybe("dumpdir"),
        maybe("exclude", **VMID_LIST),
        maybe("exclude-path", Type.ARRAY),
        maybe("fleecing", check=FLEECING.checker()),
        maybe("ionice", Type.INTEGER, minimum=0, maximum=8),
        maybe("job-id", max_length=50, pattern=r"\S+"),
        maybe("lockwait", Type.INTEGER, minimum=0),
        maybe("mailnotification", enum=("always", "failure")),
        maybe("mailto"),
        maybe("mode", enum=MODES),
        maybe("notes-template", max_length=1024, requires="storage"),
        maybe("notification-mode", enum=("auto", "legacy-sendmail", "notification-system")),
        maybe("pbs-change-detection-mode", enum=("legacy", "data", "metadata")),
        maybe("performance"),
        maybe("pigz", Type.INTEGER),
        maybe("pool"),
        maybe("protected", Type.BOOLEAN, requires="storage"),
        maybe("prune-backups", check=PRUNE.checker()),
        flag("quiet"),
        flag("remove"),
        maybe("script"),
        flag("stdexcludes"),
        flag("stdout"),
        flag("stop"),
        maybe("stopwait", Type.INTEGER, minimum=0),
        maybe("storage", **STORAGE_ID),
        maybe("tmpdir"),
        maybe("vmid", **VMID_LIST),
        maybe("zstd", Type.INTEGER),
    ],
)
async def vzdump(call: Call) -> object:
    """vzdump, or the word OK when all guests that were named are on other nodes."""
    _check(call)
    here, elsewhere = _sorted_out(call)
    if call.flag("stop"):
        call.need(f"/nodes/{call.node}", "Sys.Modify")
        await _stop_running(call)
    if not here and (call.flag("stop") or not _everyone(call)):
        return "OK"
    for storage in (call.text("storage", DEFAULT_STORAGE), *_fleecing_storage(call)):
        call.need(f"/storage/{storage}", "Datastore.AllocateSpace")
    work = dumping(call.world, call.node, _order(call, here, elsewhere), _rules(call))
    return call.fork(TASK_TYPE, here[0] if len(here) == 1 else "", work)


def _check(call: Call) -> None:
    if call.flag("stdout"):
        raise bad_parameters({"stdout": COMMAND_LINE_ONLY})
    if not call.principal.is_root_itself:
        _check_limits_of_others(call)
    for name, given in (
        ("all", call.flag("all")), ("exclude", call.text("exclude")), ("pool", call.text("pool")),
    ):  # fmt: skip
        if call.has("vmid") and given:
            raise bad_parameters({name: "option conflicts with option 'vmid'"})
    if "\n" in call.text("notes-template"):
        raise bad_parameters({"notes-template": "contains a line feed"})
    if not (call.has("vmid") or call.has("pool") or _everyone(call) or call.flag("stop")):
        raise bad_parameters({"vmid": "property is missing"})


def _check_limits_of_others(call: Call) -> None:
    """What is root's alone, and what takes more than the right to back up."""
    for name in ROOTS:
        if call.has(name):
            raise bad_parameters({name: "Only root may set this option."})
    if any(call.has(name) for name in LIMITING):
        call.need("/", "Sys.Modify")
    if call.has("prune-backups"):
        call.need(f"/storage/{call.text('storage', DEFAULT_STORAGE)}", "Datastore.Allocate")


def _fleecing_storage(call: Call) -> list[str]:
    values = FLEECING.parse(call.text("fleecing"))
    return [values["storage"]] if "storage" in values else []


def _everyone(call: Call) -> bool:
    return call.flag("all") or (call.has("exclude") and not call.has("pool"))


def _sorted_out(call: Call) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Guests that are asked for: of this node (or of none: they fail visibly), and of others."""
    guests = call.world.guests
    excluded = {int(item) for item in items_of(call.text("exclude"))}
    pool = call.world.accounts.pools.get(call.text("pool"))
    if call.has("pool"):
        asked = set(pool.vms if pool else ())
    elif call.has("vmid"):
        asked = {int(item) for item in items_of(call.text("vmid"))}
    else:
        asked = set(guests) - excluded if _everyone(call) else set()
    elsewhere = {vmid for vmid in asked if vmid in guests and guests[vmid].node != call.node}
    return tuple(sorted(asked - elsewhere)), tuple(sorted(elsewhere))


def _order(call: Call, here: tuple[int, ...], elsewhere: tuple[int, ...]) -> DumpOrder:
    keep = keep_of(call.text("prune-backups")) if call.has("prune-backups") else None
    return DumpOrder(
        command=_command(call),
        vmids=here,
        skipped=elsewhere,
        storage=call.text("storage") or None,
        mode=call.text("mode", SNAPSHOT),
        compress=call.text("compress", "0"),
        everyone=_everyone(call),
        remove=call.flag("remove") or not call.has("remove"),
        keep=keep,
        notes=call.text("notes-template"),
        protected=call.flag("protected"),
        bwlimit=call.number("bwlimit"),
        ionice=call.number("ionice", 7),
        stop_wait=call.number("stopwait", 10),
        places={name: call.text(name) for name in PLACES if call.has(name)},
    )


def _command(call: Call) -> str:
    """The command line that would do the same, as the log's first line tells it."""
    words = ["vzdump", *items_of(call.text("vmid"))]
    for name, value in call.values.items():
        if name != "vmid":
            text = str(int(value)) if isinstance(value, bool) else str(value)
            plain = text and all(letter.isalnum() or letter in "-_./:=" for letter in text)
            words.append(f"--{name} {text if plain else _quoted(text)}")
    return " ".join(words)


def _quoted(text: str) -> str:
    escaped = text.replace("'", "'\\''")
    return f"'{escaped}'"


def _rules(call: Call) -> Rules:
    ha = call.cluster.ha

    def may_back_up(vmid: int) -> bool:
        return vmid not in call.world.guests or call.may(f"/vms/{vmid}", "VM.Backup")

    def is_kept_running(guest: Guest) -> bool:
        wanted = ha.configuration.resources.get(guest.sid)
        return wanted is not None and ha.is_managed(guest) and wanted.state is Requested.STARTED

    return Rules(may_back_up, is_kept_running, call.need_writable_in_task)


async def _stop_running(call: Call) -> None:
    tasks = call.world.tasks
    for task in tasks.running_on(call.node):
        if task.type == TASK_TYPE:
            await tasks.stop(task)
