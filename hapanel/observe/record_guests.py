"""Guests: from differences to rows. Only what changed is written, and never an older look over a
newer truth."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta

from hapanel.live.stream import Kind
from hapanel.observe.events import Fact, Happening, guest_happenings
from hapanel.observe.facts import UNKNOWN, GuestFacts
from hapanel.observe.guest_rows import FROM_FACTS, GuestRows
from hapanel.observe.journal import Journal
from hapanel.observe.picture import Differences, Look, Picture
from hapanel.observe.recorded import guest_facts_of
from nodes.models import Cluster
from vms.models import Guest

# More ids than this in one query make reading all guests of the cluster the quicker way.
_READ_ALL_FROM = 400
_CLOCK_JUMP = timedelta(minutes=1)


@dataclass
class WrittenGuests:
    """What became of the guests that looked different. `to_read`: configurations to read anew."""

    written: list[int] = field(default_factory=list)
    to_read: list[int] = field(default_factory=list)


def write_guests(
    cluster: Cluster, found: Differences, look: Look, picture: Picture, journal: Journal
) -> WrittenGuests:
    """Write new, changed and gone guests. `cluster.observed_at` is the time of the look before."""
    result = WrittenGuests()
    wanted = {facts.vmid for facts in found.guests} | set(found.gone_guests)
    if not wanted:
        return result
    rows = _rows(cluster, wanted)
    seen, is_first = picture.nodes_seen, cluster.observed_at is None
    changed = GuestRows()
    for facts in found.guests:
        row = rows.get(facts.vmid)
        if row is not None and _is_newer(row, look):
            picture.keep(guest_facts_of(row), facts.vmid)
            continue
        if row is not None and row.gone_at is None and guest_facts_of(row) == facts:
            continue
        if not is_first:
            journal.tell(guest_happenings(row, facts, node_is_seen=facts.node in seen))
        if row is None or _may_change_configuration(row, facts):
            result.to_read.append(facts.vmid)
        values = _values(cluster, row, facts, look)
        changed.put(row or Guest(cluster=cluster, vmid=facts.vmid), values)
    for row in _gone(rows, found.gone_guests, journal):
        changed.put(row, {"gone_at": look.answered_at, "changed_at": look.answered_at})
    changed.save()
    result.written = changed.vmids
    journal.hint(Kind.GUEST, result.written)
    return result


def _rows(cluster: Cluster, vmids: Collection[int]) -> dict[int, Guest]:
    rows = Guest.objects.filter(cluster=cluster).order_by()
    if len(vmids) <= _READ_ALL_FROM:
        rows = rows.filter(vmid__in=vmids)
    return {row.vmid: row for row in rows}


def _is_newer(row: Guest, look: Look) -> bool:
    """Whether somebody (an operation that just ended) wrote the row after this look was asked.

    A row from further in the future was written before our clock was set back.
    """
    return look.asked_at < row.changed_at < look.asked_at + _CLOCK_JUMP


def _values(
    cluster: Cluster, old: Guest | None, facts: GuestFacts, look: Look
) -> dict[str, object]:
    """The row as it is to be: `status_was` and `last_seen_at` tell of the time before unknown."""
    values: dict[str, object] = {name: getattr(facts, name) for name in FROM_FACTS}
    values |= {"changed_at": look.answered_at, "gone_at": None}
    if facts.status != UNKNOWN:
        values |= {"status_was": "", "last_seen_at": None, "last_seen_by": ""}
    if old is not None and old.type != facts.type:
        # Another guest under the same number: nothing that was read of the first one holds.
        values["config_read_at"] = None
    if facts.status == UNKNOWN and old is not None and old.status != UNKNOWN:
        values |= {
            "status_was": old.status,
            "last_seen_at": cluster.observed_at,
            "last_seen_by": cluster.seen_by,
        }
    return values


def _gone(rows: dict[int, Guest], vmids: list[int], journal: Journal) -> list[Guest]:
    found = [rows[vmid] for vmid in vmids if vmid in rows and rows[vmid].gone_at is None]
    for row in found:
        journal.tell([Happening(Fact.GUEST_REMOVED, str(row), {"vmid": row.vmid})])
    return found


def _may_change_configuration(row: Guest, facts: GuestFacts) -> bool:
    """Whether the step hints at another configuration than the one that was read."""
    sizes = (row.name, row.type, row.maxcpu, row.maxmem, row.maxdisk, row.template)
    new_sizes = (
        facts.name,
        facts.type,
        facts.maxcpu,
        facts.maxmem,
        facts.maxdisk,
        facts.template,
    )
    was_unlocked = bool(row.lock) and not facts.lock
    moved = row.node != facts.node
    return moved or was_unlocked or sizes != new_sizes or row.gone_at is not None
