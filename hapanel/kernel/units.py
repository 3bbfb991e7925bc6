"""Sizes, rates and durations: read from Proxmox's texts and written for people."""

from __future__ import annotations

KIB, MIB, GIB = 1024, 1024**2, 1024**3
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def parse_bytes(text: str) -> int:
    """Bytes of a text such as `811.4 MiB` (Proxmox's render_bytes). ValueError when it is none."""
    number, _, unit = text.strip().partition(" ")
    if unit not in _UNITS:
        raise ValueError(f"not a size: {text!r}")
    factor: int = 1024 ** _UNITS.index(unit)
    return round(float(number) * factor)


def format_bytes(size: float) -> str:
    """`13.6 GiB`: one decimal from KiB on, as Proxmox writes sizes."""
    value, unit = float(size), "B"
    for unit in _UNITS:
        if abs(value) < 1024 or unit == _UNITS[-1]:
            break
        value /= 1024
    return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"


def format_duration(seconds: float) -> str:
    """`0:41`, `1:52`, `1:02:03`: minutes and seconds, hours when there are any."""
    total = max(0, round(seconds))
    hours, rest = divmod(total, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{secs:02d}" if hours else f"{minutes}:{secs:02d}"
