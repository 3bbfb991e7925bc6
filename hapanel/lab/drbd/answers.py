"""What a tool leaves behind: text on both streams and an exit status."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """The end of a command."""

    stdout: str = ""
    stderr: str = ""
    exit: int = 0


DONE = Answer()
