"""What a change does at once, whether or not a node ever dies. Pure; warnings with what to do."""

from __future__ import annotations

from collections.abc import Iterator

from hapanel.ha.change import refusals as no
from hapanel.ha.change.changed import runs_after
from hapanel.ha.change.wish import HaChange, ResourceMode, Verb
from hapanel.ha.forecast.snapshot import SeenGuest, Snapshot
from hapanel.kernel.refusal import Refusal


def consequences(change: HaChange, seen: Snapshot, after: Snapshot) -> tuple[Refusal, ...]:
    """`seen` is before the change; `after` is changed and settled."""
    return (*_of_guest(change, seen), *_moves(seen, after), *_of_cluster(change))


def _of_guest(change: HaChange, seen: Snapshot) -> Iterator[Refusal]:
    guest = next((each for each in seen.guests if each.sid == change.key), None)
    if guest is None or not change.verb.is_about_resource:
        return
    if change.verb is Verb.REMOVE_RESOURCE:
        yield no.RUNS_ON(guest=label(guest))
        rules = [rule.rule for rule in seen.rules if guest.sid in rule.resources]
        if rules:
            yield no.LEAVES_RULES(guest=label(guest), rules=", ".join(rules))
        return
    request = change.resource.state or (guest.resource.request if guest.resource else "started")
    runs = runs_after(guest, request)
    if runs and not guest.is_running:
        yield no.STARTS_NOW(guest=label(guest))
    elif guest.is_running and not runs:
        yield no.STOPS_NOW(guest=label(guest))


def _moves(seen: Snapshot, after: Snapshot) -> Iterator[Refusal]:
    was = {guest.sid: guest.node for guest in seen.guests}
    for guest in after.guests:
        source = was.get(guest.sid, guest.node)
        if source != guest.node:
            yield no.MOVES_NOW(guest=label(guest), source=source, target=guest.node)


def _of_cluster(change: HaChange) -> Iterator[Refusal]:
    if change.verb is Verb.DISARM:
        freezes = change.mode != ResourceMode.IGNORE
        yield no.DISARM_FREEZES() if freezes else no.DISARM_IGNORES()
    elif change.verb is Verb.ARM:
        yield no.ARM_RECOVERS()


def label(guest: SeenGuest) -> str:
    """`100 siakad`, as people call it."""
    return f"{guest.vmid} {guest.name}".strip()
