"""The one sentence that the overview opens with, and the cure when the answer is no.

A verdict is a code with parameters; sentences are English templates that are translated at the
edge, where the language of the reader is known (see hapanel.kernel.refusal).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hapanel.ha.cures import (
    EQUAL_VOTES,
    JOIN_A_SECOND_NODE,
    Cure,
    add_a_qdevice,
    bring_back,
    has_equal_votes,
)
from hapanel.ha.quorum import Ballot, ballot
from hapanel.kernel.refusal import Translate, gettext_noop, untranslated
from hapanel.ports.cluster import NodeVotes, QDevice


class Code(StrEnum):
    """What there is to say about a cluster's votes."""

    SURVIVES_ANY_SINGLE_LOSS = "survives-any-single-loss"
    SURVIVES_ONE_MORE_LOSS = "survives-one-more-loss"
    WOULD_NOT_SURVIVE = "would-not-survive"
    NO_LOSS_LEFT = "no-loss-left"
    NOT_QUORATE = "not-quorate"
    SINGLE_NODE = "single-node"
    UNKNOWN = "unknown"


class Level(StrEnum):
    """How bad it is, in the words of the style sheet."""

    OK = "ok"
    WARN = "warn"
    DANGER = "danger"
    UNKNOWN = "unknown"


class Unknown(StrEnum):
    """Why there is no verdict."""

    NEVER_SEEN = "never-seen"
    TOO_OLD = "too-old"
    VOTES_NOT_READ = "votes-not-read"
    QDEVICE_NOT_READ = "qdevice-not-read"


LEVELS: Mapping[Code, Level] = {
    Code.SURVIVES_ANY_SINGLE_LOSS: Level.OK,
    Code.SURVIVES_ONE_MORE_LOSS: Level.WARN,
    Code.WOULD_NOT_SURVIVE: Level.WARN,
    Code.NO_LOSS_LEFT: Level.WARN,
    Code.NOT_QUORATE: Level.DANGER,
    Code.SINGLE_NODE: Level.WARN,
    Code.UNKNOWN: Level.UNKNOWN,
}

SENTENCES: Mapping[Code, str] = {
    Code.SURVIVES_ANY_SINGLE_LOSS: gettext_noop(
        "%(cluster)s works and would survive the loss of any one node."
    ),
    Code.SURVIVES_ONE_MORE_LOSS: gettext_noop(
        "%(cluster)s works without %(missing)s and would survive one more loss."
    ),
    Code.WOULD_NOT_SURVIVE: gettext_noop(
        "%(cluster)s works, but would not survive the loss of %(losses)s."
    ),
    Code.NO_LOSS_LEFT: gettext_noop(
        "%(cluster)s works without %(missing)s, but would not survive the loss of %(losses)s."
    ),
    Code.NOT_QUORATE: gettext_noop("%(cluster)s has no quorum: nothing can be changed in it."),
    Code.SINGLE_NODE: gettext_noop(
        "%(cluster)s has one node only: when it fails, everything on it is down."
    ),
    Code.UNKNOWN: gettext_noop("Nobody knows whether %(cluster)s would survive a loss."),
}

_VOTES_TOLD = gettext_noop(
    "%(total)d of %(expected)d votes are there, %(needed)d are needed for a quorum."
)
DETAILS: Mapping[Code, str] = {
    Code.SURVIVES_ANY_SINGLE_LOSS: _VOTES_TOLD,
    Code.SURVIVES_ONE_MORE_LOSS: _VOTES_TOLD,
    Code.WOULD_NOT_SURVIVE: gettext_noop(
        "%(total)d of %(expected)d votes are there, %(needed)d are needed: what is left after "
        "such a loss has no quorum and restarts nothing."
    ),
    Code.NO_LOSS_LEFT: gettext_noop(
        "%(total)d of %(expected)d votes are there, %(needed)d are needed: what is left after "
        "one more loss has no quorum and restarts nothing."
    ),
    Code.NOT_QUORATE: gettext_noop(
        "%(total)d of %(expected)d votes are there, %(needed)d are needed. Running guests go on "
        "where they run, but nodes that hold HA guests restart themselves after about a minute."
    ),
    Code.SINGLE_NODE: gettext_noop("High availability needs at least two nodes and a QDevice."),
}
# When the members seem to be enough and the cluster itself still says no, it is right.
_SAYS_NO = gettext_noop(
    "%(total)d of %(expected)d votes seem to be there, but the cluster itself says that it has no "
    "quorum. It may just be gathering."
)
REASONS: Mapping[Unknown, str] = {
    Unknown.NEVER_SEEN: gettext_noop("No node of it has answered yet."),
    Unknown.TOO_OLD: gettext_noop("No node of it has answered for %(age)d seconds."),
    Unknown.VOTES_NOT_READ: gettext_noop(
        "The votes could not be read. The panel's token needs Sys.Audit on / for it."
    ),
    Unknown.QDEVICE_NOT_READ: gettext_noop(
        "The state of the QDevice could not be read. The panel's token needs Sys.Audit on /."
    ),
}

