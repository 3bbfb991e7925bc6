"""Why something was decided or refused, as words that pages can translate."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Because(StrEnum):
    """Why a node does not come into question for a service."""

    NOT_ONLINE = "not online"
    NODE_AFFINITY = "strict node affinity"
    LOWER_PRIORITY = "lower priority"
    FAILED_THERE = "start failed there"
    NEGATIVE_AFFINITY = "negative affinity"
    POSITIVE_AFFINITY = "positive affinity"
    WORSE_SCORE = "worse score"


class Why(StrEnum):
    """What a node was looked for."""

    RECOVERY = "recovery"
    REBALANCE_ON_START = "rebalance on start"
    START_FAILED = "start failed"
    TRIED_EVERYWHERE = "start failed everywhere, trying here again"
    MAINTENANCE = "maintenance"
    BACK_FROM_MAINTENANCE = "node came back from maintenance"
    BELONGS_THERE = "belongs there"


class No(StrEnum):
    """Why the master threw a command away."""

    NOT_UNDERSTOOD = "not understood"
    NO_SUCH_SERVICE = "no such service"
    NODE_NOT_ONLINE = "node not online"
    ALREADY_THERE = "service already on target node"
    ALREADY_STOPPED = "service already stopped"
    NEGATIVE_PARTNER_THERE = "a negative partner is there"
    ALREADY_IN_MAINTENANCE = "node is already in maintenance"
    ALREADY_DISARMED = "already disarmed or disarming"
    NOT_DISARMED = "HA stack is not disarmed"


class RuledOut(msgspec.Struct, frozen=True):
    """Why `sid` does not go to `node`; `partner` is the service or the rule that speaks."""

    sid: str
    node: str
    because: Because
    partner: str = ""

    def __str__(self) -> str:
        partner = f" with {self.partner}" if self.partner else ""
        return f"{self.sid} not to {self.node}: {self.because}{partner}"
