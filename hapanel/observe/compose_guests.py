"""What is believed of guests: Proxmox's rows, and patience with what holds for a moment. Pure.

Sources of the rules: the guests of an offline node keep their last status for 300 s, then Proxmox
forgets their names and sizes with their measurements (pmxcfs, status.c).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from hapanel.observe.doubt import Doubts
from hapanel.observe.facts import UNKNOWN, GuestFacts, NodeFacts
from hapanel.ports.cluster import GuestState

# What a column holds; longer words are none of Proxmox's.
WORD, TEXT = 24, 255

# pvestatd reports every 10 s; a node that just returned has nothing to report before that.
METRICS_PATIENCE = timedelta(seconds=15)
# A returned node's guests are not believed to run on the strength of what was measured before.
RETURN_PATIENCE = timedelta(seconds=30)


class _Told(msgspec.Struct, frozen=True, gc=False):
    """A guest's row without its measurements, to be compared with the next one.

    Unlike a tuple it is none of the garbage collector's business: ten thousand new tuples a second
    make it walk through the whole process.
    """

    node: str
    status: str
    name: str | None
    lock: str | None
    tags: str
    hastate: str | None
    template: bool
    maxcpu: float | None
    maxmem: int | None
    maxdisk: int | None
    type: str


def _told(row: GuestState) -> _Told:
    return _Told(
        row.node,
        row.status,
        row.name,
        row.lock,
        row.tags,
        row.hastate,
        row.template,
        row.maxcpu,
        row.maxmem,
        row.maxdisk,
        row.type,
    )


class GuestComposer:
    """Turns guest rows into facts; remembers what it doubts from one look to the next."""

    def __init__(self) -> None:
        self.doubts = Doubts()
        # The uptime that was told of a guest while its node was away.
        self._frozen: dict[int, int | None] = {}
        # Each guest's row as it came last, and what it told, its measurements left out.
        self._rows: dict[int, GuestState] = {}
        self._told: dict[int, _Told] = {}

    @property
    def is_waiting(self) -> bool:
        """Whether the very same answer may mean something else later."""
        return bool(self.doubts)

    def compose(
        self,
        rows: Iterable[GuestState],
        nodes: Mapping[str, NodeFacts],
        before: Mapping[int, GuestFacts],
        now: datetime,
    ) -> dict[int, GuestFacts]:
        """The facts at the time `now` of those guests that may be other than `before`.

        Most of ten thousand guests are as they were: finding that out costs a tenth of composing
        their facts anew. A node measures every ten seconds, so most rows are even the very same.
        """
        unseen = {name for name, node in nodes.items() if not node.is_seen}
        frozen, doubted = self._frozen, self.doubts.things
        last, known, found = self._rows, self._told, {}
        if not (unseen or frozen or doubted):
            # Nothing is uncertain, as nearly always: the very same rows need no second thought.
            rows = [r for r in rows if last.get(r.vmid) != r or r.vmid not in before]
        for row in rows:
            vmid = row.vmid
            is_uncertain = row.node in unseen or vmid in frozen or vmid in doubted
            is_settled = not is_uncertain and vmid in before
            if is_settled and last.get(vmid) == row:
                continue
            last[vmid], told = row, _told(row)
            if is_settled and known.get(vmid) == told:
                continue
            known[vmid] = told
            old = before.get(vmid)
            found[vmid] = _guest(row, self._status(row, unseen, old, now), old)
        return found

    def compose_anew(self, *vmids: int) -> None:
        """What is believed of these guests (none named: of all) was changed by somebody else."""
        if not vmids:
            self._rows.clear()
            self._told.clear()
        for vmid in vmids:
            self._rows.pop(vmid, None)
            self._told.pop(vmid, None)

    def _status(
        self, row: GuestState, unseen: set[str], old: GuestFacts | None, now: datetime
    ) -> str:
        if row.node in unseen:
            self._frozen[row.vmid] = row.uptime
            return UNKNOWN
        if row.vmid in self._frozen and self._is_frozen(row, now):
            return UNKNOWN
        if row.status != UNKNOWN or old is None or old.status == UNKNOWN:
            self.doubts.drop(row.vmid)
            return row.status
        # The node is there, only its measurements are not.
        believed = self.doubts.believes(row.vmid, now, METRICS_PATIENCE)
        return UNKNOWN if believed else old.status

    def _is_frozen(self, row: GuestState, now: datetime) -> bool:
        """Whether the row still tells what was measured before the node went away."""
        doubt = ("frozen", row.vmid)
        same = row.status != "stopped" and row.uptime == self._frozen[row.vmid]
        if same and not self.doubts.believes(doubt, now, RETURN_PATIENCE):
            return True
        self.doubts.drop(doubt)
        del self._frozen[row.vmid]
        return False


def _guest(row: GuestState, status: str, old: GuestFacts | None) -> GuestFacts:
    facts = GuestFacts(
        vmid=row.vmid,
        type=row.type.value,
        node=row.node,
        status=status[:WORD],
        name=(row.name or "")[:TEXT],
        lock=(row.lock or "")[:WORD],
        tags=row.tags[:TEXT],
        template=row.template,
        maxcpu=row.maxcpu,
        maxmem=row.maxmem,
        maxdisk=row.maxdisk,
        ha_state=(row.hastate or "")[:WORD],
    )
    return _remembered(facts, old) if row.name is None and old is not None else facts


def _remembered(facts: GuestFacts, old: GuestFacts) -> GuestFacts:
    """With the measurements Proxmox also forgets name, sizes and template flag: they stand."""
    return msgspec.structs.replace(
        facts,
        name=old.name,
        tags=facts.tags or old.tags,
        template=old.template,
        maxcpu=facts.maxcpu or old.maxcpu,
        maxmem=facts.maxmem or old.maxmem,
        maxdisk=facts.maxdisk or old.maxdisk,
    )
