"""Guests on both sides of a split brain: how those of the losing side keep what they wrote.

Each is shut down, then copied (vzdump) to a storage that does not lie on the resource: in this
order nothing is written after its copy. Once the side has given up its changes the copy is
restored: on the survivor while the resync runs, where the archive can be read there and the guest
may go there; else on its own node when both copies are the same again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from hapanel.drbd import orders
from hapanel.drbd.recovery import Act, GuestSteps, RecoveryStep
from hapanel.drbd.rescue_refusals import (
    NO_BACKUP_STORAGE,
    NO_ROOM,
    NO_SUCH_STORAGE,
    NO_WAY_BACK,
    RESCUE_LOCKED,
)
from hapanel.kernel.names import GuestType, service_id
from hapanel.kernel.refusal import Refusal

ARCHIVE = "ARCHIVE"
"""Stands in a command for the archive as long as it is not written."""
ANY_STORAGE = "STORAGE"


@dataclass(frozen=True, slots=True)
class BackupStorage:
    """A storage of the victim that takes backups and does not lie on the resource. `shared`: the
    survivor can read what lies there. `free`: bytes; None when not known."""

    storage: str
    shared: bool
    free: int | None


@dataclass(frozen=True, slots=True)
class RescuedGuest:
    """A guest on the victim. `requested`: what is asked of the HA manager, blank when the guest is
    not under HA. `size`: bytes of all its disks; None when not known. `is_bound`: something ties it
    to its node. `is_drawn`: rules or groups of HA could take it back to the victim before its copy
    there is whole. `restore_to`: the storage for a container's volumes, which Proxmox does not take
    from the archive."""

    vmid: int
    name: str
    type: GuestType
    running: bool
    requested: str = ""
    size: int | None = None
    lock: str = ""
    is_bound: bool = False
    is_drawn: bool = False
    restore_to: str = ""

    @property
    def sid(self) -> str:
        """The HA manager's name of it."""
        return service_id(self.type, self.vmid)

    @property
    def is_under_ha(self) -> bool:
        """Whether the HA manager starts and stops it."""
        return bool(self.requested)

    @property
    def is_to_run(self) -> bool:
        """Whether it runs, or the HA manager is asked to let it run."""
        return self.running or self.requested == "started"

    def __str__(self) -> str:
        return f"{self.vmid} {self.name}".strip()

    def as_record(self) -> dict[str, Any]:
        """The guest as plain values."""
        return asdict(self) | {"type": self.type.value}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> RescuedGuest:
        """The inverse of `as_record`; more keys do not matter."""
        known = {name: record[name] for name in cls.__slots__ if name in record}
        return cls(**known | {"type": GuestType(record["type"])})


@dataclass(frozen=True, slots=True)
class Rescue:
    """What becomes of the victim's guests. Possible only without refusals; `storage` is blank when
    there is none. `choices`: the storages, the one with most room first."""

    guests: tuple[RescuedGuest, ...]
    storage: str = ""
    shared: bool = False
    choices: tuple[BackupStorage, ...] = ()
    refusals: tuple[Refusal, ...] = ()

    @property
    def needed(self) -> int | None:
        """Bytes of all disks that are copied: what the copies take at most; None: not known."""
        sizes = [guest.size for guest in self.guests]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    def goes_over(self, guest: RescuedGuest) -> bool:
        """Whether the guest is restored on the survivor."""
        return self.shared and not guest.is_bound

    def going_over(self) -> tuple[RescuedGuest, ...]:
        """The guests that run on the survivor afterwards."""
        return tuple(guest for guest in self.guests if self.goes_over(guest))

    def coming_back(self) -> tuple[RescuedGuest, ...]:
        """The guests that run on the victim again afterwards."""
        return tuple(guest for guest in self.guests if not self.goes_over(guest))


def rescue_of(
    guests: tuple[RescuedGuest, ...],
    storages: tuple[BackupStorage, ...],
    *,
    resource: str,
    victim: str,
    survivor: str,
    is_dual: bool | None,
    copy_to: str = "",
) -> Rescue:
    """The way for the victim's guests, with what hinders it.

    is_dual: whether both sides are meant to be Primary for good; only then a guest can run on the
    victim after the resync while others run on the survivor. copy_to: the storage that was chosen,
    blank for the one with most room.
    """
    choices = tuple(sorted(storages, key=lambda one: (-(one.free or 0), one.storage)))
    names = {"resource": resource, "node": victim}
    if not choices:
        return Rescue(guests, refusals=(NO_BACKUP_STORAGE(**names),))
    chosen = next((one for one in choices if one.storage == copy_to), None)
    if chosen is None and copy_to:
        told = ", ".join(one.storage for one in choices)
        refusal = NO_SUCH_STORAGE(**names, storage=copy_to, storages=told)
        return Rescue(guests, choices=choices, refusals=(refusal,))
    chosen = chosen or choices[0]
    rescue = Rescue(guests, chosen.storage, chosen.shared, choices)
    refusals = tuple(_hindrances(rescue, chosen, victim, survivor, is_dual))
    return Rescue(guests, chosen.storage, chosen.shared, choices, refusals)


