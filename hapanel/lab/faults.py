"""What `ctl api NODE ...` can do to the API of a node."""

from dataclasses import dataclass
from enum import StrEnum


class Misbehaviour(StrEnum):
    """How the API of a node fails."""

    OK = "ok"
    SLOW = "slow"
    REFUSE = "refuse"
    HANG = "hang"
    DROP_ANSWER = "drop-answer"
    ERROR = "error"
    GARBAGE = "garbage"
    HTML = "html"
    CUT_JSON = "cut-json"
    HUGE = "huge"


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
