"""Ports and loopback networks: which are free, and a refusal that names the one that is not."""

from __future__ import annotations

import errno
import os
import re
import socket
from dataclasses import dataclass

from hapanel.kernel.refusal import Refused, gettext_noop, refusal_kind

AUTOMATIC = "auto"
LAB_API_PORT = 8006
FIRST_LAB_HOST = 20
_NET = re.compile(r"127\.\d{1,3}\.\d{1,3}")

PORT_TAKEN = refusal_kind(
    "setup-port-taken",
    gettext_noop("Another program already listens on %(host)s:%(port)s."),
    gettext_noop("End that program, or choose another port: --port %(other)s."),
)
PORT_FORBIDDEN = refusal_kind(
    "setup-port-forbidden",
    gettext_noop("The panel may not listen on %(host)s:%(port)s: %(reason)s."),
    gettext_noop("Choose an address of this machine and a port above 1023."),
)
NET_TAKEN = refusal_kind(
    "setup-net-taken",
    gettext_noop("The lab's address %(address)s is taken: most likely another lab runs."),
    gettext_noop("End it, or choose another network for this lab: --net %(other)s."),
)
NO_NET_FREE = refusal_kind(
    "setup-no-net-free",
    gettext_noop("Not one of the lab's networks 127.0.100 to 127.0.249 is free."),
    gettext_noop("End a lab that still runs (./panel stop --var ITS-FOLDER), or name a --net."),
)
NET_MALFORMED = refusal_kind(
    "setup-net-malformed",
    gettext_noop("%(net)s is not the beginning of a loopback network."),
    gettext_noop("Write the first three numbers of one, such as --net 127.0.43."),
)


def claim_port(host: str, port: int) -> int:
    """`port` when it can be listened on, a free one for 0. Raises Refused."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Refused(PORT_TAKEN(host=host, port=port, other=port + 1)) from error
            reason = os.strerror(error.errno or 0)
            raise Refused(PORT_FORBIDDEN(host=host, port=port, reason=reason)) from error
        return int(probe.getsockname()[1])


def claim_net(net: str) -> str:
    """`net` when a lab can live there, a free one for `auto`. Raises Refused."""
    if net == AUTOMATIC:
        start = os.getpid() % 150
        for offset in range(150):
            candidate = f"127.0.{100 + (start + offset) % 150}"
            if _lab_fits(candidate):
                return candidate
        raise Refused(NO_NET_FREE())
    if not _NET.fullmatch(net) or any(int(part) > 255 for part in net.split(".")):
        raise Refused(NET_MALFORMED(net=net))
    if not _lab_fits(net):
        first, second, third = (int(part) for part in net.split("."))
        other = f"{first}.{second}.{(third + 1) % 256}"
        address = f"{net}.{FIRST_LAB_HOST}:{LAB_API_PORT}"
        raise Refused(NET_TAKEN(address=address, other=other))
    return net


def _lab_fits(net: str) -> bool:
    for host in range(FIRST_LAB_HOST, FIRST_LAB_HOST + 2):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((f"{net}.{host}", LAB_API_PORT))
                probe.listen(1)
            except OSError:
                return False
    return True


@dataclass(frozen=True, slots=True)
class Readiness:
    """The panel's own answer about itself; `words` is the body of a No."""

    is_ready: bool
    words: str


def ask_readyz(host: str, port: int, timeout_seconds: float = 2.0) -> Readiness:
    """Ask /readyz of the panel at this address.

    Three lines of HTTP/1.0 by hand: the library for it takes 6 MB that the supervisor, which
    stays for as long as the panel, would keep for this one question.
    """
    question = f"GET /readyz HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n"
    try:
        with socket.create_connection((host, port), timeout_seconds) as connection:
            connection.sendall(question.encode())
            with connection.makefile("rb") as answer:
                head, _, body = answer.read(8000).partition(b"\r\n\r\n")
        status = int(head.split(None, 2)[1])
    except (OSError, ValueError, IndexError) as error:
        return Readiness(False, f"the web process does not answer yet ({error})")
    words = body.decode("utf-8", "replace").strip()
    return Readiness(status == 200, words if status == 503 else f"/readyz answers {status}")
