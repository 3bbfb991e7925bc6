"""A lab's control in memory: what is told to it shows at once, unless it is silenced."""

from __future__ import annotations

from msgspec.structs import replace

from hapanel.ports.errors import BadRequest, ClusterError
from hapanel.ports.lab import LabGuest, LabLink, LabNode, LabPicture

PICTURE = LabPicture(
    nodes={
        "master": LabNode(power="on", address="127.0.42.20", quorate=True),
        "slave": LabNode(power="on", address="127.0.42.21", quorate=True),
    },
    guests={
        "100": LabGuest(
            name="siakad", kind="qemu", node="master", runs_on="master", state="running"
        ),
        "101": LabGuest(name="elearning", kind="lxc", node="master", state="stopped"),
    },
    qdevice="on",
    speed=6.0,
)


class FakeLab:
    """Fulfils `hapanel.ports.lab.LabControl`. `fault` is raised by everything, `lost_answer` after
    an order was carried out, once; a deaf lab takes orders and does nothing."""

    def __init__(self, picture: LabPicture = PICTURE) -> None:
        self.picture = picture
        self.orders: list[tuple[str, ...]] = []
        self.fault: ClusterError | None = None
        self.lost_answer: ClusterError | None = None
        self.is_deaf = False

    def look(self) -> LabPicture:
        if self.fault is not None:
            raise self.fault
        return self.picture

    def do(self, action: str, *args: str) -> None:
        if self.fault is not None:
            raise self.fault
        self.orders.append((action, *args))
        if not self.is_deaf:
            self._obey(action, args)
        if self.lost_answer is not None:
            lost, self.lost_answer = self.lost_answer, None
            raise lost

    def _obey(self, action: str, args: tuple[str, ...]) -> None:
        match action, args:
            case "crash", (node,):
                self._change(node, power="off")
            case "power-on", (node,):
                self._change(node, power="booting")
            case "maintenance", (node, word):
                self._change(node, maintenance=word == "on")
            case "api", (node, fault, *_number):
                self._change(node, api=fault)
            case "qdevice", (word,):
                self.picture = replace(self.picture, qdevice=word)
            case (("cut" | "heal"), (one, other, "--network", network)):
                networks = ["cluster", "replication"] if network == "all" else [network]
                kept = [link for link in self.picture.links if link.network not in networks]
                new = [
                    LabLink(nodes=(one, other), network=n, cut=action == "cut") for n in networks
                ]
                self.picture = replace(self.picture, links=(*kept, *new))
            case _:
                raise BadRequest(f"unknown action {action!r}")

    def _change(self, node: str, **changes: object) -> None:
        nodes = {**self.picture.nodes, node: replace(self.picture.nodes[node], **changes)}
        self.picture = replace(self.picture, nodes=nodes)
