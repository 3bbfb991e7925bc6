"""Why the losing side's guests cannot be copied and brought back."""

from __future__ import annotations

from hapanel.kernel.refusal import gettext_noop, refusal_kind

NO_BACKUP_STORAGE = refusal_kind(
    "rescue-no-storage",
    gettext_noop(
        "%(node)s has no storage for backups that does not lie on %(resource)s: a copy of its "
        "guests would be thrown away with the rest."
    ),
    gettext_noop("Give %(node)s a storage with the content type backup, such as a directory."),
)
NO_SUCH_STORAGE = refusal_kind(
    "rescue-storage-unknown",
    gettext_noop(
        "%(storage)s takes no backups on %(node)s, does not answer there, or lies on %(resource)s."
    ),
    gettext_noop("Choose one of these: %(storages)s."),
    status=422,
    field="copy_to",
)
NO_ROOM = refusal_kind(
    "rescue-no-room",
    gettext_noop(
        "The guests' disks have %(needed)s bytes, and %(storage)s on %(node)s has %(free)s left."
    ),
    gettext_noop("Choose another storage, or make room on it."),
    status=422,
    field="copy_to",
)
NO_WAY_BACK = refusal_kind(
    "rescue-no-way-back",
    gettext_noop(
        "%(guests)s could only be restored on %(node)s (a copy on %(storage)s is not seen on "
        "%(survivor)s, or the guest is tied to its node), and %(node)s is not meant to be Primary "
        "beside %(survivor)s."
    ),
    gettext_noop("Choose a shared storage, or give up the other side's changes."),
    status=422,
    field="copy_to",
)
RESCUE_LOCKED = refusal_kind(
    "rescue-guest-locked",
    gettext_noop("%(guest)s is locked (%(lock)s): something else works on it."),
    gettext_noop("Wait until that has ended; a lock that was left over is removed on its node."),
)
RESCUE_BUSY = refusal_kind(
    "rescue-guest-busy",
    gettext_noop("Operation %(operation)s has %(guest)s in its hands."),
    gettext_noop("Wait for its end, or cancel it."),
)
RESCUE_LACKS_RIGHT = refusal_kind(
    "rescue-lacks-privilege",
    gettext_noop("The panel's token lacks %(privilege)s on %(path)s, which this way needs."),
    gettext_noop("Give the token that privilege there, for as long as this takes at least."),
)
NOT_IN_BACKUP = refusal_kind(
    "rescue-disk-not-in-backup",
    gettext_noop(
        "%(disks)s of %(guest)s on %(resource)s would not be in its backup: what was written there "
        "would be lost."
    ),
    gettext_noop("Let the backup include it, move it elsewhere, or choose the other side."),
)
RESCUE_NOT_THERE = refusal_kind(
    "rescue-guest-moved",
    gettext_noop("%(guest)s is not on %(node)s any more."),
    gettext_noop("Look at both sides again, and decide anew."),
)
KEPT_FROM_SURVIVOR = refusal_kind(
    "rescue-kept-away",
    gettext_noop("Proxmox would not let %(guest)s go to %(node)s: %(reasons)s"),
    gettext_noop("Mend what it names, choose a storage of the node alone, or the other side."),
)
CAME_BACK = refusal_kind(
    "rescue-guest-came-back",
    gettext_noop("%(guest)s runs on %(node)s again, after its copy was made."),
    gettext_noop("Find out who started it, and begin anew: its copy would lack what it wrote."),
)
GUEST_REFUSED = refusal_kind(
    "rescue-step-refused",
    gettext_noop("Proxmox refused `%(line)s` on %(node)s: %(said)s"),
    gettext_noop("Mend what it names. Copies that were made are kept: %(copies)s."),
)
GUEST_TASK_FAILED = refusal_kind(
    "rescue-step-failed",
    gettext_noop("`%(line)s` on %(node)s ended badly: %(said)s"),
    gettext_noop("Mend what it names. Copies that were made are kept: %(copies)s."),
)
GUEST_SILENT = refusal_kind(
    "rescue-step-without-effect",
    gettext_noop("`%(line)s` on %(node)s shows no effect after %(seconds)s s."),
    gettext_noop("Look at the guest in Proxmox. Copies that were made are kept: %(copies)s."),
)
