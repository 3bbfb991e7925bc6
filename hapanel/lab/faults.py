"""What `ctl api NODE ...` can do to the API of a node."""

from dataclasses import dataclass
from enum import StrEnum

from hapanel.lab.words import Refused, first, number


class Misbehaviour(StrEnum):
    """How the API of a node fails."""

    OK = "ok"
    SLOW = "slow"
    REFUSE = "refuse"
    RESET = "reset"
    HANG = "hang"
    HANG_BODY = "hang-body"
    DRIP = "drip"
    DROP_ANSWER = "drop-answer"
    ERROR = "error"
    GARBAGE = "garbage"
    HTML = "html"
    CUT_JSON = "cut-json"
    HUGE = "huge"
    WRONG_TYPES = "wrong-types"
    UNKNOWN_WORDS = "unknown-words"
    FLICKER = "flicker"
    OTHER_CLUSTER = "other-cluster"


# These hold the connection until the fault ends.
HOLDING = frozenset((Misbehaviour.HANG, Misbehaviour.HANG_BODY, Misbehaviour.DRIP))
# Proxmox gives up on another node, or on its own daemon, while the work goes on there.
AFTER_THE_WORK = range(596, 600)


@dataclass
class ApiFault:
    """The present fault of one node. `method` and `path_part` narrow down what it hits."""

    kind: Misbehaviour = Misbehaviour.OK
    milliseconds: int = 0
    status: int = 500
    megabytes: int = 20
    method: str | None = None
    path_part: str | None = None
    shots: int | None = None

    @property
    def prevents_the_work(self) -> bool:
        """Whether what was asked for is not carried out."""
        if self.kind is Misbehaviour.ERROR:
            return self.status not in AFTER_THE_WORK
        return self.kind is Misbehaviour.RESET

    def hits(self, method: str, path: str) -> bool:
        """Whether this request is hit; `shots` counts down and ends the fault at 0."""
        if self.kind is Misbehaviour.OK or self.shots == 0:
            return False
        if self.method and self.method != method:
            return False
        if self.path_part and self.path_part not in path:
            return False
        if self.shots is not None:
            self.shots -= 1
        return True


def api_fault(word: str, rest: list[str]) -> ApiFault:
    """The fault that `api NODE <word> ...` means. Raises Refused."""
    try:
        kind = Misbehaviour(word)
    except ValueError as unknown:
        known = ", ".join(kind.value for kind in Misbehaviour)
        raise Refused(f"unknown API fault {word!r}; there are: {known}, certificate") from unknown
    fault = ApiFault(kind)
    if "--once" in rest:
        fault.shots = 1
        rest = [item for item in rest if item != "--once"]
    match kind:
        case Misbehaviour.SLOW:
            fault.milliseconds, rest = int(number(first(rest, "MS"), "MS")), rest[1:]
        case Misbehaviour.ERROR:
            fault.status, rest = int(number(first(rest, "STATUS"), "STATUS")), rest[1:]
        case Misbehaviour.HUGE:
            fault.megabytes, rest = int(number(first(rest, "MB"), "MB")), rest[1:]
    if rest:
        fault.method = rest[0].upper()
        fault.path_part = rest[1] if len(rest) > 1 else None
    return fault
