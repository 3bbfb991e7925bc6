"""What one look leaves behind besides records: hints for browsers, lines of history."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from hapanel.live.stream import Kind, publish
from hapanel.observe.events import Happening
from nodes.models import Cluster, Event

# From here on one hint with an empty key says "many": nobody fetches so many parts one by one.
MANY = 50


@dataclass
class Journal:
    """Collects during a look and is written out once, inside its transaction."""

    hints: list[tuple[Kind, str]] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)

    def hint(self, kind: Kind, keys: Iterable[object]) -> None:
        """Say that these changed; very many become one hint with an empty key."""
        found = [str(key) for key in keys]
        self.hints.extend((kind, key) for key in (found if len(found) <= MANY else [""]))

    def tell(self, happenings: Iterable[Happening]) -> None:
        """Add lines to the history."""
        self.happenings.extend(happenings)

    def write(self, cluster: Cluster, at: datetime) -> None:
        """Write the history and send the hints when the transaction has committed."""
        if self.happenings:
            Event.objects.bulk_create([each.as_event(cluster, at) for each in self.happenings])
            self.hints.append((Kind.CLUSTER, cluster.name))
        publish((cluster.name, kind, key) for kind, key in dict.fromkeys(self.hints))
