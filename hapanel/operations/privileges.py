"""What the panel's token needs on a cluster, and what will not work without it. Pure.

Privileges are checked, never role names. Paths and purposes as Proxmox's own code checks them
(pve-manager, qemu-server, pve-container: the `permissions` of each method).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hapanel.kernel.refusal import gettext_noop as _

Rights = Mapping[str, Mapping[str, bool]]


@dataclass(frozen=True, slots=True)
class Need:
    """One privilege on a path. `without` says what does not work without it (an English template
    for gettext). `to_watch`: needed for watching, not for operating. `propagates` is False for what
    is needed on the path alone and would allow more below it."""

    privilege: str
    path: str
    without: str
    to_watch: bool = False
    is_vital: bool = False
    propagates: bool = True


NEEDS = (
    Need(
        "Sys.Audit",
        "/",
        _("Nodes, quorum, HA and tasks cannot be seen."),
        to_watch=True,
        is_vital=True,
    ),
    Need(
        "VM.Audit",
        "/vms",
        _("Guests cannot be seen."),
        to_watch=True,
        is_vital=True,
    ),
    Need(
        "Datastore.Audit",
        "/storage",
        _("Storages cannot be seen, so nobody is told whether a disk is there on the target."),
        to_watch=True,
    ),
    Need("VM.Migrate", "/vms", _("Guests cannot be migrated.")),
    Need(
        "Sys.Modify",
        "/nodes",
        _("A migration that the HA manager runs cannot be cancelled from here."),
    ),
    Need(
        "Sys.Console",
        "/",
        _("HA resources and rules cannot be changed, and HA cannot be disarmed or armed."),
        propagates=False,
    ),
    Need(
        "VM.Config.Disk",
        "/vms",
        _("Disks cannot be put on another storage during a migration."),
    ),
    Need(
        "Datastore.AllocateSpace",
        "/storage",
        _("Disks cannot be put on another storage during a migration."),
    ),
)


def missing(rights: Rights) -> list[Need]:
    """What the token lacks, the most important first."""
    return [need for need in NEEDS if not _has(rights, need.privilege, need.path)]


def may_operate(rights: Rights) -> bool:
    """Whether the token can do the one thing that operating means today."""
    return _has(rights, "VM.Migrate", "/vms")


def without(privilege: str) -> str:
    """What does not work without the privilege: a sentence for gettext, empty when unknown."""
    return next((need.without for need in NEEDS if need.privilege == privilege), "")


def lacks(rights: Rights, privilege: str, path: str) -> bool:
    """Whether the token lacks a privilege on a path of any depth: the nearest entry above counts,
    and only what it hands down."""
    if path in rights:
        return privilege not in rights[path]
    while path != "/":
        path = path.rpartition("/")[0] or "/"
        if path in rights:
            return not rights[path].get(privilege, False)
    return True


def _has(rights: Rights, privilege: str, path: str) -> bool:
    """An entry on a deeper path replaces what is inherited, and only propagated rights are."""
    if path in rights:
        return privilege in rights[path]
    return rights.get("/", {}).get(privilege, False)
