"""The lab as a drawing: machines between their two networks, what runs where, the QDevice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from hapanel.ports.lab import RUNNING, LabNetwork, LabPicture

BOX, GAP, MARGIN = 200.0, 36.0, 12.0
BUS_TOP, BOX_TOP, DROP, HEAD, LINE, PAD = 34.0, 78.0, 44.0, 50.0, 20.0, 10.0
QDEVICE_WIDTH = 108.0
MOST_GUESTS = 8


@dataclass(frozen=True, slots=True)
class Cable:
    """From a bus to a machine. state: ok, cut, or frayed (some others are not reached)."""

    network: str
    state: str
    x: float
    top: float
    bottom: float

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


@dataclass(frozen=True, slots=True)
class Line:
    """A guest within its machine's box."""

    text: str
    state: str
    y: float

    @property
    def mark_y(self) -> float:
        return self.y - 10


@dataclass(frozen=True, slots=True)
class Machine:
    """A node's box. more: how many guests have no room in it."""

    name: str
    power: str
    quorate: bool
    x: float
    guests: list[Line]
    more: int
    cables: list[Cable]

    @property
    def middle(self) -> float:
        return self.x + BOX / 2

    @property
    def text_x(self) -> float:
        return self.x + 12

    @property
    def guest_x(self) -> float:
        return self.x + 28


@dataclass(frozen=True, slots=True)
class Drawing:
    """What the template draws. qdevice: on, off or None."""

    machines: list[Machine]
    width: float
    box_height: float
    qdevice: str | None

    box = BOX
    box_top = BOX_TOP
    bus_top = BUS_TOP
    bus_left = MARGIN

    @property
    def bus_bottom(self) -> float:
        return BOX_TOP + self.box_height + DROP

    @property
    def height(self) -> float:
        return self.bus_bottom + 24

    @property
    def bus_right(self) -> float:
        return self.machines[-1].x + BOX

    @property
    def qdevice_x(self) -> float:
        return self.bus_right + GAP

    @property
    def more_y(self) -> float:
        return BOX_TOP + self.box_height - PAD

    @property
    def qdevice_middle(self) -> float:
        return self.qdevice_x + QDEVICE_WIDTH / 2


def drawing_of(picture: LabPicture) -> Drawing | None:
    """The drawing of a lab; None when it has no node."""
    if not picture.nodes:
        return None
    where = _guests_by_node(picture)
    longest = min(MOST_GUESTS, max(len(guests) for guests in where.values()))
    is_cropped = any(len(guests) > MOST_GUESTS for guests in where.values())
    height = HEAD + LINE * (longest + is_cropped) + PAD
    machines = [
        _machine(picture, name, MARGIN + at * (BOX + GAP), height, where[name])
        for at, name in enumerate(picture.nodes)
    ]
    width = machines[-1].x + BOX + MARGIN
    if picture.qdevice is not None:
        width += GAP + QDEVICE_WIDTH
    return Drawing(machines, width, height, picture.qdevice)


Guests = list[tuple[str, str]]


def _guests_by_node(picture: LabPicture) -> Mapping[str, Guests]:
    """Text and state of each guest, on the node where it runs or else lies."""
    found: dict[str, Guests] = defaultdict(list, {name: [] for name in picture.nodes})
    for vmid, guest in sorted(picture.guests.items(), key=lambda each: int(each[0])):
        state = "ok" if guest.state == RUNNING and guest.runs_on else "off"
        found[guest.runs_on or guest.node].append((f"{vmid} {guest.name}", state))
    return found


def _machine(picture: LabPicture, name: str, x: float, height: float, guests: Guests) -> Machine:
    node, bottom = picture.nodes[name], BOX_TOP + height
    places = {
        LabNetwork.CLUSTER: (BUS_TOP, BOX_TOP),
        LabNetwork.REPLICATION: (bottom, bottom + DROP),
    }
    return Machine(
        name=name,
        power=node.power,
        quorate=node.quorate,
        x=x,
        guests=[
            Line(text if len(text) < 25 else f"{text[:23]}…", state, BOX_TOP + HEAD + LINE * n + 14)
            for n, (text, state) in enumerate(guests[:MOST_GUESTS])
        ],
        more=max(0, len(guests) - MOST_GUESTS),
        cables=[
            Cable(network.value, cable_state(picture, name, network), x + BOX / 2, *ends)
            for network, ends in places.items()
        ],
    )


def cable_state(picture: LabPicture, node: str, network: str) -> str:
    """ok, cut, or frayed when only some of the others are not reached."""
    if picture.is_unplugged(node, network):
        return "cut"
    return "frayed" if picture.is_frayed(node, network) else "ok"
