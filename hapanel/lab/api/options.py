"""/cluster/options: datacenter.cfg. The answer takes property strings apart."""

from hapanel.lab.api.routing import Call, Needs, api
from hapanel.lab.schema import Param, Type, flag, items_of, maybe

Row = dict[str, object]

MODIFY = Needs("/", ("Sys.Modify",))
DEFAULT_MAC_PREFIX = "BC:24:11"
TAG = r"(?i:[a-z0-9_][a-z0-9_\-+.]*)"
KEYBOARDS = (
    "de", "de-ch", "da", "en-gb", "en-us", "es", "fi", "fr", "fr-be", "fr-ca", "fr-ch", "hu", "is",
    "it", "ja", "lt", "mk", "nl", "no", "pl", "pt", "pt-br", "sv", "sl", "tr",
)  # fmt: skip
LANGUAGES = (
    "ar", "ca", "da", "de", "en", "es", "eu", "fa", "fr", "hr", "he", "it", "ja", "ka", "kr", "nb",
    "nl", "nn", "pl", "pt_BR", "ru", "sl", "sv", "tr", "ukr", "zh_CN", "zh_TW",
)  # fmt: skip
# Property strings that are taken apart: option -> its default key (a value without a key).
PARTED = {
    "crs": None, "ha": None, "migration": "type", "next-id": None, "notify": None,
    "replication": "type", "tag-style": None, "u2f": None, "user-tag-access": None,
    "webauthn": None,
}  # fmt: skip
OPTIONS: list[Param] = [
    *(maybe(name) for name in PARTED),
    maybe("bwlimit"),
    maybe("consent-text", max_length=65536),
    maybe("console", enum=("applet", "vv", "html5", "xtermjs")),
    maybe("description", max_length=65536),
    maybe("email_from"),
    maybe("fencing", enum=("watchdog", "hardware", "both")),
    maybe("http_proxy", pattern="http://.*"),
    maybe("keyboard", enum=KEYBOARDS),
    maybe("language", enum=LANGUAGES),
    maybe("location"),
    maybe("mac_prefix"),
    maybe("max_workers", Type.INTEGER, minimum=1),
    flag("migration_unsecure"),
    maybe("registered-tags", pattern=f"(?:{TAG};)*{TAG}"),
]


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
    if name in PARTED:
        return properties_of(value, PARTED[name])
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
