"""Why a guest fares as forecast, as codes with parameters; sentences are translated at the edge."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from hapanel.ha.engine.reasons import Because
from hapanel.kernel.refusal import Translate, gettext_noop, untranslated


class Code(StrEnum):
    """What there is to say about a guest, or about all of them."""

    NODE_LIVES = "node-lives"
    IS_OFF = "is-off"
    NOT_MANAGED = "not-managed"
    TAKEN_OVER = "taken-over"
    SEAT_DIES = "seat-dies"
    ONLY_ONE_LEFT = "only-one-left"
    NO_QUORUM = "no-quorum"
    SURVIVOR_RESETS = "survivor-resets"
    NOBODY_LEFT = "nobody-left"
    NO_PLACE = "no-place"
    IN_ERROR = "in-error"
    FROZEN = "frozen"
    DISARMED = "disarmed"
    NOT_FENCED = "not-fenced"
    LOCAL_DISK = "local-disk"
    LOCAL_CD = "local-cd"
    STORAGE_MISSING = "storage-missing"
    PASSTHROUGH = "passthrough"
    NO_MEMORY = "no-memory"
    STARTS_AFTER_RETURN = "starts-after-return"
    QUEUED = "queued"
    BOOT_LEARNT = "boot-learnt"
    # Not known.
    VOTES_NOT_READ = "votes-not-read"
    QDEVICE_NOT_READ = "qdevice-not-read"
    DISKS_NOT_READ = "disks-not-read"
    MEMORY_NOT_KNOWN = "memory-not-known"
    BOOT_NOT_KNOWN = "boot-not-known"
    GROUP_NOT_READ = "group-not-read"
    IN_MOTION = "in-motion"
    AWAY_ALREADY = "away-already"
    NODE_NOT_SEEN = "node-not-seen"
    MANAGER_AWAY = "manager-away"
    OPTIONS_NOT_READ = "options-not-read"
    LOAD_NOT_KNOWN = "load-not-known"
    VERSION_UNVERIFIED = "version-unverified"


SENTENCES: Mapping[Code, str] = {
    Code.NODE_LIVES: gettext_noop("Its node %(node)s goes on."),
    Code.IS_OFF: gettext_noop("It is switched off and stays so."),
    Code.NOT_MANAGED: gettext_noop(
        "It is not under HA: nobody starts it elsewhere while %(node)s is away."
    ),
    Code.TAKEN_OVER: gettext_noop("The HA manager starts it on %(node)s."),
    Code.SEAT_DIES: gettext_noop(
        "The HA manager sits on %(node)s and dies with it. Another node has to take its seat "
        "first, and then waits anew before it fences."
    ),
    Code.ONLY_ONE_LEFT: gettext_noop("%(node)s is the only node left for it."),
    Code.NO_QUORUM: gettext_noop(
        "%(total)d of %(expected)d votes would be left and %(needed)d are needed: without a "
        "quorum nothing is restarted."
    ),
    Code.SURVIVOR_RESETS: gettext_noop(
        "%(node)s survives but loses the quorum. It holds HA guests, so its watchdog resets it "
        "after %(seconds)d seconds or so, and what runs on it dies."
    ),
    Code.NOBODY_LEFT: gettext_noop("No node would be left."),
    Code.NO_PLACE: gettext_noop("The HA rules leave it no node."),
    Code.IN_ERROR: gettext_noop(
        "The HA manager has given it up (error) and does nothing until somebody disables it and "
        "starts it again."
    ),
    Code.FROZEN: gettext_noop(
        "It is frozen, since the LRM of %(node)s was stopped: it is not recovered."
    ),
    Code.DISARMED: gettext_noop("HA is disarmed: nothing is fenced and nothing recovered."),
    Code.NOT_FENCED: gettext_noop("The HA manager would not recover it."),
    Code.LOCAL_DISK: gettext_noop(
        "Its disk %(disk)s is on %(storage)s, which %(node)s does not share: it will not start "
        "there."
    ),
    Code.LOCAL_CD: gettext_noop(
        "Its CD image %(disk)s is on %(storage)s, which %(node)s does not share: it will not "
        "start there."
    ),
    Code.STORAGE_MISSING: gettext_noop(
        "Its disk %(disk)s is on %(storage)s, which %(node)s does not have now: it will not start "
        "there."
    ),
    Code.PASSTHROUGH: gettext_noop(
        "It uses hardware of its node (%(device)s): it will not start on %(node)s."
    ),
    Code.NO_MEMORY: gettext_noop(
        "%(node)s has %(free)d MiB of memory left for it and it needs %(needed)d MiB. The HA "
        "manager does not look at that."
    ),
    Code.STARTS_AFTER_RETURN: gettext_noop(
        "Once %(node)s is switched on again it starts by itself, about %(seconds)d seconds later. "
        "Until then everything looks well and nothing happens."
    ),
    Code.QUEUED: gettext_noop(
        "%(node)s starts a few guests at a time: it waits %(seconds)d seconds for its turn."
    ),
    Code.BOOT_LEARNT: gettext_noop(
        "From its start to its first answer it took %(typical)d s (%(least)d to %(most)d s; starts "
        "seen: %(count)d)."
    ),
    Code.VOTES_NOT_READ: gettext_noop("The votes could not be read."),
    Code.QDEVICE_NOT_READ: gettext_noop("The state of the QDevice could not be read."),
    Code.DISKS_NOT_READ: gettext_noop(
        "Its configuration was not read yet: whether it can start elsewhere is not known."
    ),
    Code.MEMORY_NOT_KNOWN: gettext_noop("How much memory is free on %(node)s is not known."),
    Code.BOOT_NOT_KNOWN: gettext_noop(
        "How long it takes to boot is not known: the seconds count until it is started."
    ),
    Code.GROUP_NOT_READ: gettext_noop(
        "It is in the HA group %(group)s, whose nodes could not be read."
    ),
    Code.IN_MOTION: gettext_noop(
        "The HA manager has it in hand just now (%(state)s). The forecast takes it as it lies."
    ),
    Code.AWAY_ALREADY: gettext_noop(
        "%(node)s is away already. How far its recovery has come is not known."
    ),
    Code.NODE_NOT_SEEN: gettext_noop("The state of %(node)s is not known. It counts as away."),
    Code.MANAGER_AWAY: gettext_noop(
        "No HA manager is at work now. How long until one begins is not known."
    ),
    Code.OPTIONS_NOT_READ: gettext_noop(
        "Datacenter options are not read: the HA scheduler is taken to be `basic`, with four "
        "starts at a time on a node. Another scheduler may choose other nodes."
    ),
    Code.LOAD_NOT_KNOWN: gettext_noop(
        "The HA scheduler is `dynamic`: it goes by what guests use at that moment. The forecast "
        "takes each to use half of what it may."
    ),
    Code.VERSION_UNVERIFIED: gettext_noop(
        "The forecast is proven for the HA manager %(proven)s (Proxmox VE 9.2). For %(version)s "
        "it is unverified."
    ),
}

RULED_OUT: Mapping[Because, str] = {
    Because.NOT_ONLINE: gettext_noop("%(node)s: not online"),
    Because.NODE_AFFINITY: gettext_noop("%(node)s: not in the rule %(partner)s"),
    Because.LOWER_PRIORITY: gettext_noop("%(node)s: lower priority in the rule %(partner)s"),
    Because.FAILED_THERE: gettext_noop("%(node)s: it failed to start there"),
    Because.NEGATIVE_AFFINITY: gettext_noop("%(node)s: must be kept apart from %(partner)s"),
    Because.POSITIVE_AFFINITY: gettext_noop("%(node)s: must stay with its partners"),
    Because.WORSE_SCORE: gettext_noop("%(node)s: carries as many guests or more"),
}


class Reason(msgspec.Struct, frozen=True):
    """One sentence. `sentence` puts it into the reader's language."""

    code: Code
    params: Mapping[str, Any] = {}

    def sentence(self, translate: Translate = untranslated) -> str:
        """The reason in words."""
        return translate(SENTENCES[self.code]) % self.params


class Passed(msgspec.Struct, frozen=True):
    """Why a node was not taken for a guest; `partner` is the rule or guest that speaks."""

    node: str
    because: Because
    partner: str = ""

    def sentence(self, translate: Translate = untranslated) -> str:
        """The node and the reason in words."""
        return translate(RULED_OUT[self.because]) % {"node": self.node, "partner": self.partner}


def because(code: Code, **params: Any) -> Reason:
    """A reason with its parameters."""
    return Reason(code, params)
