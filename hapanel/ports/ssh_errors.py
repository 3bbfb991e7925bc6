"""What can go wrong only over ssh; docs/faults.md has each, hapanel.ports.ssh_faults its remedy."""

from __future__ import annotations

from hapanel.kernel.refusal import gettext_noop
from hapanel.ports.errors import ClusterError, Unreachable

# The reason of an Unreachable when nothing came back at all. Ours, so it is translated at the edge.
SILENT = gettext_noop("it does not answer")


class HostKeyUnknown(Unreachable):
    """ssh answers there, but nobody confirmed its host key yet, so nothing was sent."""

    kind = "host_key_unknown"

    def __init__(self, *, seen: str, address: str) -> None:
        super().__init__(f"its host key {seen} is not confirmed", address=address)
        self.seen = seen


class HostKeyChanged(Unreachable):
    """ssh answers there with another host key than the one that was pinned."""

    kind = "host_key_changed"

    def __init__(self, *, pinned: str, seen: str, address: str) -> None:
        super().__init__(f"it shows {seen} and not {pinned}", address=address)
        self.pinned = pinned
        self.seen = seen


class ScriptMissing(ClusterError):
    """Signed in over ssh, but the forced command is not the panel's script."""

    kind = "script_missing"


class ScriptOlder(ClusterError):
    """The forced command is the panel's script, older than the panel: it lacks what is asked."""

    kind = "script_older"


class CommandFailed(ClusterError):
    """A command ran on the node and failed; the reason is its own text, secrets removed."""

    kind = "command_failed"

    def __init__(self, reason: str, *, command: str, exit_code: int | None, address: str) -> None:
        super().__init__(reason, address=address)
        self.command = command
        self.exit_code = exit_code
