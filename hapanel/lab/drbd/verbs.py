"""drbdadm's verbs that change something, and what each asks of the kernel."""

from collections.abc import Callable
from dataclasses import dataclass

from hapanel.lab.drbd.kernel import Kernel
from hapanel.lab.drbd.side import Side

Act = Callable[[Kernel, Side, str, int, list[str]], None]


@dataclass(frozen=True)
class Verb:
    """A changing verb: what it does, and whether it is done for each peer and each volume."""

    act: Act
    per_peer: bool = False
    per_volume: bool = False


def _connect(kernel: Kernel, side: Side, peer: str, _number: int, options: list[str]) -> None:
    kernel.connect(side, peer, discard="--discard-my-data" in options)


def _primary(kernel: Kernel, side: Side, _peer: str, _number: int, options: list[str]) -> None:
    kernel.primary(side, force="--force" in options)


OPTIONS = {"connect": ("--discard-my-data",), "primary": ("--force",)}
CHANGING = {
    "adjust": Verb(lambda kernel, side, _p, _n, _o: kernel.adjust(side)),
    "primary": Verb(_primary),
    "secondary": Verb(lambda kernel, side, _p, _n, _o: kernel.secondary(side)),
    "connect": Verb(_connect, per_peer=True),
    "disconnect": Verb(lambda kernel, side, p, _n, _o: kernel.disconnect(side, p), per_peer=True),
    "verify": Verb(lambda kernel, side, p, n, _o: kernel.verify(side, n, p), True, True),
    "invalidate": Verb(lambda kernel, side, p, n, _o: kernel.invalidate(side, n, p), True, True),
    "pause-sync": Verb(lambda kernel, side, p, n, _o: kernel.pause(side, n, p), True, True),
    "resume-sync": Verb(
        lambda kernel, side, p, n, _o: kernel.pause(side, n, p, resume=True), True, True
    ),
    "outdate": Verb(lambda kernel, side, _p, _n, _o: kernel.outdate(side)),
    "attach": Verb(lambda kernel, side, _p, _n, _o: kernel.attach(side)),
    "detach": Verb(lambda kernel, side, _p, _n, _o: kernel.detach(side)),
    "up": Verb(lambda kernel, side, _p, _n, _o: kernel.up(side)),
    "down": Verb(lambda kernel, side, _p, _n, _o: kernel.down(side)),
}
