"""Log lines of migrations, word for word as qemu-server and pve-container write them."""

from hapanel.lab.migration.arithmetic import PAGE, PreCopy

UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def render_bytes(amount: float, decimals: int = 1) -> str:
    """Number, blank, binary unit (pve-common Format.pm)."""
    size, unit = float(amount), 0
    while size >= 1024 and unit < len(UNITS) - 1:
        size /= 1024
        unit += 1
    return f"{size:.{decimals}f} {UNITS[unit]}"


def duration(seconds: float) -> str:
    """`hh:mm:ss`, hours not limited to two digits."""
    whole = int(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def spoken(seconds: float) -> str:
    """`4s`, `1m 22s`, `2h 5m 3s` (pve-common Format.pm)."""
    hours, rest = divmod(int(seconds), 3600)
    minutes, whole = divmod(rest, 60)
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes or hours else "", f"{whole}s"]
    return " ".join(part for part in parts if part)


def dd(sent: int, seconds: float) -> str:
    """A line of dd: bytes in both units, whole seconds, decimal rate."""
    rate = sent / max(seconds, 0.001) / 1e6
    return (
        f"{sent} bytes ({sent / 1e9:.1f} GB, {sent / 1024**3:.1f} GiB) copied, "
        f"{seconds:.0f} s, {rate:.0f} MB/s"
    )


def progress(copy: PreCopy, rate: float) -> str:
    """`migration active, transferred X of Y VM-state, Z/s`, with the dirty rate when it wins."""
    line = (
        f"migration active, transferred {render_bytes(copy.transferred)} "
        f"of {render_bytes(copy.total)} VM-state, {render_bytes(rate)}/s"
    )
    if copy.current_dirty_rate > rate:
        line += f", VM dirties lots of memory: {render_bytes(copy.current_dirty_rate)}/s"
    return line


def xbzrle(pages_sent_again: float, cache_miss: float) -> str:
    """Pages sent again go through the delta cache; from the second pass on it has a line."""
    pages = int(pages_sent_again / PAGE)
    encoded = render_bytes(pages_sent_again * 0.03)
    overflow = pages // 900
    return (
        f"xbzrle: send updates to {pages} pages in {encoded} encoded memory, "
        f"cache-miss {cache_miss:.2f}%, overflow {overflow}"
    )


def average_speed(memory: int, seconds: float, downtime_ms: int) -> str:
    """Guest memory over elapsed time, and what it cost."""
    return (
        f"average migration speed: {render_bytes(memory / seconds)}/s - downtime {downtime_ms} ms"
    )


def cache_size(memory: int) -> str:
    """The delta cache: an eighth of the memory, a power of two."""
    size = 1
    while size * 2 <= memory / 8:
        size *= 2
    return f"migration cachesize: {render_bytes(size)}"
