"""/cluster/options: datacenter.cfg. The answer takes property strings apart."""

from hapanel.lab.api.routing import Call, Needs, api
from hapanel.lab.datacenter import OPTIONS, PROPERTY_STRINGS
from hapanel.lab.schema import Type, items_of, maybe

Row = dict[str, object]

MODIFY = Needs("/", ("Sys.Modify",))
DEFAULT_MAC_PREFIX = "BC:24:11"
# Told as they are written, though a property string as well.
WHOLE = {"bwlimit"}


@api.on("GET", "/cluster/options")
def cluster_options(call: Call) -> object:
    """All of it for auditors; the tags one may use for everybody."""
    options = {name: _shown(name, value) for name, value in call.world.options.items()}
    style = {"tag-style": options["tag-style"]} if "tag-style" in options else {}
    tags: Row = {"allowed-tags": _allowed_tags(call), **style}
    if not call.may("/", "Sys.Audit"):
        return tags
    text = call.world.options.get("description", "")
    description = text if not text or text.endswith("\n") else f"{text}\n"
    return {"mac_prefix": DEFAULT_MAC_PREFIX, **options, **tags, "description": description}


def _shown(name: str, value: str) -> object:
    if name in PROPERTY_STRINGS and name not in WHOLE:
        return properties_of(value, PROPERTY_STRINGS[name].bare)
    if name == "registered-tags":
        return sorted(value.split(";"))
    return int(value) if name in ("max_workers", "migration_unsecure") else value


def properties_of(value: str, default_key: str | None = None) -> Row:
    """A property string (`type=secure,network=10.0.0.0/8`) taken apart; numbers become numbers."""
    found: Row = {}
    for part in filter(None, value.split(",")):
        name, separator, text = part.partition("=")
        if not separator:
            name, text = default_key or part, part
        found[name] = int(text) if text.isdigit() else text
    return found


def _allowed_tags(call: Call) -> list[str]:
    """Registered ones for the privileged, and those of guests the caller may see."""
    may_all = call.may("/", "Sys.Modify")
    tags: set[str] = set()
    if may_all:
        tags |= set(items_of(call.world.options.get("registered-tags", "")))
    for guest in call.world.guests.values():
        if may_all or call.may(f"/vms/{guest.vmid}", "VM.Audit"):
            tags |= set(items_of(str(guest.config.get("tags", ""))))
    return sorted(tags)


@api.on("PUT", "/cluster/options", needs=MODIFY, params=[*OPTIONS, maybe("delete")])
async def cluster_options_change(call: Call) -> None:
    """Sets what is given, then deletes what is named."""
    await call.need_lock("file-datacenter_cfg")
    options = call.world.options
    for param in OPTIONS:
        if call.has(param.name):
            is_flag = param.type is Type.BOOLEAN
            value = int(call.flag(param.name)) if is_flag else call.text(param.name)
            options[param.name] = str(value)
    for name in items_of(call.text("delete")):
        options.pop(name, None)
