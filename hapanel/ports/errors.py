"""What can go wrong between the panel and a cluster: one typed error per kind.

Gateways raise only these. `may_have_happened` is the fact that decides everything for writes: when
it is True the request may have been carried out although no good answer came, so nobody may repeat
it before having looked for its effect in the cluster.
"""

from __future__ import annotations


class ClusterError(Exception):
    """Base of all errors of a gateway.

    reason: what Proxmox or the network said, one line, never a secret.
    status: the HTTP status (Proxmox's own 595 to 599 included), None when there was no answer.
    address: the base URL that was asked, None when none was tried.
    """

    kind = "error"

    def __init__(
        self,
        reason: str,
        *,
        status: int | None = None,
        address: str | None = None,
        may_have_happened: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.address = address
        self.may_have_happened = may_have_happened


class Unreachable(ClusterError):
    """No address answered: refused, no route, time-out, connection cut."""

    kind = "unreachable"


class CertificateMismatch(Unreachable):
    """Somebody answered, but not with the certificate that was recorded for the cluster."""

    kind = "certificate"


class OtherCluster(Unreachable):
    """Somebody answered, with a good certificate even, but it is another cluster's node."""

    kind = "other_cluster"


class SignInRefused(ClusterError):
    """401: the token or ticket is unknown, expired, revoked or disabled."""

    kind = "refused"


class PermissionMissing(ClusterError):
    """403: signed in, but the privilege is missing; the reason names path and privilege."""

    kind = "permission"


class NotQuorate(ClusterError):
    """The node that answered has no quorum, so the cluster takes no writes."""

    kind = "not_quorate"


class GuestLocked(ClusterError):
    """`VM is locked (migrate)`: another task holds the guest's configuration."""

    kind = "locked"


class NoSuchGuest(ClusterError):
    """The guest's configuration is not where it was asked for: gone, or moved to another node."""

    kind = "no_such_guest"


class NodeUnreachable(ClusterError):
    """595 to 599: the node that answered could not hand the call on to the node it is about."""

    kind = "node_unreachable"


class BadRequest(ClusterError):
    """400: Proxmox refused a parameter; the reason carries its words."""

    kind = "bad_request"


class ServerFault(ClusterError):
    """Any other 4xx or 5xx of Proxmox; the reason is its own text."""

    kind = "server_fault"


class Garbage(ClusterError):
    """An answer that is none of Proxmox's: HTML, cut JSON, wrong types, far too large."""

    kind = "garbage"