_OR = gettext_noop("%(first)s or %(last)s")
_AND = gettext_noop("%(first)s and %(last)s")
_THE_QDEVICE = gettext_noop("the QDevice")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement. `losses` and `missing` are node names, None among them is the QDevice."""

    code: Code
    cluster: str
    ballot: Ballot | None = None
    losses: tuple[str | None, ...] = ()
    missing: tuple[str | None, ...] = ()
    unknown: Unknown | None = None
    age_seconds: int = 0
    cure: Cure | None = None

    @property
    def level(self) -> Level:
        """How bad it is."""
        return LEVELS[self.code]

    @property
    def fatal_nodes(self) -> tuple[str, ...]:
        """The nodes with whose loss the rest loses its quorum."""
        if self.code is Code.SINGLE_NODE and self.ballot:
            return tuple(sorted(self.ballot.online))
        return tuple(name for name in self.losses if name is not None)

    def sentence(self, translate: Translate = untranslated) -> str:
        """The verdict in one sentence."""
        return translate(SENTENCES[self.code]) % self._params(translate)

    def detail(self, translate: Translate = untranslated) -> str:
        """The evidence in one sentence."""
        if self.unknown is not None:
            return translate(REASONS[self.unknown]) % self._params(translate)
        template = DETAILS[self.code]
        if self.code is Code.NOT_QUORATE and self.ballot and self.ballot.is_quorate:
            template = _SAYS_NO
        return translate(template) % self._params(translate)

    def _params(self, translate: Translate) -> dict[str, Any]:
        counted = self.ballot
        return {
            "cluster": self.cluster,
            "losses": _listed(self.losses, _OR, translate),
            "missing": _listed(self.missing, _AND, translate),
            "total": counted.total if counted else 0,
            "expected": counted.expected if counted else 0,
            "needed": counted.needed if counted else 0,
            "age": self.age_seconds,
        }


def _listed(names: Sequence[str | None], last: str, translate: Translate) -> str:
    """`a, b or c` in the reader's language."""
    words = [translate(_THE_QDEVICE) if name is None else name for name in names]
    if len(words) < 2:
        return "".join(words)
    return translate(last) % {"first": ", ".join(words[:-1]), "last": words[-1]}


def unknown(cluster: str, reason: Unknown, age_seconds: int = 0) -> Verdict:
    """The verdict when there is nothing to judge from; `age_seconds` since the last answer."""
    return Verdict(Code.UNKNOWN, cluster, unknown=reason, age_seconds=age_seconds)


def judge(
    cluster: str,
    votes: Sequence[NodeVotes],
    online: Collection[str],
    qdevice: QDevice | None,
    quorate: bool | None,
) -> Verdict:
    """The verdict from the votes alone.

    votes: empty when they could not be read. online: names of the nodes that are members now.
    qdevice: None when its state could not be read. quorate: what the cluster itself says (see
    `judge_quorate`), which outranks our count; None when nobody told.
    """
    if not votes:
        return unknown(cluster, Unknown.VOTES_NOT_READ)
    if qdevice is None or (qdevice.configured and qdevice.connected is None):
        return unknown(cluster, Unknown.QDEVICE_NOT_READ)
    counted = ballot(votes, online, qdevice)
    is_quorate = counted.is_quorate if quorate is None else quorate
    if not is_quorate:
        missing = _missing(counted)
        cure = _cure_for_missing(counted)
        return Verdict(Code.NOT_QUORATE, cluster, counted, missing=missing, cure=cure)
    if len(votes) == 1:
        return Verdict(Code.SINGLE_NODE, cluster, counted, cure=JOIN_A_SECOND_NODE)
    return _judge_losses(cluster, counted)


def _judge_losses(cluster: str, counted: Ballot) -> Verdict:
    missing = _missing(counted)
    losses = tuple(loss.node for loss in counted.losses() if not loss.is_survived)
    if missing:
        code = Code.NO_LOSS_LEFT if losses else Code.SURVIVES_ONE_MORE_LOSS
        return Verdict(code, cluster, counted, losses, missing, cure=_cure_for_missing(counted))
    if not losses:
        return Verdict(Code.SURVIVES_ANY_SINGLE_LOSS, cluster, counted)
    equal = has_equal_votes(counted) or len(counted.votes) == 2
    cure = add_a_qdevice(len(counted.votes)) if equal else EQUAL_VOTES
    return Verdict(Code.WOULD_NOT_SURVIVE, cluster, counted, losses, cure=cure)


def _missing(counted: Ballot) -> tuple[str | None, ...]:
    lacks_qdevice = counted.qdevice_votes and not counted.has_qdevice
    return (*counted.missing, None) if lacks_qdevice else counted.missing


def _cure_for_missing(counted: Ballot) -> Cure:
    return bring_back(counted.missing, qdevice=None in _missing(counted))
