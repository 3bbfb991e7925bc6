"""How long a migration will take, and where the figure comes from. Pure: figures in, seconds out.

Past moves of the same guest tell most, the speed of past moves in the cluster comes next, an
assumption about the link last; whoever reads the figure is told which of them it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from hapanel.ha.migration_facts import MigrationMode
from hapanel.kernel.refusal import Refusal, refusal_kind
from hapanel.kernel.refusal import gettext_noop as _
from hapanel.kernel.units import format_bytes

# One Gbit/s carries about 112 MiB/s of payload.
ASSUMED_RATE = 112 * 1024**2
# Seconds on real clusters, from recorded runs (facts of the paper's two nodes): what a move costs
# beside the transfer, and what the HA manager's rounds of ten seconds add before and after it.
OVERHEAD = {MigrationMode.ONLINE: 8.0, MigrationMode.RESTART: 12.0, MigrationMode.OFFLINE: 4.0}
SHUTDOWN = 15.0
# Pages that the guest changes during the transfer are sent again.
SENT_AGAIN = 1.15
HA_ROUNDS = 20.0

FROM_LAST_MOVE = refusal_kind(
    "forecast-from-last-move",
    _("The last move of this guest between these nodes took as long."),
    _("The real time depends on the load of the guest and the network."),
)
FROM_THIS_GUEST = refusal_kind(
    "forecast-from-this-guest",
    _("The last %(count)s moves of this guest between these nodes took about as long."),
    _("The real time depends on the load of the guest and the network."),
)
FROM_THIS_CLUSTER = refusal_kind(
    "forecast-from-this-cluster",
    _("%(size)s at %(rate)s per second, as past moves in this cluster went."),
    _("The real time depends on the load of the guest and the network."),
)
FROM_ASSUMED_LINK = refusal_kind(
    "forecast-from-assumed-link",
    _("%(size)s over a link that is assumed to carry 1 Gbit/s: nothing was moved here yet."),
    _("After the first migration the panel forecasts from what it measured."),
)
FROM_TYPICAL_RESTART = refusal_kind(
    "forecast-from-typical-restart",
    _("Shutting down, moving and starting typically take this long; nothing was measured yet."),
    _("After the first migration the panel forecasts from what it measured."),
)


@dataclass(frozen=True, slots=True)
class PastMove:
    """One migration that succeeded: wall-clock seconds from its start to its true end."""

    seconds: float
    transferred: int | None
    is_this_guest: bool
    was_under_ha: bool
    mode: MigrationMode
    downtime_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    seconds: float
    because: Refusal
    downtime_ms: int | None = None


def forecast(
    mode: MigrationMode,
    *,
    size: int | None,
    is_under_ha: bool,
    past: list[PastMove],
    time_scale: float = 1.0,
) -> Forecast | None:
    """Forecast a move. `size`: bytes that must cross the network (memory, copied disks), None
    when unknown. `past`: newest first, all of the same pair of nodes. None: nothing to go by."""
    alike = [move for move in past if move.mode is mode and move.was_under_ha == is_under_ha]
    own = [move for move in alike if move.is_this_guest][:5]
    downtimes = [move.downtime_ms for move in own if move.downtime_ms is not None]
    downtime = round(median(downtimes)) if downtimes else None
    if own:
        seconds = median(move.seconds for move in own)
        because = FROM_THIS_GUEST(count=len(own)) if len(own) > 1 else FROM_LAST_MOVE()
        return Forecast(seconds, because, downtime)
    fixed = OVERHEAD[mode] + (HA_ROUNDS if is_under_ha else 0.0)
    if mode is MigrationMode.RESTART:
        fixed += SHUTDOWN
    if not size:
        if mode is MigrationMode.ONLINE:
            return None
        return Forecast(fixed / time_scale, FROM_TYPICAL_RESTART())
    rate = _measured_rate(past, time_scale)
    if rate is None:
        sent = size * (SENT_AGAIN if mode is MigrationMode.ONLINE else 1.0)
        seconds = (fixed + sent / ASSUMED_RATE) / time_scale
        return Forecast(seconds, FROM_ASSUMED_LINK(size=format_bytes(size)))
    seconds = (fixed + size / rate) / time_scale
    because = FROM_THIS_CLUSTER(size=format_bytes(size), rate=format_bytes(rate))
    return Forecast(seconds, because)


def _measured_rate(past: list[PastMove], time_scale: float) -> float | None:
    """Bytes per second on a real cluster's clock, out of what past moves took beside the rest."""
    rates = []
    for move in past[:20]:
        if not move.transferred or move.mode is not MigrationMode.ONLINE:
            continue
        beside = OVERHEAD[move.mode] + (HA_ROUNDS if move.was_under_ha else 0.0)
        rates.append(move.transferred / max(1.0, move.seconds * time_scale - beside))
    return median(rates) if rates else None
