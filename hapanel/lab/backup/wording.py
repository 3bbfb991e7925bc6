"""Lines of vzdump, and how it writes sizes.

Forms: pve-manager VZDump.pm, qemu-server VZDump/QemuServer.pm, pve-container VZDump/LXC.pm.
"""

from hapanel.lab.migration.lines import duration, render_bytes, spoken
from hapanel.lab.tasks import Task, stamp_of

MIB = 1024**2


class Report:
    """What a backup job says, line by line."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def info(self, text: str) -> None:
        """What goes on."""
        self._task.print(f"INFO: {text}")

    def error(self, text: str) -> None:
        """What went wrong; a line feed begins another line of the same kind."""
        for line in text.split("\n"):
            self._task.print(f"ERROR: {line}")

    def began(self, now: float) -> None:
        """When a guest's turn came."""
        self.info(f"Backup started at {stamp_of(now)}")

    def finished(self, vmid: int, seconds: float, now: float) -> None:
        """A guest's good end."""
        self.info(f"Finished Backup of VM {vmid} ({duration(seconds)})")
        self.info(f"Backup finished at {stamp_of(now)}")

    def failed(self, vmid: int, because: str, now: float) -> None:
        """A guest's bad end; the job goes on."""
        self.error(f"Backup of VM {vmid} failed - {because}")
        self.info(f"Failed at {stamp_of(now)}")

    def transferred(self, size: int, zero: int, seconds: float) -> None:
        """The sums of a VM's backup."""
        if zero:
            percent = int(100 * zero / size)
            self.info(f"backup is sparse: {render_bytes(zero, 2)} ({percent}%) total zero data")
        took = "in <1 seconds"
        if int(seconds):
            took = f"in {int(seconds)} seconds ({render_bytes(size / int(seconds))}/s)"
        self.info(f"transferred {render_bytes(size, 2)} {took}")


def percent_line(done: float, size: float, seconds: float, read: float, write: float) -> str:
    """` 12% (4.8 GiB of 40.0 GiB) in 12s, read: 409.6 MiB/s, write: 385.0 MiB/s`."""
    percent = int(done * 100 / size) if size else 100
    return (
        f"{percent:3d}% ({render_bytes(done)} of {render_bytes(size)}) in {spoken(seconds)}, "
        f"read: {_per_second(read)}, write: {_per_second(write)}"
    )


def _per_second(rate: float) -> str:
    return f"{render_bytes(int(rate))}/s" if rate > 0 else "0 B/s"


def archive_size(size: int) -> str:
    """VZDump's own way with sizes: `512KB`, `588MB`, `7.91GB`."""
    kib, mib, gib = size / 1024, size / MIB, size / 1024**3
    if kib < 1024:
        return f"{int(kib)}KB"
    if mib < 1024:
        return f"{int(mib)}MB"
    return f"{gib:.2f}GB" if gib < 1024 else f"{gib / 1024:.2f}TB"


def tar_total(verb: str, size: int, seconds: float) -> str:
    """`Total bytes written: 1680896000 (1.6GiB, 100MiB/s)`, as GNU tar sums up."""
    return f"Total bytes {verb}: {size} ({_human(size)}, {_human(size / max(seconds, 0.001))}/s)"


def rsync_amount(size: float) -> str:
    """`558.25M bytes`, `0 bytes`: as vzdump repeats rsync's statistics."""
    for unit, name in ((1000**3, "G"), (1000**2, "M"), (1000, "K")):
        if size >= unit:
            return f"{size / unit:.2f}{name} bytes"
    return f"{int(size)} bytes"


def _human(size: float) -> str:
    unit = 0
    while size >= 1024 and unit < 5:
        size, unit = size / 1024, unit + 1
    name = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")[unit]
    return f"{size:.1f}{name}" if size < 10 else f"{size:.0f}{name}"
