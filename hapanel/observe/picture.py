"""What one process believes of one cluster, and what a new look changes in it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from hapanel.observe.compose import node_facts, service_facts, storage_facts
from hapanel.observe.compose_guests import GuestComposer
from hapanel.observe.doubt import Doubts
from hapanel.observe.facts import (
    GuestFacts,
    NodeFacts,
    Recorded,
    ServiceFacts,
    StorageFacts,
    StorageKey,
)
from hapanel.ports.cluster import HaStatus, Membership, Resources

K = TypeVar("K")
F = TypeVar("F")


@dataclass(frozen=True)
class Look:
    """The answers of one look. None: not asked, or (resources) the same bytes as before.

    asked_at, answered_at: our clock around /cluster/resources. is_ha_untold,
    is_membership_untold: it was asked, and not answered: what was known is known no more.
    """

    asked_at: datetime
    answered_at: datetime
    resources: Resources | None = None
    membership: Membership | None = None
    ha: HaStatus | None = None
    is_ha_untold: bool = False
    is_membership_untold: bool = False


@dataclass
class Differences:
    """What is not as recorded: new and changed ones, and the keys of those that are gone."""

    nodes: list[NodeFacts] = field(default_factory=list)
    guests: list[GuestFacts] = field(default_factory=list)
    storages: list[StorageFacts] = field(default_factory=list)
    services: list[ServiceFacts] = field(default_factory=list)
    gone_nodes: list[str] = field(default_factory=list)
    gone_guests: list[int] = field(default_factory=list)
    gone_storages: list[StorageKey] = field(default_factory=list)
    gone_services: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any(vars(self).values())


class Picture:
    """The last facts by key. `patience`: how long something has to be missing to be gone."""

    def __init__(self, recorded: Recorded, patience: timedelta) -> None:
        self._composer = GuestComposer()
        self.start_from(recorded)
        self.resources: Resources | None = None
        self.membership: Membership | None = None
        self.ha: HaStatus | None = None
        self._patience = patience
        self._missing = Doubts()

    def start_from(self, recorded: Recorded) -> None:
        """Believe the records instead of what was remembered; doubts and answers stay."""
        self.nodes = dict(recorded.nodes)
        self.guests = dict(recorded.guests)
        self.storages = dict(recorded.storages)
        self.services = dict(recorded.services)
        self._composer.compose_anew()
        self._look_again = True

    @property
    def nodes_seen(self) -> frozenset[str]:
        """The names of the nodes that are living members."""
        return frozenset(name for name, node in self.nodes.items() if node.is_seen)

    def see(self, look: Look) -> Differences:
        """Take a look in; what it changes. Compares guests only when that can change anything."""
        self.membership = None if look.is_membership_untold else look.membership or self.membership
        self.ha = None if look.is_ha_untold else look.ha or self.ha
        resources = look.resources or self.resources
        if resources is None:
            return Differences()
        now, found = look.asked_at, Differences()
        seen_before = self.nodes_seen
        nodes = node_facts(resources, self.membership, self.ha, self.nodes)
        found.nodes, found.gone_nodes = self._compare(self.nodes, nodes, now, "node")
        if look.resources is not None or self._is_open() or self.nodes_seen != seen_before:
            self._look_again = False
            guests = self._composer.compose(resources.guests, self.nodes, self.guests, now)
            told = [row.vmid for row in resources.guests]
            found.guests, found.gone_guests = self._take(self.guests, guests, told, now, "guest")
            storages = storage_facts(resources.storages, self.nodes, self.storages)
            changed, gone = self._compare(self.storages, storages, now, "storage")
            found.storages, found.gone_storages = changed, gone
        if look.ha is not None:
            services = service_facts(look.ha)
            found.services, found.gone_services = self._compare(
                self.services, services, now, "service"
            )
        self.resources = resources
        return found

    def keep(self, guest: GuestFacts, vmid: int) -> None:
        """Go on believing `guest` of `vmid`, because what was seen was not written.

        So the next look finds the difference again.
        """
        self._look_again = True
        self._composer.compose_anew(vmid)
        self.guests[vmid] = guest

    def _is_open(self) -> bool:
        """Whether the same bytes may mean something else by now."""
        return self._composer.is_waiting or bool(self._missing) or self._look_again

    def _compare(
        self, before: dict[K, F], now_there: Mapping[K, F], now: datetime, what: str
    ) -> tuple[list[F], list[K]]:
        """New and changed facts and the keys that are gone; `before` is brought up to date."""
        return self._take(before, now_there, now_there.keys(), now, what)

    def _take(
        self,
        before: dict[K, F],
        news: Mapping[K, F],
        there: Collection[K],
        now: datetime,
        what: str,
    ) -> tuple[list[F], list[K]]:
        """As `_compare`; `news` are some facts, and `there` the keys of all things that are."""
        changed = [fact for key, fact in news.items() if before.get(key) != fact]
        before.update(news)
        if self._missing:
            for key in there:
                self._missing.drop((what, key))
        if len(before) == len(there):
            return changed, []
        absent = before.keys() - set(there)
        gone = [key for key in absent if self._missing.believes((what, key), now, self._patience)]
        for key in gone:
            del before[key]
        return changed, gone
