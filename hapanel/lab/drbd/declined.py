"""What the kernel says when it declines: numbers, words and exit statuses (recordings)."""

NEEDS_DATA, HELD_OPEN, REFUSED_BY_PEER, ALREADY_ACTIVE = -2, -12, -10, -8
NO_VERIFY_ALGORITHM, NEEDS_CONNECTION, TWO_PRIMARIES, NO_QUORUM = -14, -15, -1, -25
ADDRESS_IN_USE, NO_DISCARD_AS_PRIMARY, HAS_NET_CONFIG, NO_MINOR = 102, 123, 125, 127
PAUSE_SET, PAUSE_CLEARED, UNKNOWN_RESOURCE, UNKNOWN_CONNECTION = 134, 135, 158, 162
HAS_DISK, MINOR_EXISTS, SILENTLY, READ_ONLY = 124, 161, -6, -30

WORDS = {
    NEEDS_DATA: "Need access to UpToDate data",
    HELD_OPEN: "Device is held open by someone",
    REFUSED_BY_PEER: "State change was refused by peer node",
    ALREADY_ACTIVE: "Can not start OV/resync since it is already active",
    NO_VERIFY_ALGORITHM: "Need a verify algorithm to start online verify",
    NEEDS_CONNECTION: "Need a connection to start verify or resync",
    TWO_PRIMARIES: "Multiple primaries not allowed by config",
    NO_QUORUM: "No quorum",
    READ_ONLY: "Read-only file system",
    ADDRESS_IN_USE: "Local address(port) already in use.",
    NO_DISCARD_AS_PRIMARY: "--discard-my-data not allowed when primary.",
    HAS_NET_CONFIG: "Device has a net-config (use disconnect first)",
    HAS_DISK: "Device is attached to a disk (use detach first)",
    NO_MINOR: "Device minor not allocated",
    PAUSE_SET: "Sync-pause flag is already set",
    PAUSE_CLEARED: "Sync-pause flag is already cleared",
    UNKNOWN_RESOURCE: "Unknown resource",
    MINOR_EXISTS: "Minor or volume exists already (delete it first)",
    UNKNOWN_CONNECTION: "Invalid configuration request",
}
KERNEL_ADDS = {
    NO_MINOR: "unknown minor",
    UNKNOWN_RESOURCE: "unknown resource",
    UNKNOWN_CONNECTION: "unknown connection",
}


class Declined(Exception):
    """The kernel's No. `more` is a line of additional information from the kernel."""

    def __init__(self, number: int, more: str = "") -> None:
        super().__init__(WORDS.get(number, ""))
        self.number = number
        self.more = more or KERNEL_ADDS.get(number, "")

    @property
    def exit_status(self) -> int:
        """10 for a failed request, 17 without UpToDate data, 11 for any other state change."""
        if self.number > 0:
            return 10
        return 17 if self.number == NEEDS_DATA else 11

    def line(self, subject: str) -> str:
        """The tool's line about it."""
        kind = "Failure" if self.number > 0 else "State change failed"
        return f"{subject}: {kind}: ({self.number}) {WORDS[self.number]}"
