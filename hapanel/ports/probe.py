"""What the help desk asks of the network: does this service answer a client, and how soon?

A probe does what a browser on campus does: it connects anew, asks once and reads the first line of
the answer. It never raises for what the network does; every such thing is a result.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec


class Failure(StrEnum):
    """Why a probe got no answer. The values are recorded as a service's `reason`."""

    REFUSED = "refused"  # something is there and says no: the program is not running
    NO_CONNECTION = "no-connection"  # silence: the machine or the way to it is gone
    NO_ANSWER = "no-answer"  # connected, but nothing was said in time
    CUT = "cut"  # the connection broke before the answer
    NAME = "name-unknown"  # the name in the URL leads nowhere
    CERTIFICATE = "certificate"  # TLS failed: wrong name, run out, not trusted
    GARBAGE = "garbage"  # an answer that is not HTTP
    NO_NETWORK = "no-network"  # we ourselves cannot reach anything: says nothing of the service


class ProbeTarget(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask: http://, https:// or tcp://host:port, and how long to wait, in seconds.

    `connect_seconds` allows for one lost SYN, which Linux repeats after one second.
    """

    url: str
    verify_tls: bool = True
    connect_seconds: float = 2.0
    answer_seconds: float = 3.5  # from the start, connecting included


class ProbeResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one probe saw: sent at (UTC), milliseconds until the answer or until it was given up.

    `status` is the HTTP status, None for tcp:// and for failures.
    """

    sent_at: datetime
    ms: float
    status: int | None = None
    failure: Failure | None = None


class Probe(Protocol):
    """One probe from where the panel runs; redirects are answers and are not followed."""

    async def __call__(self, target: ProbeTarget) -> ProbeResult: ...
