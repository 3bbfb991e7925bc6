"""How each word of DRBD, and of the judgement of it, is shown: a shape and a word, once for all."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from hapanel.drbd.findings import Code, Fact, Finding, Severity
from hapanel.ports.replication import ConnectionState, DiskState, ReplicationState
from hapanel.ui.states import Shown

_DISK: dict[DiskState, str] = {
    DiskState.UP_TO_DATE: "ok",
    DiskState.CONSISTENT: "warn",
    DiskState.OUTDATED: "warn",
    DiskState.INCONSISTENT: "warn",
    DiskState.DISKLESS: "warn",
    DiskState.FAILED: "danger",
    DiskState.ATTACHING: "busy",
    DiskState.DETACHING: "busy",
    DiskState.NEGOTIATING: "busy",
}
_CONNECTION: dict[ConnectionState, str] = {
    ConnectionState.CONNECTED: "ok",
    ConnectionState.STANDALONE: "danger",
    ConnectionState.UNKNOWN: "unknown",
}
_REPLICATION: dict[ReplicationState, str] = {
    ReplicationState.PAUSED_SYNC_S: "warn",
    ReplicationState.PAUSED_SYNC_T: "warn",
    ReplicationState.AHEAD: "warn",
    ReplicationState.BEHIND: "warn",
}
# What DRBD's words for a link mean, for those that are no everyday word.
_LINK_MEANING: dict[str, str | Promise] = {
    ConnectionState.STANDALONE: _("no longer tries to connect"),
    ConnectionState.CONNECTING: _("waits for its peer"),
    ReplicationState.STARTING_SYNC_S: _("a sync begins"),
    ReplicationState.STARTING_SYNC_T: _("a sync begins"),
    ReplicationState.WF_BITMAP_S: _("a sync begins"),
    ReplicationState.WF_BITMAP_T: _("a sync begins"),
    ReplicationState.WF_SYNC_UUID: _("a sync begins"),
    ReplicationState.PAUSED_SYNC_S: _("the sync is paused"),
    ReplicationState.PAUSED_SYNC_T: _("the sync is paused"),
    ReplicationState.AHEAD: _("writes faster than the link takes it"),
    ReplicationState.BEHIND: _("lags behind its peer"),
}
# Words of the judgement. What goes on is blue, however serious it is that it has to.
_HEALTH: dict[Code, str | Promise] = {
    Code.SPLIT_BRAIN: _("split brain"),
    Code.DIVERGING: _("diverging"),
    Code.NO_CURRENT_COPY: _("no usable copy"),
    Code.INCONSISTENT_PRIMARY: _("Primary without a whole copy"),
    Code.DUAL_PRIMARY_UNEXPLAINED: _("both Primary"),
    Code.IO_SUSPENDED: _("writes wait"),
    Code.NO_QUORUM: _("no quorum of DRBD"),
    Code.NOT_UP: _("not up"),
    Code.DISKLESS: _("diskless"),
    Code.DEGRADED: _("not replicated"),
    Code.DISCONNECTED: _("disconnected"),
    Code.STALE: _("old copy"),
    Code.VERIFY_DIFFERENCES: _("copies differ"),
    Code.SYNC_PAUSED: _("sync paused"),
    Code.SYNCING: _("syncing"),
    Code.DUAL_PRIMARY_CONFIGURED: _("both Primary for good"),
    Code.DUAL_PRIMARY: _("both Primary"),
    Code.LINK_TOO_THIN: _("link too thin"),
    Code.CONTRADICTION: _("sides contradict each other"),
    Code.CHANGING: _("changing"),
    Code.NOT_OBSERVED: _("not observed"),
    Code.NOT_UNDERSTOOD: _("not understood"),
    Code.DUAL_PRIMARY_TEMPORARY: _("both Primary while migrating"),
    Code.VERIFYING: _("being verified"),
    Code.HEALTHY: _("healthy"),
}
_FACT: dict[Fact, str | Promise] = {
    Fact.ROLE: _("Role"),
    Fact.DISK: _("Disk"),
    Fact.CONNECTION: _("Connection"),
    Fact.REPLICATION: _("Replication"),
    Fact.OUT_OF_SYNC: _("Out of sync"),
    Fact.GENERATION: _("Generation"),
    Fact.RELATION: _("Relation of the copies"),
    Fact.HELPER: _("DRBD’s own split-brain alarm"),  # noqa: RUF001
    Fact.LAST_PRIMARY: _("Last Primary"),
    Fact.GUESTS: _("Guests"),
    Fact.APART_SINCE: _("Apart since"),
    Fact.AGE: _("Last seen"),
    Fact.BOTH_PRIMARY: _("Both Primary for"),
    Fact.WORD: _("Unknown word"),
    Fact.WRITE_RATE: _("Guests write"),
    Fact.SENT_RATE: _("Sent"),
    Fact.LINK_FULL: _("Link found full"),
    Fact.MEASURED_OVER: _("Measured over"),
}
_AT_WORK = frozenset({Code.SYNCING, Code.VERIFYING})


def disk_shown(disk: DiskState) -> Shown:
    """A copy's state in DRBD's own word."""
    return Shown(_DISK.get(disk, "unknown"), disk.value)


def connection_shown(connection: ConnectionState) -> Shown:
    """A link's state in DRBD's own word; what comes and goes is under way."""
    return Shown(_CONNECTION.get(connection, "warn"), connection.value)


def replication_shown(state: ReplicationState) -> Shown:
    """What replication does on a link that stands, in DRBD's own word."""
    if state in {ReplicationState.OFF, ReplicationState.UNKNOWN}:
        return Shown("unknown", state.value)
    if state is ReplicationState.ESTABLISHED:
        return Shown("ok", ConnectionState.CONNECTED.value)
    return Shown(_REPLICATION.get(state, "busy"), state.value)


def link_meaning(word: str) -> str:
    """What a link's word means, blank for one that says it itself."""
    return str(_LINK_MEANING.get(word, ""))


def finding_shown(finding: Finding) -> Shown:
    """A finding's shape and short word."""
    return health_shown(finding.code, finding.severity)


def health_shown(code: Code, severity: Severity) -> Shown:
    """A resource's health as shape and short word."""
    return Shown("busy" if code in _AT_WORK else severity.value, health_word(code))


def health_word(code: str) -> str:
    """The short word of a recorded health; one of another release is shown as it is."""
    words = {known.value: word for known, word in _HEALTH.items()}
    return str(words.get(code, code)) or gettext("not known")


def fact_word(fact: Fact) -> str:
    """What a piece of evidence is about."""
    return str(_FACT.get(fact, fact.value))
