"""What each step out of a split brain is called while it is done, or still to come."""

from __future__ import annotations

from collections.abc import Mapping

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
}


def step_words(record: Mapping[str, str]) -> str:
    """The name of one step of `Operation.memo`."""
    step = RecoveryStep.from_record(record)
    return str(_WORDS[step.act]) % {"node": step.node, "about": step.about}
