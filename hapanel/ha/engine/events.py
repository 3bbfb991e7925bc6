"""What happens in a world, typed, each with the second it happened and why.

`line()` makes an English line of an event for logs and tests; pages word their own from the fields.
"""

from __future__ import annotations

import msgspec

from hapanel.ha.engine.reasons import No, RuledOut, Why
from hapanel.ha.engine.rules import Conflict
from hapanel.ha.engine.words import CrmState, LrmMode, LrmState, NodeState, ServiceState


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all events. at: seconds of the world's clock."""

    at: float


class CrmChanged(Event, frozen=True, kw_only=True):
    """A CRM changed its state; None stands for not running."""

    node: str
    old: CrmState | None
    new: CrmState | None


class LrmChanged(Event, frozen=True, kw_only=True):
    """An LRM changed its state; None stands for not running."""

    node: str
    old: LrmState | None
    new: LrmState | None


class LrmTold(Event, frozen=True, kw_only=True):
    """An LRM chose the mode that it tells the master."""

    node: str
    mode: LrmMode


class LockTaken(Event, frozen=True, kw_only=True):
    """`node` got a lock that it had not held."""

    node: str
    lock: str


class NodeChanged(Event, frozen=True, kw_only=True):
    """The master (`seen_by`) sees a node otherwise than before."""

    node: str
    old: NodeState
    new: NodeState
    seen_by: str


class FenceStarted(Event, frozen=True, kw_only=True):
    """The master waits from now on for the node's agent lock."""

    node: str


class FenceAcknowledged(Event, frozen=True, kw_only=True):
    """The node's agent lock is the master's: the node is known to be dead."""

    node: str


class ServiceAdded(Event, frozen=True, kw_only=True):
    """A service came under the manager."""

    sid: str
    state: ServiceState
    node: str


class ServiceDropped(Event, frozen=True, kw_only=True):
    """A service left the manager."""

    sid: str
    state: ServiceState
    node: str
    reason: str


class ServiceChanged(Event, frozen=True, kw_only=True):
    """A service changed its state. `origin` is the node it was on, `node` the one it is on."""

    sid: str
    old: ServiceState
    new: ServiceState
    origin: str
    node: str
    target: str | None = None
    timeout: int | None = None
    by_disarm: bool = False


class ServiceRelocated(Event, frozen=True, kw_only=True):
    """At arming, a service was found on another node than where it was disarmed."""

    sid: str
    origin: str
    node: str


class PlaceChosen(Event, frozen=True, kw_only=True):
    """A node was chosen for a service that has to leave its own, and why not another one."""

    sid: str
    origin: str
    node: str
    why: Why
    ruled_out: tuple[RuledOut, ...]


class NoPlace(Event, frozen=True, kw_only=True):
    """No node was found for a service that needs one."""

    sid: str
    origin: str
    why: Why
    ruled_out: tuple[RuledOut, ...]


class LockRemoved(Event, frozen=True, kw_only=True):
    """A recovered guest's leftover lock was removed."""

    sid: str
    lock: str


class CommandTaken(Event, frozen=True, kw_only=True):
    """The master took a command up; `also` are partners that it drags along."""

    command: str
    also: tuple[str, ...] = ()


class CommandRefused(Event, frozen=True, kw_only=True):
    """The master threw a command away; `partner` is the service that stands against it."""

    command: str
    reason: No
    partner: str = ""


class RuleDropped(Event, frozen=True, kw_only=True):
    """A rule takes no effect."""

    rule: str
    reason: Conflict


class GroupsMigrated(Event, frozen=True, kw_only=True):
    """HA groups became rules for good, or `reason` says why not."""

    reason: str | None


class Rebalanced(Event, frozen=True, kw_only=True):
    """The scheduler wants a bundle to move; imbalance before and expected after."""

    sid: str
    node: str
    before: float
    after: float


class RebalanceFailed(Event, frozen=True, kw_only=True):
    """No rebalancing this round: `sid` is on a node that is not online."""

    sid: str


class DisarmDeferred(Event, frozen=True, kw_only=True):
    """Disarming waits for a service."""

    sid: str
    state: ServiceState


class DisarmCompleted(Event, frozen=True, kw_only=True):
    """No watchdog is armed any more, nothing fails over."""


class Rearmed(Event, frozen=True, kw_only=True):
    """HA works again."""


class WatchdogExpired(Event, frozen=True, kw_only=True):
    """A node's watchdog reset it."""

    node: str


class JobBegun(Event, frozen=True, kw_only=True):
    """An LRM starts work on a guest: `state` says what for, `uid` names the job."""

    node: str
    sid: str
    state: ServiceState
    uid: int | None
    target: str | None = None


class GuestStarted(Event, frozen=True, kw_only=True):
    """A guest runs now."""

    node: str
    sid: str


class GuestStopped(Event, frozen=True, kw_only=True):
    """A guest was stopped in order."""

    node: str
    sid: str


class GuestMoved(Event, frozen=True, kw_only=True):
    """A guest's configuration went to another node; a live one kept running."""

    node: str
    sid: str
    target: str
    live: bool


class JobFailed(Event, frozen=True, kw_only=True):
    """Work on a guest failed; `will_retry` says whether the LRM itself tries once more."""

    node: str
    sid: str
    state: ServiceState
    reason: str
    will_retry: bool = False


class FileSystemTrouble(Event, frozen=True, kw_only=True):
    """A daemon could not read or write the cluster file system and left its round out."""

    node: str
    daemon: str


def line(event: Event) -> str:
    """An event as one English line."""
    fields = ", ".join(
        f"{name}={_word(getattr(event, name))}"
        for name in event.__struct_fields__
        if name != "at" and getattr(event, name) not in (None, (), False)
    )
    return f"{event.at:g} {type(event).__name__}: {fields}"


def _word(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + "; ".join(str(each) for each in value) + "]"
    return str(value)
