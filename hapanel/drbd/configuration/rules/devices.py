"""Devices, disks and metadata: named rightly, and each used once."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hapanel.drbd.configuration.findings import Finding, error, warning
from hapanel.drbd.configuration.model import Host, Resource, Volume
from hapanel.drbd.configuration.subject import Subject
from hapanel.drbd.configuration.tokens import Place
from hapanel.drbd.configuration.tree import Statement
from hapanel.kernel.refusal import gettext_noop

BAD_DEVICE = error(
    "bad-device",
    gettext_noop("%(value)s is no DRBD device"),
    gettext_noop("Write /dev/drbd and a number, or minor and a number"),
)
MINOR_MISMATCH = error(
    "minor-mismatch",
    gettext_noop("The device %(value)s and its minor %(minor)s do not fit together"),
    gettext_noop("Write device /dev/drbd%(minor)s minor %(minor)s, or leave one of the two out"),
)
MINOR_CONFLICT = error(
    "minor-conflict",
    gettext_noop("The minor %(minor)s of %(host)s is already used at %(first)s"),
    gettext_noop("Give each volume of a node its own minor"),
)
DISK_CONFLICT = warning(
    "disk-conflict",
    gettext_noop("%(disk)s of %(host)s is already used at %(first)s, and only one can attach it"),
    gettext_noop("Give each volume its own disk"),
)
BAD_DISK = error(
    "bad-disk",
    gettext_noop("%(value)s is no path of a block device"),
    gettext_noop("Write the whole path, such as /dev/vg/lv, or none for a node without a copy"),
)
UNSTABLE_DISK = warning(
    "unstable-disk-name",
    gettext_noop("%(value)s may be another disk after the next boot"),
    gettext_noop("Name a logical volume, or the disk's path under /dev/disk/by-id"),
)
BAD_META_DISK = error(
    "bad-meta-disk",
    gettext_noop("%(value)s is neither internal nor the path of a block device"),
    gettext_noop("Write meta-disk internal, or the whole path of a device for metadata"),
)
META_DISK_CONFLICT = error(
    "meta-disk-conflict",
    gettext_noop(
        "This place for metadata is already used at %(first)s, and one destroys the other"
    ),
    gettext_noop("Choose another index or device, or internal metadata"),
)
META_DISK_INDEXED = warning(
    "meta-disk-indexed",
    gettext_noop("An indexed place for metadata holds 128 MiB, whatever the disk's size"),
    gettext_noop("Prefer meta-disk internal, or a device of its own without an index"),
)
_CHANGING = re.compile(r"/dev/((sd|vd|hd|xvd)[a-z]+[0-9]*|nvme[0-9]+n[0-9]+(p[0-9]+)?)\Z")
Owned = tuple[Resource, Host, Volume]


def _volumes(subject: Subject) -> Iterator[Owned]:
    for resource in subject.configuration.distinct:
        for host in resource.hosts:
            for volume in host.volumes:
                yield resource, host, volume


def device_names(subject: Subject) -> Iterator[Finding]:
    """Devices that are none of DRBD's, or that contradict their minor."""
    for statement in _once(volume.device for _, _, volume in _volumes(subject)):
        words = [token.text for token in statement.arguments]
        if not words or words[0] == "minor":
            continue
        place, name = statement.arguments[0].place, words[0]
        path = name if name.startswith("/dev/") else f"/dev/{name}"
        number = path.removeprefix("/dev/drbd")
        minor = words[-1] if "minor" in words[:-1] else None
        if not path.startswith("/dev/drbd") or not number or not _fits(number, minor):
            yield BAD_DEVICE(place, value=name)
        elif minor is not None and number.isdigit() and int(number[:9]) != int(minor[:9] or 0):
            yield MINOR_MISMATCH(place, value=name, minor=minor)


def _fits(number: str, minor: str | None) -> bool:
    return number.isdigit() or (minor is not None and number.startswith("_"))


def disks(subject: Subject) -> Iterator[Finding]:
    """Backing devices: whole paths, and such as keep their names."""
    for statement in _once(volume.disk for _, _, volume in _volumes(subject)):
        token = statement.value
        if token is None or token.text == "none":
            continue
        if not token.text.startswith("/"):
            yield BAD_DISK(token.place, value=token.text)
        elif _CHANGING.match(token.text):
            yield UNSTABLE_DISK(token.place, value=token.text)


def meta_disks(subject: Subject) -> Iterator[Finding]:
    """Metadata: internal or a device, and no indexed place without need."""
    for statement in _once(volume.meta_disk for _, _, volume in _volumes(subject)):
        token = statement.value
        if token is None or token.text == "internal":
            continue
        if not token.text.startswith("/"):
            yield BAD_META_DISK(token.place, value=token.text)
        elif len(statement.arguments) > 1:
            yield META_DISK_INDEXED(statement.place)


def _once(statements: Iterator[Statement | None]) -> Iterator[Statement]:
    """Each statement once: one that holds for all hosts of a resource is met at each."""
    seen: set[Place] = set()
    for statement in statements:
        if statement is not None and statement.place not in seen:
            seen.add(statement.place)
            yield statement


def used_twice(subject: Subject) -> Iterator[Finding]:
    """A minor, a disk or a place for metadata that two volumes of one node want."""
    seen: dict[tuple[str, str, object], Place] = {}
    for _, host, volume in _volumes(subject):
        short = {name: name.split(".")[0].lower() for name in host.names}
        for name, node in (short or {host.label: host.label}).items():
            for kind, what, place in _claims(volume, host):
                key = (kind, node, what)
                # A statement for all hosts of a resource is no conflict with itself.
                if seen.get(key, place) != place:
                    yield _conflict(kind, place, seen[key], host=name, what=what)
                seen.setdefault(key, place)


def _claims(volume: Volume, host: Host) -> Iterator[tuple[str, object, Place]]:
    if volume.minor is not None and volume.device is not None:
        yield "minor", volume.minor, volume.device.place
    disk = volume.disk.value if volume.disk else None
    if disk is not None and disk.text != "none" and not host.is_stacked:
        yield "disk", disk.text, disk.place
    meta = volume.meta_disk
    if meta is not None and meta.value is not None and meta.value.text != "internal":
        yield "meta", tuple(token.text for token in meta.arguments), meta.place


def _conflict(kind: str, place: Place, first: Place, host: str, what: object) -> Finding:
    match kind:
        case "minor":
            return MINOR_CONFLICT(place, first, minor=what, host=host, first=str(first))
        case "disk":
            return DISK_CONFLICT(place, first, disk=what, host=host, first=str(first))
    return META_DISK_CONFLICT(place, first, first=str(first))
