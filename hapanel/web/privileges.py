"""What the panel's token needs, the commands that give it, and what does not work without it."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

WITHOUT: dict[str, Promise] = {
    "Sys.Audit": _("Votes, QDevice, HA and other people’s tasks are not seen."),
    "VM.Audit": _("Guests are not seen."),
    "Datastore.Audit": _("Storages are not seen, so local disks are noticed only by Proxmox."),
    "VM.Migrate": _("Nothing can be migrated."),
    "Sys.Modify": _("A migration that the HA manager runs cannot be cancelled from here."),
}


@dataclass(frozen=True, slots=True)
class Missing:
    """A privilege that the token lacks, and what does not work without it."""

    privilege: str
    effect: str


def missing_of(privileges: list[str]) -> list[Missing]:
    """The missing privileges with their effects, in the reader's language."""
    other = gettext("Some answers of Proxmox stay empty.")
    return [Missing(name, str(WITHOUT.get(name, other))) for name in privileges]


# pveum(1). The token has no privileges of its own (--privsep 0): it is its user's, and the user
# exists for the panel alone.
WATCH_COMMANDS = (
    "pveum user add panel@pve --comment 'HA Panel'",
    "pveum acl modify / --users panel@pve --roles PVEAuditor",
    "pveum user token add panel@pve watch --privsep 0",
)
OPERATE_COMMANDS = (
    "pveum role add HAPanel --privs 'Sys.Audit VM.Audit Datastore.Audit VM.Migrate Sys.Modify'",
    "pveum user add panel@pve --comment 'HA Panel'",
    "pveum acl modify / --users panel@pve --roles HAPanel",
    "pveum user token add panel@pve operate --privsep 0",
)
FINGERPRINT_COMMAND = "pvenode cert info --output-format yaml | grep -e filename -e fingerprint"
