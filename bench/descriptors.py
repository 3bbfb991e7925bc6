"""Room for thousands of sockets: the soft limit of open files, raised as far as we may."""

from __future__ import annotations

import resource


def make_room() -> int:
    """Raise this process's soft limit, which its children inherit; what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
