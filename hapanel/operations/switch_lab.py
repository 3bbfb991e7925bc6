"""The verb switch_lab, as people ask for it: power, cables and faults of the lab's machines.

The lab stands in for hardware that a person would lay hands on. A worker throws the switch
(`hapanel.operations.switch_lab_steps`); what follows from it is seen on the cluster's own pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from redis.exceptions import RedisError

from hapanel.ha.forecast.outcome import Forecast, Outcome
from hapanel.kernel.refusal import Refusal, Refused, refusal_kind
from hapanel.kernel.refusal import gettext_noop as _
from hapanel.live.lab_picture import last_look
from hapanel.operations import timeline
from hapanel.operations.forecasts import forecast
from hapanel.operations.models import OPEN_STATES, Kind, Operation
from hapanel.operations.recording import record_operation
from hapanel.operations.wishes import Asker
from hapanel.ports.lab import API_FAULTS, LabNetwork, LabPicture
from nodes.models import Cluster

NO_LAB = refusal_kind(
    "no-lab",
    _("No lab is configured."),
    _("Start `./panel demo`, or set HAPANEL_LAB_URL and HAPANEL_LAB_TOKEN."),
    status=404,
)
LAB_NOT_SEEN = refusal_kind(
    "lab-not-seen",
    _("The lab was not seen lately."),
    _("Look whether its process runs, and try again."),
)
LAB_HAS_NO = refusal_kind(
    "lab-has-no",
    _("The lab has no %(what)s."),
    _("Reload the page: the lab was started anew."),
    status=422,
)
LAB_IS_SO = refusal_kind(
    "lab-is-so",
    _("%(what)s is so already."),
    _("Nothing has to be done."),
)
NAME_NOT_TYPED = refusal_kind(
    "lab-name-not-typed",
    _("The name was not typed rightly. Nothing was switched off."),
    _("Type %(node)s: it takes its guests with it."),
    status=422,
    field="confirm",
)
FAULT_UNKNOWN = refusal_kind(
    "lab-fault-unknown",
    _("%(fault)s is no fault that the lab knows, or its number is missing."),
    _("Choose one of the list; slow, error and huge need a number."),
    status=422,
    field="fault",
)
LAB_BUSY = refusal_kind(
    "lab-busy",
    _("Operation %(operation)s is just switching something in the lab."),
    _("Wait for its end: it takes a second or two."),
)


class Switch(StrEnum):
    """What can be switched."""

    CRASH = "crash"
    POWER_ON = "power_on"
    CUT = "cut"
    HEAL = "heal"
    MAINTENANCE_ON = "maintenance_on"
    MAINTENANCE_OFF = "maintenance_off"
    QDEVICE_ON = "qdevice_on"
    QDEVICE_OFF = "qdevice_off"
    API = "api"


_OF_QDEVICE = frozenset({Switch.QDEVICE_ON, Switch.QDEVICE_OFF})
ALL_NETWORKS = "all"
Order = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LabWish:
    """One switch. network: a LabNetwork or `all`, for cables. fault and amount: for the API."""

    switch: Switch
    node: str = ""
    network: str = ALL_NETWORKS
    fault: str = ""
    amount: int | None = None

    @property
    def subject(self) -> str:
        """What it is about, for lists."""
        return "QDevice" if self.switch in _OF_QDEVICE else self.node

    @property
    def networks(self) -> list[str]:
        """The networks whose cable is meant."""
        return [n.value for n in LabNetwork] if self.network == ALL_NETWORKS else [self.network]

    def orders(self, picture: LabPicture) -> Iterator[Order]:
        """The actions of `ctl` that carry it out."""
        match self.switch:
            case Switch.CRASH:
                yield "crash", self.node
            case Switch.POWER_ON:
                yield "power-on", self.node
            case Switch.CUT | Switch.HEAL:
                for other in picture.others(self.node):
                    yield self.switch.value, self.node, other, "--network", self.network
            case Switch.MAINTENANCE_ON | Switch.MAINTENANCE_OFF:
                yield "maintenance", self.node, self.switch.value.removeprefix("maintenance_")
            case Switch.QDEVICE_ON | Switch.QDEVICE_OFF:
                yield "qdevice", self.switch.value.removeprefix("qdevice_")
            case Switch.API:
                number = () if self.amount is None else (str(self.amount),)
                yield "api", self.node, self.fault, *number

    def is_done(self, picture: LabPicture) -> bool:
        """Whether the lab shows what was wished. Raises KeyError for an unknown node."""
        match self.switch:
            case Switch.QDEVICE_ON | Switch.QDEVICE_OFF:
                return picture.qdevice == self.switch.value.removeprefix("qdevice_")
            case Switch.CRASH:
                return not picture.nodes[self.node].has_power
            case Switch.POWER_ON:
                return picture.nodes[self.node].has_power
            case Switch.CUT:
                return all(picture.is_unplugged(self.node, each) for each in self.networks)
            case Switch.HEAL:
                return not any(picture.cut_off(self.node, each) for each in self.networks)
            case Switch.MAINTENANCE_ON | Switch.MAINTENANCE_OFF:
                return picture.nodes[self.node].maintenance is (
                    self.switch is Switch.MAINTENANCE_ON
                )
            case Switch.API:
                return picture.nodes[self.node].api == self.fault

    def why_not(self, picture: LabPicture) -> Refusal | None:
        """Why the lab, as it is, leaves nothing to do."""
        if self.switch in _OF_QDEVICE and picture.qdevice is None:
            return LAB_HAS_NO(what="QDevice")
        if self.switch not in _OF_QDEVICE and self.node not in picture.nodes:
            return LAB_HAS_NO(what=self.node or "-")
        # A fault may be set again with another number.
        if self.switch is not Switch.API and self.is_done(picture):
            return LAB_IS_SO(what=self.subject)
        return None


def wish_of(operation: Operation) -> LabWish:
    """What the operation was asked for."""
    told = {name: value for name, value in operation.params.items() if name != "foretold"}
    return LabWish(**{**told, "switch": Switch(told["switch"])})


def cluster_of(picture: LabPicture) -> Cluster | None:
    """The recorded cluster that is this lab, None when it was not added.

    Told by address: a lab may be a copy of a real cluster and bear its name.
    """
    own = {node.address for node in picture.nodes.values()}
    for cluster in Cluster.objects.order_by("name").defer("ca_pem", "encrypted_secret"):
        urls = [*cluster.addresses, *cluster.found_addresses]
        if own & {urlsplit(url).hostname for url in urls}:
            return cluster
    return None


def request_switch_lab(wish: LabWish, asker: Asker, *, confirm: str = "") -> Operation:
    """Record that a switch of the lab shall be thrown. Cutting a node's power asks for its name in
    `confirm`. Raises Refused."""
    if not settings.LAB_URL:
        raise Refused(NO_LAB())
    picture = _seen()
    refusals = [*_wrong(wish, confirm), *filter(None, [wish.why_not(picture)]), *_in_the_way()]
    if refusals:
        raise Refused(*refusals)
    cluster = cluster_of(picture)
    told = _foretold(cluster, wish)
    operation = Operation(
        kind=Kind.SWITCH_LAB,
        cluster=cluster,
        subject=wish.subject,
        params={**asdict(wish), "foretold": told},
    )
    return record_operation(
        operation,
        asker,
        idempotency_key=None,
        body_digest="",
        after=lambda made: _note_foretold(made, told),
    )


def _seen() -> LabPicture:
    try:
        look = last_look()
    except RedisError as away:
        raise Refused(LAB_NOT_SEEN()) from away
    if look.picture is None or look.is_stale:
        raise Refused(LAB_NOT_SEEN())
    return look.picture


def _wrong(wish: LabWish, confirm: str) -> Iterator[Refusal]:
    if wish.switch is Switch.CRASH and confirm.strip() != wish.node:
        yield NAME_NOT_TYPED(node=wish.node)
    if wish.switch in (Switch.CUT, Switch.HEAL) and wish.network not in [*LabNetwork, ALL_NETWORKS]:
        yield LAB_HAS_NO(what=wish.network)
    if wish.switch is Switch.API:
        unit = API_FAULTS.get(wish.fault)
        if unit is None or bool(unit) is (wish.amount is None):
            yield FAULT_UNKNOWN(fault=wish.fault or "-")


def _in_the_way() -> list[Refusal]:
    other = Operation.objects.filter(kind=Kind.SWITCH_LAB, state__in=OPEN_STATES).first()
    return [LAB_BUSY(operation=other.pk)] if other else []


def _foretold(cluster: Cluster | None, wish: LabWish) -> dict[str, Any] | None:
    """What the panel says before the power goes, to be held against what comes."""
    if cluster is None or wish.switch is not Switch.CRASH:
        return None
    try:
        told = forecast(cluster, [wish.node])
    except Refused:
        return None
    return summary_of(told)


def summary_of(told: Forecast) -> dict[str, Any]:
    """A forecast in a few figures: guests under HA that it touches, how many of them come back,
    and within how many seconds (None when none does)."""
    counts = told.counts()
    windows = [g.seconds for g in told.guests if g.outcome is Outcome.RECOVERS and g.seconds]
    return {
        "recover": counts[Outcome.RECOVERS],
        "total": sum(
            counts[each]
            for each in (Outcome.RECOVERS, Outcome.LOST, Outcome.FAILS_THERE, Outcome.UNKNOWN)
        ),
        "least": round(min(w.least for w in windows)) if windows else None,
        "most": round(max(w.most for w in windows)) if windows else None,
        "resets": sorted(told.resets),
        "quorate": told.quorate,
    }


def _note_foretold(operation: Operation, told: dict[str, Any] | None) -> None:
    if told is None:
        return
    timeline.note(operation, "foretold", **told)
    if told["most"] is not None:
        timeline.note(operation, "foretold_within", **told)
