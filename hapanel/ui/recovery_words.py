"""What each step out of a split brain is called while it is done, or still to come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from hapanel.drbd.recovery import Act, RecoveryStep

_WORDS: dict[Act, str | Promise] = {
    Act.COPY: _("Keep what %(node)s has as snapshot %(about)s"),
    Act.DISCONNECT: _("Let %(node)s stand alone"),
    Act.DEACTIVATE: _("Close the volume group %(about)s on %(node)s"),
    Act.SECONDARY: _("Make %(node)s Secondary"),
    Act.DISCARD: _("Give up what %(node)s alone has written"),
    Act.CONNECT: _("Let %(node)s take the other side in"),
    Act.SYNC: _("Sync %(node)s until both sides are UpToDate"),
    Act.PRIMARY: _("Make %(node)s Primary again"),
    Act.ACTIVATE: _("Open the volume group %(about)s on %(node)s again"),
    Act.STOP: _("Shut down %(guest)s on %(node)s"),
    Act.BACKUP: _("Copy %(guest)s off the resource"),
    Act.MOVE: _("Move the configuration of %(guest)s to the other side"),
    Act.RESTORE: _("Restore %(guest)s on %(node)s from its copy"),
    Act.START: _("Start %(guest)s on %(node)s"),
}


def step_words(record: Mapping[str, str], guests: Mapping[str, Mapping[str, Any]]) -> str:
    """The name of one step of `Operation.memo`, whose `guests` are those that are copied."""
    step = RecoveryStep.from_record(record)
    name = guests.get(step.about, {}).get("name", "")
    guest = f"{step.about} {name}".strip()
    return str(_WORDS[step.act]) % {"node": step.node, "about": step.about, "guest": guest}
