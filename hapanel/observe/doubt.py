"""Patience with answers that are true only for a moment. Pure.

A node that comes back answers its first seconds with `unknown` for everything, and the others still
tell what it measured before it died. So some things are believed only once they have been said for
a while, and until then what was recorded stands.
"""

from __future__ import annotations

from collections.abc import Hashable, Set
from datetime import datetime, timedelta


class Doubts:
    """Things that were said and are not believed yet, with the time they were first said."""

    def __init__(self) -> None:
        self._since: dict[Hashable, datetime] = {}

    def __bool__(self) -> bool:
        return bool(self._since)

    @property
    def things(self) -> Set[Hashable]:
        """Everything that is doubted now."""
        return self._since.keys()

    def believes(self, what: Hashable, now: datetime, patience: timedelta) -> bool:
        """Whether `what`, said again at `now`, has been said for as long as `patience`."""
        if now - self._since.setdefault(what, now) < patience:
            return False
        self._since.pop(what)
        return True

    def drop(self, what: Hashable) -> None:
        """`what` is not said any more."""
        self._since.pop(what, None)
