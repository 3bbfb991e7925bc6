"""What drbdadm and drbdsetup mean when they refuse: the reason and a remedy beside their own words.

The kernel's numbers in brackets are the same in 8.4 and 9; where drbdadm prints none, its words
decide. Exit codes: 10 configuration, unknown or busy; 11 state refused; 17 no UpToDate data; 20
usage or module; 1 no metadata and much else (recorded from 8.4.11 and 9.2.18 with drbd-utils 9.22).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from hapanel.drbd.decode.gaps import LONGEST_KEPT
from hapanel.drbd.redact import redact
from hapanel.kernel.refusal import Refusal, RefusalKind, gettext_noop, refusal_kind

NO_CURRENT_DATA = refusal_kind(
    "drbd-no-current-data",
    gettext_noop("%(node)s has no UpToDate copy of %(resource)s within reach. DRBD says: %(said)s"),
    gettext_noop("Bring the node with the current copy back, or let the sync end."),
)
IN_USE = refusal_kind(
    "drbd-in-use",
    gettext_noop("Something on %(node)s holds %(resource)s open. DRBD says: %(said)s"),
    gettext_noop("Stop or move its guests, and deactivate the volume group on it (vgchange -an)."),
)
SECOND_PRIMARY = refusal_kind(
    "drbd-second-primary",
    gettext_noop("Another node is Primary for %(resource)s already. DRBD says: %(said)s"),
    gettext_noop("Make the other node Secondary first."),
)
NO_QUORUM = refusal_kind(
    "drbd-no-quorum",
    gettext_noop("%(node)s sees too few nodes of %(resource)s. DRBD says: %(said)s"),
    gettext_noop("Bring its links back. Forcing it leads to a split brain."),
)
PEER_REFUSED = refusal_kind(
    "drbd-peer-refused",
    gettext_noop("The peer of %(node)s refused the change to %(resource)s. DRBD says: %(said)s"),
    gettext_noop("The kernel log of the peer says why; often it would lose its only good copy."),
)
BUSY = refusal_kind(
    "drbd-sync-running",
    gettext_noop("A sync or verify of %(resource)s runs already. DRBD says: %(said)s"),
    gettext_noop("Wait until it has ended."),
)
NEEDS_LINK = refusal_kind(
    "drbd-needs-connection",
    gettext_noop("%(resource)s is not connected on %(node)s. DRBD says: %(said)s"),
    gettext_noop("Connect it first."),
)
NO_VERIFY = refusal_kind(
    "drbd-no-verify-algorithm",
    gettext_noop("%(resource)s has no verify-alg, or the kernel lacks it. DRBD says: %(said)s"),
    gettext_noop("Set verify-alg in the net section on both nodes, and adjust the resource."),
)
STILL_PRIMARY = refusal_kind(
    "drbd-still-primary",
    gettext_noop("%(node)s is Primary for %(resource)s. DRBD says: %(said)s"),
    gettext_noop("Make it Secondary first."),
)
NO_CHANGE = refusal_kind(
    "drbd-already-so",
    gettext_noop("%(resource)s is so already on %(node)s. DRBD says: %(said)s"),
    gettext_noop("There is nothing to do; look at its state again."),
)
NOT_THERE = refusal_kind(
    "drbd-not-up",
    gettext_noop("%(resource)s is not up on %(node)s. DRBD says: %(said)s"),
    gettext_noop("Bring it up there first (drbdadm up)."),
)
NOT_CONFIGURED = refusal_kind(
    "drbd-not-configured",
    gettext_noop("%(node)s has no resource %(resource)s in its configuration. DRBD says: %(said)s"),
    gettext_noop("Compare /etc/drbd.d of both nodes."),
)
NO_METADATA = refusal_kind(
    "drbd-no-metadata",
    gettext_noop("The disk of %(resource)s on %(node)s has no metadata. DRBD says: %(said)s"),
    gettext_noop(
        "drbdadm create-md makes some for a new disk. On a disk that held data before, find out "
        "first where its metadata went."
    ),
)
ADDRESS_TAKEN = refusal_kind(
    "drbd-address-taken",
    gettext_noop("The address of %(resource)s is taken, or not on %(node)s. DRBD says: %(said)s"),
    gettext_noop("Compare the addresses and ports of all resources with those of the node."),
)
CONFIGURATION = refusal_kind(
    "drbd-configuration",
    gettext_noop("%(node)s cannot use the configuration of %(resource)s. DRBD says: %(said)s"),
    gettext_noop("Mend it where it says, on both nodes; the panel's lint explains each rule."),
)
NO_MODULE = refusal_kind(
    "drbd-module",
    gettext_noop("DRBD is not loaded on %(node)s, or is another one. DRBD says: %(said)s"),
    gettext_noop("modprobe drbd, and see that tools and kernel module belong together."),
)
OTHER = refusal_kind(
    "drbd-refused",
    gettext_noop("%(node)s refused it for %(resource)s. DRBD says: %(said)s"),
    gettext_noop("The kernel log of the node says more."),
)

_BY_NUMBER: Mapping[int, RefusalKind] = {
    -1: SECOND_PRIMARY,
    -2: NO_CURRENT_DATA,
    -8: BUSY,
    -10: PEER_REFUSED,
    -12: IN_USE,
    -14: NO_VERIFY,
    -15: NEEDS_LINK,
    -25: NO_QUORUM,
    102: ADDRESS_TAKEN,
    123: STILL_PRIMARY,
    125: NO_CHANGE,
    127: NOT_THERE,
    134: NO_CHANGE,
    135: NO_CHANGE,
    139: CONFIGURATION,
    146: NO_VERIFY,
    158: NOT_THERE,
    161: NO_CHANGE,
    162: NOT_THERE,
    164: STILL_PRIMARY,
}
_BY_WORDS: tuple[tuple[re.Pattern[str], RefusalKind], ...] = (
    (re.compile(r"No valid meta data", re.IGNORECASE), NO_METADATA),
    (re.compile(r"not defined in your config"), NOT_CONFIGURED),
    (re.compile(r"No such resource|Unknown resource|No such connection", re.IGNORECASE), NOT_THERE),
    (re.compile(r"is configured!"), NO_CHANGE),
    (re.compile(r"not found on this host|BAD LUCK|can not resolve"), ADDRESS_TAKEN),
    (re.compile(r"Could not connect to 'drbd' generic netlink|modprobe|No such device"), NO_MODULE),
    (re.compile(r"in resource \S+|\.(res|conf):\d+:|invalid argument|one of A,B"), CONFIGURATION),
)
_NUMBER = re.compile(r"(?:Failure|State change failed): \((-?\d{1,4})\)")
_COMMAND = re.compile(r"^Command '.*' terminated with exit code \d+$", re.MULTILINE)


def said(stderr: str) -> str:
    """DRBD's own words on one line: no secret, no repeated command line, not longer than needed."""
    lines = _COMMAND.sub("", redact(stderr)).splitlines()
    words = "; ".join(line.strip() for line in lines if line.strip())
    return "".join(sign if sign.isprintable() else "?" for sign in words)[: 2 * LONGEST_KEPT] or "-"


def refusal_of_tool(node: str, resource: str, exit_code: int, stderr: str) -> Refusal | None:
    """Why a command of drbdadm or drbdsetup failed on `node`; None when it did not (exit 0)."""
    if exit_code == 0:
        return None
    words = said(stderr) if stderr.strip() else f"exit {exit_code}"
    names = {"node": node, "resource": resource, "said": words}
    number = _NUMBER.search(stderr)
    kind = _BY_NUMBER.get(int(number[1])) if number else None
    if kind is None:
        kind = next((kind for pattern, kind in _BY_WORDS if pattern.search(stderr)), OTHER)
    return kind(**names)
