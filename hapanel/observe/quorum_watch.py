"""When a change of quorum is worth a line in the history. Pure.

The record follows each answer, but one odd answer is no event: /cluster/status was seen to flicker
for minutes, and with a QDevice there is a true gap of 2 to 3 s after a node's death.
"""

from __future__ import annotations

CONFIRMED_BY = 2  # answers in a row


class QuorumWatch:
    """`announced` is what the history said last; None when it never said anything."""

    def __init__(self, announced: bool | None) -> None:
        self._announced = announced
        self._said: bool | None = None
        self._times = 0

    @property
    def is_certain(self) -> bool:
        """Whether the last answer was said as often as it takes to be believed."""
        return self._times >= CONFIRMED_BY

    def hear(self, quorate: bool | None) -> bool | None:
        """Take in one answer; what is to be announced now, None for nothing."""
        if quorate is None:
            return None
        self._times = self._times + 1 if quorate == self._said else 1
        self._said = quorate
        if self._announced is None:
            # A cluster that is whole when it is met for the first time is no news.
            self._announced = True
        if quorate == self._announced or self._times < CONFIRMED_BY:
            return None
        self._announced = quorate
        return quorate