def _hindrances(
    rescue: Rescue, chosen: BackupStorage, victim: str, survivor: str, is_dual: bool | None
) -> Iterator[Refusal]:
    for guest in rescue.guests:
        if guest.lock:
            yield RESCUE_LOCKED(guest=str(guest), lock=guest.lock)
    needed = rescue.needed
    if needed is not None and chosen.free is not None and needed > chosen.free:
        sizes = {"needed": needed, "free": chosen.free}
        yield NO_ROOM(storage=chosen.storage, node=victim, **sizes)
    staying = rescue.coming_back()
    if staying and not is_dual:
        guests = ", ".join(map(str, staying))
        yield NO_WAY_BACK(guests=guests, node=victim, survivor=survivor, storage=chosen.storage)


def guest_steps(rescue: Rescue, victim: str, survivor: str) -> GuestSteps:
    """The steps of the victim's guests; one that did not run is not started either."""
    over, back = rescue.going_over(), rescue.coming_back()
    return GuestSteps(
        before=tuple(_before(rescue, victim)),
        meanwhile=tuple(step for guest in over for step in _over(guest, victim, survivor)),
        afterwards=(
            *(start(guest, survivor) for guest in over if guest.is_to_run and guest.is_drawn),
            *(step for guest in back for step in _back(guest, victim)),
        ),
    )


def _before(rescue: Rescue, victim: str) -> Iterator[RecoveryStep]:
    for guest in rescue.guests:
        if guest.is_to_run:
            yield stop(guest, victim)
        line = orders.back_up(guest.vmid, rescue.storage or ANY_STORAGE)
        yield RecoveryStep(Act.BACKUP, victim, line, str(guest.vmid))


def _over(guest: RescuedGuest, victim: str, survivor: str) -> Iterator[RecoveryStep]:
    line = orders.move(guest.type, guest.vmid, survivor, is_under_ha=guest.is_under_ha)
    yield RecoveryStep(Act.MOVE, victim, line, str(guest.vmid))
    yield _restore(guest, survivor)
    if guest.is_to_run and not guest.is_drawn:
        yield start(guest, survivor)


def _back(guest: RescuedGuest, victim: str) -> Iterator[RecoveryStep]:
    yield _restore(guest, victim)
    if guest.is_to_run:
        yield start(guest, victim)


def _restore(guest: RescuedGuest, node: str) -> RecoveryStep:
    line = orders.restore(guest.type, guest.vmid, ARCHIVE, guest.restore_to)
    return RecoveryStep(Act.RESTORE, node, line, str(guest.vmid))


def stop(guest: RescuedGuest, node: str) -> RecoveryStep:
    """Shut the guest down; of one under HA its requested state is what says so."""
    line = orders.stop(guest.type, guest.vmid, is_under_ha=guest.is_under_ha)
    return RecoveryStep(Act.STOP, node, line, str(guest.vmid))


def start(guest: RescuedGuest, node: str) -> RecoveryStep:
    """Let the guest run on the node, where its configuration is."""
    line = orders.start(guest.type, guest.vmid, requested=guest.requested)
    return RecoveryStep(Act.START, node, line, str(guest.vmid))


@dataclass(frozen=True, slots=True)
class GuestNow:
    """A guest as the cluster shows it. `hastate`: what the HA manager has it in; None: not told."""

    node: str
    running: bool
    lock: str = ""
    hastate: str | None = None


def shows(step: RecoveryStep, guest: RescuedGuest, now: GuestNow | None, home: str) -> bool:
    """Whether the cluster shows what a step of a guest is for; `home` is where a move goes. Backups
    and restores are not told by the guest, but by their archive and their task."""
    if now is None:
        return False
    match step.act:
        case Act.STOP:
            return not now.running and (not guest.is_under_ha or now.hastate in _AT_REST)
        case Act.MOVE:
            return now.node == home and not now.lock
        case Act.START:
            begun = not guest.is_under_ha or now.hastate == "started"
            return now.running and now.node == step.node and begun
        case _:
            return False


# `stopped` is one that the HA manager has stopped; one that it does not list any more is at rest.
_AT_REST = frozenset({"stopped", "ignored", "", None})
