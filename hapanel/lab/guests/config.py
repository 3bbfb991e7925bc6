"""Changing a configuration: what takes effect at once and what waits for the next start.

Facts: qemu-server QemuServer.pm (hotplug, pending), pve-container LXC/Config.pm.
"""

import hashlib
import random
from collections.abc import Callable, Iterable, Mapping

from hapanel.lab.guests.formats import CT_NET, NET
from hapanel.lab.names import Kind
from hapanel.lab.schema import Param, Type, Value, items_of
from hapanel.lab.world import Guest

Config = dict[str, object]
Say = Callable[[str], None]

_VM_AT_ONCE = (
    "description", "hookscript", "lock", "migrate_downtime", "migrate_speed", "name", "onboot",
    "protection", "shares", "startup", "tags", "vmstatestorage", "template", "cpuunits",
    "cpulimit", "balloon", "unused", "autostart",
)  # fmt: skip
_CT_AT_ONCE = (
    "description", "onboot", "startup", "protection", "hostname", "hookscript", "cores", "tags",
    "lock", "memory", "swap", "cpulimit", "cpuunits", "net", "mp", "nameserver", "searchdomain",
    "unused", "timezone", "template",
)  # fmt: skip
_HOTPLUG = {"network": ("net",), "disk": ("scsi", "virtio"), "usb": ("usb",)}
_DEFAULT_HOTPLUG = "network,disk,usb"


def stored(param: Param, value: Value) -> object:
    """A verified value as the configuration holds it: 0/1, whole numbers, else text."""
    if param.type is Type.BOOLEAN:
        return int(bool(value))
    if param.type is Type.INTEGER:
        return int(value)
    if param.type is Type.NUMBER:
        return f"{float(value):g}"
    if param.name == "tags":
        return ";".join(sorted({tag.lower() for tag in items_of(str(value))}))
    return str(value)


def description(kind: Kind, text: str) -> str:
    """Read back, a VM's has lost its trailing blanks and a container's ends with a line feed."""
    return text.rstrip() if kind is Kind.QEMU else f"{text}\n"


def mac_of(prefix: str, seed: str) -> str:
    """An address below the cluster's prefix."""
    tail = hashlib.sha256(seed.encode()).hexdigest()[:6].upper()
    return f"{prefix}:{tail[0:2]}:{tail[2:4]}:{tail[4:6]}"


def net_entry(kind: Kind, text: str, mac: str) -> str:
    """A network card with an address of its own: `virtio=BC:24:...,bridge=vmbr0`."""
    if kind is Kind.LXC:
        values = CT_NET.parse(text)
        values.setdefault("hwaddr", mac)
        return CT_NET.print({**values, "type": "veth"})
    values = NET.parse(text)
    model, address = values.pop("model"), values.pop("macaddr", mac)
    rest = ",".join(f"{key}={values[key]}" for key in sorted(values))
    return f"{model}={address.upper()}" + (f",{rest}" if rest else "")


def change(guest: Guest, values: Mapping[str, object], deleted: Iterable[str]) -> None:
    """Applies what can take effect now; for a running guest the rest becomes pending."""
    for key in deleted:
        if guest.is_running and not _is_at_once(guest, key):
            guest.pending_deletes.add(key)
        else:
            guest.config.pop(key, None)
        guest.pending.pop(key, None)
    for key, value in values.items():
        guest.pending_deletes.discard(key)
        if guest.is_running and not _is_at_once(guest, key):
            guest.pending[key] = value
        else:
            guest.config[key] = value
            guest.pending.pop(key, None)
        if guest.pending.get(key) == guest.config.get(key):
            guest.pending.pop(key, None)
    if not guest.is_running:
        apply_pending(guest)


def _is_at_once(guest: Guest, key: str) -> bool:
    stem = key.rstrip("0123456789")
    if guest.kind is Kind.LXC:
        return key in _CT_AT_ONCE or stem in _CT_AT_ONCE
    features = str(guest.config.get("hotplug", _DEFAULT_HOTPLUG)).split(",")
    features = _DEFAULT_HOTPLUG.split(",") if features == ["1"] else features
    plugged = {stem for feature in features for stem in _HOTPLUG.get(feature, ())}
    return key in _VM_AT_ONCE or stem in _VM_AT_ONCE or stem in plugged


def apply_pending(guest: Guest) -> None:
    """What waited takes effect, as at a start."""
    guest.config.update(guest.pending)
    for key in guest.pending_deletes:
        guest.config.pop(key, None)
    guest.pending.clear()
    guest.pending_deletes.clear()


def revert(guest: Guest, keys: Iterable[str]) -> None:
    """Pending changes of those options are forgotten."""
    for key in keys:
        guest.pending.pop(key, None)
        guest.pending_deletes.discard(key)


def with_pending(guest: Guest) -> Config:
    """The configuration as the next start will have it."""
    config = {**guest.config, **guest.pending}
    return {key: value for key, value in config.items() if key not in guest.pending_deletes}


def pending_rows(guest: Guest) -> list[Config]:
    """Every option with its value now, later, or that it goes."""
    rows: list[Config] = []
    for key in {**guest.config, **guest.pending}:
        row: Config = {"key": key}
        if key in guest.config:
            row["value"] = guest.config[key]
        if key in guest.pending:
            row["pending"] = guest.pending[key]
        if key in guest.pending_deletes:
            row["delete"] = 1
        rows.append(row)
    return [*rows, {"key": "digest", "value": guest.digest()}]


def fresh_uuid(source: random.Random) -> str:
    """A random UUID in PVE's spelling."""
    digits = f"{source.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
